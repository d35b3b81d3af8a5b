"""A user's visit: where it stands, known to all who pace its arrivals, plan its thinking, and follow its requests."""

from dataclasses import dataclass, field

from locust import User

_VISIT = "_tailgate_visit"


@dataclass(slots=True)
class Visit:
    """Where one user stands."""

    persona: str
    setup: bool = True
    """In ``on_start`` or ``on_stop``: its requests are not judged."""
    arrived: bool = False
    """It carries arrivals, whose requests have moments when they are due."""
    fresh: bool = False
    """Its arrival has begun, and none of its tasks has."""
    tasking: bool = False
    """In a task, and not between two of a task set."""
    due: float | None = None
    """When its next request is due; None: at its send."""
    waited: float = 0.0
    """Seconds that the arrival of its next request has waited for a user."""
    ended: float = 0.0
    """When its last request ended."""
    held: set[int] = field(default_factory=set)
    """Its flights that are answered, while the locustfile has not yet said whether the answer is a good one."""


def visit_of(user: User) -> Visit | None:
    """Where a user of this engine stands; None under plain Locust."""
    visit: Visit | None = getattr(user, _VISIT, None)
    return visit


def begin_visit(user: User) -> Visit:
    """A user begins, with its ``on_start``: what ``visit_of`` finds from now on."""
    visit = Visit(type(user).__name__)
    setattr(user, _VISIT, visit)
    return visit
