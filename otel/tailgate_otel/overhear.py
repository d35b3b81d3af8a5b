"""How a test hears of every statement that this process sends, whatever record it belongs to.

Connections look up their record in one context variable. Only while somebody listens something else stands in its
place, and shows the listeners what is written down; so a process in which nobody listens pays nothing for it.
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

from tailgate_otel import database
from tailgate_otel.call import QUERY, Call, Row
from tailgate_otel.guard import Guard
from tailgate_otel.record import CURRENT, Record
from tailgate_otel.repetition import call_site


class Sent(NamedTuple):
    """What a connection wrote down.

    Attributes:
        row: a call as it is being written; what it was for, and how it ended, may turn out later.
        request: the record of the request that it belongs to, be that closed, if there is one.
        site: ``file:line`` of its caller, else of whoever began its task; empty if that is unknown.

    """

    row: Row
    request: Record | None
    site: str

    @property
    def call(self) -> Call:
        """The call as far as it has come."""
        return Call(*self.row)


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
    """Stands for a record, and for its rows, while a connection writes down one call.

    Where no record is open, the call is written into one that nobody reads.
    """

    open = True

    def __init__(self, request: Record | None, listeners: tuple[Listener, ...]) -> None:
        self._request = request
        self._listeners = listeners
        self._record = request if request is not None and request.open else Record(Guard())
        self.watched = self._record.watched if self._record is request else inf
        self.enclosing = self._record.enclosing
        self.parent = self._record.parent
        self.watch = self._record.watch
        self.sink, self.guard = self._record.sink, self._record.guard

    @property
    def rows(self) -> "_Overheard":
        return self

    def __len__(self) -> int:
        return len(self._record.rows)

    def append(self, row: Row) -> None:
        self._record.rows.append(row)
        self._tell(row)

    def begin(self, text: str, kind: int, repeatable: bool = False) -> Row:
        row = self._record.begin(text, kind, repeatable)
        self._tell(row)
        return row

    def _tell(self, row: Row) -> None:
        sent = Sent(row, self._request, _site(inspect.currentframe()))
        for listener in self._listeners:
            listener.sent.append(sent)


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
        noticing = _noticing(asyncpg.Connection._check_open)
        _patches.enter_context(patch.object(database, "CURRENT", _Current()))
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
        if not issubclass(type(connection), database.RecordedConnection):
            for listener in _listeners:
                listener.unrecorded += 1
        check_open(connection)

    return noticing


def _site(frame: FrameType | None) -> str:
    site = call_site(frame)
    task = None if site else asyncio.current_task()
    origin = getattr(task.get_coro(), "cr_origin", None) if task else None
    return f"{origin[0][0]}:{origin[0][1]}" if origin else site
