"""Takes a locustfile's classes in hand: their requests are followed, and under the open model their waits are ours."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from locust import TaskSet, User

from tailgate_loadtest.engine.thinking import think
from tailgate_loadtest.engine.tracker import Tracker, Visit, visit_of

Gate = Callable[[User, Visit], None]


def follow(classes: Sequence[type[User]], tracker: Tracker, gate: Gate | None = None) -> None:
    """Have the tracker follow every user of these classes.

    With a ``gate``, a user waits at it before every task, in place of the locustfile's own wait times; its own
    ``self.wait()`` within a task is think time.
    """
    # All originals are taken before any class is changed: one class may inherit from another.
    starts: dict[type[User], Callable[[Any], None]] = {cls: cls.on_start for cls in classes}
    waits: dict[type[User], Callable[[Any], float]] = {cls: cls.wait_time for cls in classes}
    for cls in classes:
        _replace_start(cls, starts[cls], tracker, gate)
        if gate is not None:
            _replace_wait(cls, waits[cls], gate)


def _replace_start(cls: type[User], original: Callable[[Any], None], tracker: Tracker, gate: Gate | None) -> None:
    def on_start(user: User) -> None:
        if type(user) is not cls:  # reached by super() from a subclass, which has done the rest already
            original(user)
            return
        visit = tracker.enter(user)
        original(user)
        visit.setup = False
        if gate is not None:
            gate(user, visit)

    cls.on_start = on_start  # type: ignore[method-assign, assignment]


def _replace_wait(cls: type[User], original: Callable[[Any], float], gate: Gate) -> None:
    def at_gate(owner: User | TaskSet) -> float:
        user = owner.user if isinstance(owner, TaskSet) else owner
        visit = visit_of(user)
        if visit is not None:
            gate(user, visit)
        return 0.0

    def wait(user: User) -> None:
        think(user, original(user))

    cls.wait_time = at_gate
    cls.wait = wait  # type: ignore[method-assign]
    for task_set in set(_task_sets(cls.tasks)):
        task_set.wait_time = at_gate  # type: ignore[method-assign]


def _task_sets(tasks: Sequence[Any]) -> Iterator[type[TaskSet]]:
    for task in tasks:
        if isinstance(task, type) and issubclass(task, TaskSet):
            yield task
            yield from _task_sets(task.tasks)
