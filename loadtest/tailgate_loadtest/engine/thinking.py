"""Think time that the engine can plan with."""

import gevent
from locust import User

from tailgate_loadtest.engine.tracker import visit_of


def think(user: User, seconds: float) -> None:
    """Pause a user between two requests of one task.

    Under this engine the next request is due exactly ``seconds`` after the last one ended, so a late start counts into
    its response time. Under plain Locust it is a sleep.
    """
    visit = visit_of(user)
    if visit is not None:
        visit.due = visit.ended + seconds
    gevent.sleep(seconds)
