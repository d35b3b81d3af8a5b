"""Where in the application a statement comes from."""

from asyncio import Future, Task, current_task
from collections.abc import Iterator
from types import FrameType
from typing import Any

_DRIVER = frozenset(("asyncpg", "tailgate_otel", "asyncio", "contextlib", "sqlalchemy", "sqlmodel"))
_EVENT_LOOP = frozenset(("asyncio.events", "asyncio.base_events", "asyncio.runners"))
# Futures between a task and the one that waits for it: gather within gather, and shields, have as many.
_MAX_FUTURES = 5


def call_site(frame: FrameType | None) -> str:
    """``file:line`` in the application that a call comes from; empty when it cannot be known."""
    return calling(frame) or awaiting()


def calling(frame: FrameType | None) -> str:
    """The nearest caller that is neither the driver nor this package.

    A task that runs nothing but the driver, as the children of ``gather(pool.fetch(...), ...)`` do, has none.
    """
    while frame is not None:
        if frame.f_globals.get("__name__", "") in _EVENT_LOOP:
            break
        if _is_application(frame):
            return _line(frame)
        frame = frame.f_back
    return ""


def awaiting() -> str:
    """Where the task stands that waits for the current one."""
    try:
        task = current_task()
    except RuntimeError:  # no event loop
        return ""
    return next((site for waiting in _waiting_for(task) if (site := _standing(waiting))), "") if task else ""


def _waiting_for(future: Future[Any], depth: int = 0) -> Iterator[Task[Any]]:
    """The tasks that go on when a future is done: by itself, by gather, wait or shield, or by a task group.

    asyncio keeps them in what it calls then, and has no other word for them before Python 3.14.
    """
    if depth > _MAX_FUTURES:
        return
    for callback, *_ in getattr(future, "_callbacks", None) or ():
        owner = getattr(callback, "__self__", None)
        parent = owner if isinstance(owner, Task) else getattr(owner, "_parent_task", None)
        if isinstance(parent, Task):
            yield parent
        for cell in getattr(callback, "__closure__", None) or ():
            held = cell.cell_contents
            if isinstance(held, Future):
                yield from _waiting_for(held, depth + 1)


def _standing(task: Task[Any]) -> str:
    """The innermost line of the application's that a suspended task stands in."""
    site = ""
    waiting: Any = task.get_coro()
    while waiting is not None:
        frame = getattr(waiting, "cr_frame", None)
        if frame is not None and _is_application(frame):
            site = _line(frame)
        waiting = getattr(waiting, "cr_await", None)
    return site


def _is_application(frame: FrameType) -> bool:
    module: str = frame.f_globals.get("__name__", "")
    return module.partition(".")[0] not in _DRIVER


def _line(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
