"""How a test hears of every statement that this process sends, whatever record it belongs to.

Connections look for their record by one function. Only while somebody listens it is another one, which gives them a
record that tells the listeners, too; so a process in which nobody does pays nothing for it.
"""

import asyncio
import sys
from contextlib import ExitStack
from contextvars import ContextVar
from types import FrameType
from typing import Any, Final
from unittest.mock import patch

import asyncpg

from tailgate_otel import database
from tailgate_otel.guard import Guard
from tailgate_otel.record import CURRENT, QUERY, Call, Record
from tailgate_otel.statement import describe

# What stands between a statement and the line of the application that asked for it.
_DRIVER: Final = ("asyncio", "asyncpg", "contextlib", "sqlalchemy", "sqlmodel", "tailgate_otel")
_EVENT_LOOP: Final = ("asyncio.base_events", "asyncio.events", "asyncio.runners")


class Sent:
    """One round trip, and the record of the request that it belongs to, if any, be that closed."""

    __slots__ = ("call", "repeatable", "request", "site", "text")

    def __init__(self, call: Call, text: str, repeatable: bool, request: Record | None, site: str) -> None:
        self.call = call
        self.text = text
        self.repeatable = repeatable
        self.request = request
        self.site = site


class Listener:
    """What was heard between :func:`listen` and :func:`leave`.

    Attributes:
        sent: every round trip, in the order they were begun.
        unrecorded: how often a connection was used that is not recorded.

    """

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.unrecorded = 0

    @property
    def queries(self) -> list[Sent]:
        """The statements of the application."""
        return [sent for sent in self.sent.copy() if sent.call.kind == QUERY]

    def forget(self, sent: Sent) -> None:
        """Nothing was sent after all."""
        if sent in self.sent:
            self.sent.remove(sent)


class _Overheard:
    """Stands for a record while a connection uses it. Where no record is open, for one that nobody reads."""

    def __init__(self, request: Record | None, listeners: tuple[Listener, ...]) -> None:
        self._request = request
        self._record = request if request is not None and request.open else Record(Guard())
        self._listeners = listeners
        self._sent: dict[Call, Sent] = {}
        self.guard = self._record.guard

    def begin(self, text: str, kind: int, repeatable: bool) -> Call:
        call = self._record.begin(text, kind, repeatable)
        sent = self._sent[call] = Sent(
            call, describe(text).text, repeatable, self._request, _call_site(sys._getframe(1))
        )
        for listener in self._listeners:
            listener.sent.append(sent)
        return call

    def end(self, call: Call, error: BaseException | None) -> None:
        self._record.end(call, error)

    def refused(self, call: Call, kind: int) -> None:
        self._record.refused(call, kind)

    def unsent(self, call: Call) -> None:
        self._record.unsent(call)
        for listener in self._listeners:
            listener.forget(self._sent[call])

    def sent_again(self) -> None:
        self._record.sent_again()
        for listener in self._listeners:
            mine = (sent for sent in reversed(listener.queries) if sent.request is self._request and sent.call.error)
            invalidated = next(mine, None)
            if invalidated is not None:
                listener.forget(invalidated)

    def begin_wait(self) -> Call:
        _connecting.set(True)
        return self._record.begin_wait()

    def end_wait(self, call: Call, error: BaseException | None) -> None:
        _connecting.set(False)
        self._record.end_wait(call, error)


# A pool that opens a connection sends what its callbacks like: that is nobody's query.
_connecting: ContextVar[bool] = ContextVar("tailgate_connecting", default=False)
_listeners: list[Listener] = []
_patches = ExitStack()


def listen(listener: Listener) -> None:
    """From now on the listener hears of what recorded connections send, in every thread."""
    if not _listeners:
        _patches.enter_context(patch.object(database, "open_record", _overheard))
        _patches.enter_context(
            patch.object(asyncpg.Connection, "_check_open", _noticing(asyncpg.Connection._check_open))
        )
    _listeners.append(listener)


def leave(listener: Listener) -> None:
    """The listener has heard enough."""
    _listeners.remove(listener)
    if not _listeners:
        _patches.close()


def _overheard() -> Any:
    return None if _connecting.get() else _Overheard(CURRENT.get(), tuple(_listeners))


def _noticing(check_open: Any) -> Any:
    def noticing(connection: asyncpg.Connection) -> None:
        # isinstance would not do: asyncpg makes it true for any connection.
        if not issubclass(type(connection), database.RecordedConnection):
            for listener in _listeners:
                listener.unrecorded += 1
        check_open(connection)

    return noticing


def _call_site(frame: FrameType | None) -> str:
    """``file:line`` of the nearest caller that is no driver, else of whoever began the task; empty if unknown."""
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module in _EVENT_LOOP:
            break
        if module.partition(".")[0] not in _DRIVER:
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    task = asyncio.current_task()
    origin = getattr(task.get_coro(), "cr_origin", None) if task else None
    return f"{origin[0][0]}:{origin[0][1]}" if origin else ""
