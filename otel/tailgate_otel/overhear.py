"""How a test hears of every statement that this process sends, whatever record it belongs to.

Connections and pools look up their record in one context variable. Only while somebody listens something else stands in
its place, and shows the listeners what is written down; so a process in which nobody listens pays nothing for it.
"""

import asyncio
import inspect
from contextlib import ExitStack
from contextvars import Token
from math import inf
from types import FrameType
from typing import Any, NamedTuple
from unittest.mock import patch

import asyncpg

from tailgate_otel.call import QUERY, WIDTH, Call, Rows
from tailgate_otel.connection import RecordedConnection
from tailgate_otel.guard import Guard
from tailgate_otel.record import CURRENT, Record
from tailgate_otel.site import awaiting, calling

_LOOKED_UP_IN = ("tailgate_otel.connection.CURRENT", "tailgate_otel.pool.CURRENT")


class Sent(NamedTuple):
    """What a connection wrote down.

    Attributes:
        rows: where a call is being written; what it was for, and how it ended, may turn out later.
        at: where it begins there.
        request: the record of the request that it belongs to, be that closed, if there is one.
        site: ``file:line`` of its caller, else of whoever began its task; empty if that is unknown.

    """

    rows: Rows
    at: int
    request: Record | None
    site: str

    @property
    def call(self) -> Call:
        """The call as far as it has come."""
        text, kind, started, ended, found = self.rows[self.at : self.at + WIDTH]
        return Call.written(text, kind, started, ended, found, 0)


class Listener:
    """What was heard between :func:`listen` and :func:`leave`.

    Attributes:
        sent: every call, in the order they were begun.
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
    """Stands for a record while a connection writes down one call, or a pool a wait.

    Where no record is open, it is written into one that nobody reads.
    """

    open = True

    def __init__(self, request: Record | None, listeners: tuple[Listener, ...]) -> None:
        self._record = record = request if request is not None and request.open else Record(Guard())
        self.rows = _Rows(record.rows, request, listeners)
        self.waits = record.waits
        self.watched = record.watched if record is request else inf
        self.enclosing, self.nest = record.enclosing, record.nest
        self.sink, self.guard = record.sink, record.guard

    def watch(self, rows: "_Rows", at: int) -> None:
        self._record.watch(rows.written, at)


class _Rows:
    """Stands for a record's rows, and tells the listeners of a new one."""

    def __init__(self, written: Rows, request: Record | None, listeners: tuple[Listener, ...]) -> None:
        self.written = written
        self._request = request
        self._listeners = listeners

    def extend(self, row: tuple[Any, ...]) -> None:
        sent = Sent(self.written, len(self.written), self._request, _site(inspect.currentframe()))
        self.written.extend(row)
        for listener in self._listeners:
            listener.sent.append(sent)

    def __len__(self) -> int:
        return len(self.written)

    def __getitem__(self, at: int) -> Any:
        return self.written[at]

    def __setitem__(self, at: int, value: Any) -> None:
        self.written[at] = value


class _Current:
    """Stands for the context variable in the eyes of connections and pools."""

    def __init__(self) -> None:
        self._nobody = Record(Guard())
        self._nobody.close()

    def get(self) -> Any:
        request = CURRENT.get()
        return None if request is self._nobody else _Overheard(request, tuple(_listeners))

    def set(self, record: Record | None) -> Token[Record | None]:
        # A pool opens connections outside of any record: what it sends for that is nobody's query.
        return CURRENT.set(self._nobody if record is None else record)

    def reset(self, token: Token[Record | None]) -> None:
        CURRENT.reset(token)


_listeners: list[Listener] = []
_patches = ExitStack()


def listen(listener: Listener) -> None:
    """From now on the listener hears of what recorded connections send, in every thread."""
    if not _listeners:
        current, noticing = _Current(), _noticing(asyncpg.Connection._check_open)
        for place in _LOOKED_UP_IN:
            _patches.enter_context(patch(place, current))
        _patches.enter_context(patch.object(asyncpg.Connection, "_check_open", noticing))
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
        if not issubclass(type(connection), RecordedConnection):
            for listener in _listeners:
                listener.unrecorded += 1
        check_open(connection)

    return noticing


def _site(frame: FrameType | None) -> str:
    site = calling(frame)
    task = None if site else asyncio.current_task()
    origin = getattr(task.get_coro(), "cr_origin", None) if task else None
    return f"{origin[0][0]}:{origin[0][1]}" if origin else site or awaiting()
