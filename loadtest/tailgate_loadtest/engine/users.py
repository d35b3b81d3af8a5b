"""Takes a locustfile's classes in hand: their requests are followed, and under the open model their tasks are paced."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gevent
from locust import TaskSet, User
from locust.user.task import LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING

from tailgate_loadtest.engine.thinking import think
from tailgate_loadtest.engine.tracker import Tracker
from tailgate_loadtest.engine.visit import Visit, visit_of
from tailgate_loadtest.engine.watch import watch

Gate = Callable[[User, Visit], None]


def follow(classes: Sequence[type[User]], tracker: Tracker, headers: Mapping[str, str]) -> None:
    """Have the tracker follow every user of these classes; what they do to start and to stop is set-up.

    Their requests bear ``headers``, unless they have such headers of their own.
    """
    # All originals are taken before any class is changed: one class may inherit from another.
    starts: dict[type[User], Callable[[Any], None]] = {cls: cls.on_start for cls in classes}
    stops: dict[type[User], Callable[[Any], None]] = {cls: cls.on_stop for cls in classes}
    for cls in classes:
        _replace(cls, starts[cls], stops[cls], tracker, headers)


def _replace(
    cls: type[User],
    start: Callable[[Any], None],
    stop: Callable[[Any], None],
    tracker: Tracker,
    headers: Mapping[str, str],
) -> None:
    # Reached by super() from a subclass, the subclass has done the rest already.
    def on_start(user: User) -> None:
        if type(user) is not cls:
            start(user)
            return
        visit = tracker.enter(user)
        watch(user, visit, tracker, headers)
        start(user)
        visit.setup = False

    def on_stop(user: User) -> None:
        if type(user) is cls:
            tracker.withdraw(user)
        stop(user)

    cls.on_start = on_start  # type: ignore[method-assign, assignment]
    cls.on_stop = on_stop  # type: ignore[method-assign]


def release() -> None:
    """Have a user that Locust ends while it waits end there, and not within its next request.

    For a process of its own: Locust's User is not the same afterwards.
    """
    stop: Callable[[User, bool], bool] = User.stop

    def stop_or_release(self: User, force: bool = False) -> bool:
        if self._state == LOCUST_STATE_WAITING:
            # The kill comes at the loop's next turn. A user whose wait is over by then sees this first.
            self._state = LOCUST_STATE_STOPPING
            self.group.killone(self.greenlet)
            return True
        return stop(self, force)

    User.stop = stop_or_release  # type: ignore[method-assign]


def pace(gates: Mapping[type[User], Gate]) -> None:
    """Have every user of these classes wait at its gate before each task, in place of its own waiting after one.

    For a process of its own: Locust's TaskSet is not the same afterwards. A task set that is itself a task belongs,
    with its ``on_start``, to the arrival of its first task. ``self.wait()`` within a task is think time.
    """
    execute: Callable[[TaskSet], None] = TaskSet.execute_next_task

    def execute_next_task(self: TaskSet) -> None:
        visit = visit_of(self.user)
        if visit is None:  # not one of ours: a class that was not asked for
            execute(self)
            return
        if not visit.fresh:
            gates[type(self.user)](self.user, visit)
            visit.fresh = True
        nested = isinstance(self._task_queue[0], type)
        visit.tasking = not nested
        try:
            execute(self)
        finally:
            visit.fresh = visit.tasking = False

    def wait(self: TaskSet) -> None:
        visit = visit_of(self.user)
        if visit is not None and visit.tasking:
            think(self.user, self.wait_time())
        else:
            gevent.sleep(0)

    TaskSet.execute_next_task = execute_next_task  # type: ignore[method-assign]
    TaskSet.wait = wait  # type: ignore[method-assign]
