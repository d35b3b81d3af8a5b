"""asyncpg's connection, recorded: every round trip adds to the current record.

Every way into asyncpg ends in one of the protocol's few methods that send and wait for an answer, so these
are what is recorded: shortcuts, prepared statements, cursors and COPY alike, and nothing twice.
"""

# asyncpg is typed in part, and its stub of the protocol misses what asyncpg itself passes.
# mypy: disable-error-code="no-untyped-call, override, type-arg"

import inspect
from time import perf_counter_ns
from typing import Any

import asyncpg
from asyncpg.exceptions import InterfaceError, InvalidCachedStatementError
from asyncpg.protocol.protocol import Protocol

from tailgate_otel.call import (
    CLEARANCE,
    ENDED,
    FAILED,
    FOUND,
    INTROSPECTION,
    KIND,
    OUTDATED,
    PREPARATION,
    QUERY,
    STEP,
    UNSENT,
    Rows,
)
from tailgate_otel.record import CURRENT, Record
from tailgate_otel.statement import describe

# Called by name, not by super(): these run for every query.
_query = Protocol.query
_bind_execute = Protocol.bind_execute


class RecordedProtocol(Protocol):
    """The protocol of one connection.

    Attributes:
        purpose: what its executions are for just now.
        cleaning: the text that asyncpg cleans the connection with, once it has been seen.

    """

    purpose: int = QUERY
    cleaning: str | None = None

    # The two ways of nearly every statement. What _record does stands here, too, without its calls: between two waits
    # for the network a call costs more than what most of them do.

    async def query(self, query: Any, timeout: Any) -> Any:  # noqa: ASYNC109 - asyncpg's signature
        """Send a simple query: execute without arguments, transaction control, reset, a cursor's MOVE."""
        record = CURRENT.get()
        if record is None or not record.open:
            return await _query(self, query, timeout)
        tally, rows, started = self.queries_count, record.rows, perf_counter_ns()
        if record.enclosing is not None:
            record.nest(started)
        at = len(rows)
        rows.extend((query, self.purpose, started, 0, 0))
        try:
            answer = await _query(self, query, timeout)
        except BaseException as error:
            self._failed(record, rows, at, error, self.queries_count == tally)
            raise
        rows[at + ENDED] = perf_counter_ns()
        if len(rows) >= record.watched and query is not self.cleaning:
            if describe(query).resets:
                self.cleaning = query
            else:
                record.watch(rows, at)
        return answer

    async def bind_execute(
        self,
        state: Any,
        args: Any,
        portal_name: Any,
        limit: Any,
        return_extra: Any,
        timeout: Any,  # noqa: ASYNC109 - asyncpg's signature
    ) -> Any:
        """Run a prepared statement, or the first step of a cursor when there is a portal."""
        record = CURRENT.get()
        if record is None or not record.open:
            return await _bind_execute(self, state, args, portal_name, limit, return_extra, timeout)
        tally, rows, started = self.queries_count, record.rows, perf_counter_ns()
        if record.enclosing is not None:
            record.nest(started)
        at = len(rows)
        rows.extend((state.query, self.purpose | STEP if portal_name else self.purpose, started, 0, 0))
        try:
            answer = await _bind_execute(self, state, args, portal_name, limit, return_extra, timeout)
        except BaseException as error:
            self._failed(record, rows, at, error, self.queries_count == tally)
            raise
        rows[at + ENDED] = perf_counter_ns()
        try:
            rows[at + FOUND] = len(answer[0] if return_extra else answer)
        except Exception as failure:  # noqa: BLE001 - counted by the guard
            record.guard.caught(failure)
        if len(rows) >= record.watched:
            record.watch(rows, at)
        return answer

    def bind_execute_many(self, state: Any, args: Any, portal_name: Any, timeout: Any, return_rows: Any) -> Any:
        """Run a prepared statement for many arguments: one batch, one query."""
        sending = super().bind_execute_many(state, args, portal_name, timeout, return_rows)  # type: ignore[call-arg]
        return self._recorded(sending, state.query, self.purpose | STEP)

    def execute(self, state: Any, portal_name: Any, limit: Any, return_extra: Any, timeout: Any) -> Any:
        """Send a further step of a cursor."""
        sending = super().execute(state, portal_name, limit, return_extra, timeout)
        return self._recorded(sending, state.query, self.purpose | STEP)

    def copy_in(self, copy_stmt: Any, *args: Any) -> Any:
        """COPY into a table."""
        return self._recorded(super().copy_in(copy_stmt, *args), copy_stmt, self.purpose, tallied=False)

    def copy_out(self, copy_stmt: Any, *args: Any) -> Any:
        """COPY out of a table or a query."""
        return self._recorded(super().copy_out(copy_stmt, *args), copy_stmt, self.purpose, tallied=False)

    def prepare(self, stmt_name: Any, query: Any, timeout: Any, **options: Any) -> Any:
        """Parse and describe a statement: a round trip, but no query unless it fails."""
        sending = super().prepare(stmt_name, query, timeout, **options)
        return self._recorded(sending, query, PREPARATION, tallied=False)

    def bind(self, state: Any, args: Any, portal_name: Any, timeout: Any) -> Any:
        """Open a cursor's portal without running it."""
        sending = super().bind(state, args, portal_name, timeout)
        return self._recorded(sending, state.query, PREPARATION, tallied=False)

    def close_portal(self, portal_name: Any, timeout: Any) -> Any:
        """Close a cursor's portal."""
        return self._recorded(super().close_portal(portal_name, timeout), "CLOSE", CLEARANCE, tallied=False)

    def close_statement(self, state: Any, timeout: Any) -> Any:
        """Close a statement that fell out of the cache."""
        return self._recorded(super().close_statement(state, timeout), "CLOSE", CLEARANCE, tallied=False)

    def _recorded(self, sending: Any, text: str, kind: int, *, tallied: bool = True) -> Any:
        record = CURRENT.get()
        if record is None or not record.open:
            return sending
        return self._record(record, sending, text, kind, tallied)

    async def _record(self, record: Record, sending: Any, text: str, kind: int, tallied: bool) -> Any:
        tally, rows, started = self.queries_count, record.rows, perf_counter_ns()
        if record.enclosing is not None:
            record.nest(started)
        at = len(rows)
        rows.extend((text, kind, started, 0, 0))
        try:
            answer = await sending
        except BaseException as error:
            # asyncpg's own tally tells whether a query went out; for the rest its refusals have a class.
            unsent = self.queries_count == tally if tallied else isinstance(error, InterfaceError)
            self._failed(record, rows, at, error, unsent)
            raise
        rows[at + ENDED] = perf_counter_ns()
        if len(rows) >= record.watched:
            record.watch(rows, at)
        return answer

    def _failed(self, record: Record, rows: Rows, at: int, error: BaseException, unsent: bool) -> None:
        rows[at + ENDED] = perf_counter_ns()
        rows[at + FOUND] = error
        with record.guard:
            kind = rows[at + KIND]
            if unsent:
                kind = UNSENT
            elif kind == PREPARATION:
                # It failed to be parsed: what it was for counts although it never ran.
                kind = self.purpose
            elif isinstance(error, InvalidCachedStatementError) and not self.is_in_transaction() and _is_repeated():
                kind = OUTDATED
            rows[at + KIND] = kind | FAILED
            if len(rows) >= record.watched:
                record.watch(rows, at)


def _is_repeated() -> bool:
    """Whether asyncpg is about to send a statement again by itself, as it does once when a plan has become invalid.

    Only the function that will do so knows, and it is among the callers. To stand in its place in order to be told
    would cost every statement something.
    """
    frame = inspect.currentframe()
    while frame is not None and frame.f_code is not asyncpg.Connection._do_execute.__code__:
        frame = frame.f_back
    return frame is not None and frame.f_locals["retry"]


class RecordedConnection(asyncpg.Connection):
    """A connection whose every round trip adds to the current record.

    Give it to ``asyncpg.connect(connection_class=...)``, or use :func:`tailgate_otel.create_pool`. Where no record is
    open it costs a look at a context variable.
    """

    __slots__ = ()

    def __init__(self, protocol: Any, *args: Any, **options: Any) -> None:
        # asyncpg makes the protocol before the connection and offers no way to choose its class. The subclass
        # adds no storage, so the object becomes one in place, and every identity asyncpg holds stays true.
        protocol.__class__ = RecordedProtocol
        super().__init__(protocol, *args, **options)

    async def _introspect_types(self, typeoids: Any, timeout: Any) -> Any:  # noqa: ASYNC109 - asyncpg's signature
        previous = self.serve(INTROSPECTION)
        try:
            return await super()._introspect_types(typeoids, timeout)
        finally:
            self.serve(previous)

    async def _introspect_type(self, typename: Any, schema: Any) -> Any:
        previous = self.serve(INTROSPECTION)
        try:
            return await super()._introspect_type(typename, schema)
        finally:
            self.serve(previous)

    def serve(self, purpose: int) -> int:
        """Change what executions are for; the previous purpose comes back."""
        if self._protocol is None:
            return purpose
        previous: int = self._protocol.purpose
        self._protocol.purpose = purpose
        return previous
