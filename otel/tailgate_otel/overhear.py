"""How a test hears of every statement that this process sends, whatever record it belongs to.

Connections look for their record by one function. Only while somebody listens it is another one, which gives them a
record that tells the listeners, too; so a process in which nobody does pays nothing for it.
"""

import asyncio
import sys
from contextlib import ExitStack
from contextvars import ContextVar, Token
from types import FrameType
from typing import Any, Final
from unittest.mock import patch

import asyncpg

from tailgate_otel import database
from tailgate_otel.call import QUERY, Call, Row
from tailgate_otel.guard import Guard
from tailgate_otel.record import CURRENT, Record

# What stands between a statement and the line of the application that asked for it.
_DRIVER: Final = ("asyncio", "asyncpg", "contextlib", "sqlalchemy", "sqlmodel", "tailgate_otel")
_EVENT_LOOP: Final = ("asyncio.base_events", "asyncio.events", "asyncio.runners")


class Sent:
    """One round trip, and the record of the request that it belongs to, if any, be that closed."""

    __slots__ = ("_row", "request", "site")

    def __init__(self, row: Row, request: Record | None, site: str) -> None:
        self._row = row
        self.request = request
        self.site = site

    @property
    def call(self) -> Call:
        """What is known of it by now."""
        return Call(*self._row)


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
        return [sent for sent in self.sent.copy() if _is_query(sent.call)]


class _Overheard:
    """Stands for a record while a connection uses it. Where no record is open, for one that nobody reads."""

    open = True

    def __init__(self, request: Record | None) -> None:
        self._request = request
        self._record = record = request if request is not None and request.open else Record(Guard())
        self.enclosing, self.parent = record.enclosing, record.parent
        self.watched, self.watch = record.watched, record.watch
        self.sink, self.guard = record.sink, record.guard
        self.rows = self

    def begin(self, *written: Any) -> Row:
        row = self._record.begin(*written)
        self._tell(row)
        return row

    def append(self, row: Row) -> None:
        self._record.rows.append(row)
        self._tell(row)

    def __len__(self) -> int:
        return len(self._record.rows)

    def _tell(self, row: Row) -> None:
        sent = Sent(row, self._request, _call_site(sys._getframe(2)))
        for listener in tuple(_listeners):
            listener.sent.append(sent)


class _Ear:
    """Stands for the variable in which connections look for their record."""

    def get(self) -> Any:
        return None if _connecting.get() else _Overheard(CURRENT.get())

    def set(self, record: None) -> tuple[Token[Record | None], Token[bool]]:
        return CURRENT.set(record), _connecting.set(True)

    def reset(self, tokens: tuple[Token[Record | None], Token[bool]]) -> None:
        CURRENT.reset(tokens[0])
        _connecting.reset(tokens[1])


# A pool that opens a connection sends what its callbacks like: that is nobody's query.
_connecting: ContextVar[bool] = ContextVar("tailgate_connecting", default=False)
_listeners: list[Listener] = []
_patches = ExitStack()


def listen(listener: Listener) -> None:
    """From now on the listener hears of what recorded connections send, in every thread."""
    if not _listeners:
        _patches.enter_context(patch.object(database, "CURRENT", _Ear()))
        _patches.enter_context(
            patch.object(asyncpg.Connection, "_check_open", _noticing(asyncpg.Connection._check_open))
        )
    _listeners.append(listener)


def leave(listener: Listener) -> None:
    """The listener has heard enough."""
    _listeners.remove(listener)
    if not _listeners:
        _patches.close()


def _is_query(call: Call) -> bool:
    return call.kind == QUERY and not call.statement.controls_transaction


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
