"""One request, one record: what happened between its first and its last byte.

Everything that counts adds to the current record synchronously, in the task that sends; tasks started inside
the request inherit it, and whatever happens after its end no longer counts.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter_ns, time_ns
from types import FrameType
from typing import Final, Protocol

from opentelemetry.trace import get_current_span

from tailgate_otel import names
from tailgate_otel.guard import Guard
from tailgate_otel.statement import Statement, describe

# Calls and waits kept for the spans of one request; what is beyond is counted, not kept.
MAX_CALLS = 200

# Below this a wait for a connection is the pool's own work, not waiting.
_WAIT_WORTH_A_CALL = 1_000_000  # ns

# What a call is for: the places of Record.counts.
QUERY: Final = 0
TRANSACTION: Final = 1
RESET: Final = 2
INTROSPECTION: Final = 3
PREPARATION: Final = 4
CLEARANCE: Final = 5
WAIT: Final = 6
UNSENT: Final = 7
KINDS: Final = ("query", "transaction", "reset", "introspection", "preparation", "clearance", "wait", "unsent")

_DRIVER = frozenset(("asyncpg", "tailgate_otel", "asyncio", "contextlib"))
_EVENT_LOOP = frozenset(("asyncio.events", "asyncio.base_events", "asyncio.runners"))


class Sink(Protocol):
    """Who is told of single database events as they end, for metrics."""

    def pool_waited(self, pool_name: str, nanoseconds: int) -> None:
        """A connection was obtained, or not, after so long."""

    def operation_ended(self, operation: str, error_type: str, nanoseconds: int) -> None:
        """A statement was answered, or failed, after so long."""


class Call:
    """One round trip to the database, or one long wait for a connection (then without a statement).

    Attributes:
        parent: the id of the span it was made in, where that is not the request's own; else 0.
        rows: how many rows came back.

    """

    # Read far more often than they differ: they cost nothing until they are set.
    ended = 0
    error: BaseException | None = None
    parent = 0
    rows = 0

    def __init__(self, statement: Statement | None, kind: int, repeatable: bool, started: int) -> None:
        self.statement = statement
        self.kind = kind
        self.repeatable = repeatable
        self.started = started


class Repetition:
    """How often a statement ran under one request, for how long in all, and from where."""

    __slots__ = ("count", "site", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0
        self.site = ""


class Record:
    """Counts and times of one request. Times are nanoseconds of ``time.perf_counter_ns``.

    What runs for every request and every query is written out where others would call a helper: a call is
    what costs most here.

    Attributes:
        counts: calls by what they were for; the properties below name them.
        round_trips: everything sent and waited for.
        database, pool, outside: time in the database, for a connection, and in either, overlaps counted once.
        calls: the calls kept for spans, in the order they were begun.
        nested: whether application code has made spans of its own, which calls then belong under.

    """

    __slots__ = (
        "_in_database",
        "_in_pool",
        "_last",
        "_tallied",
        "calls",
        "calls_dropped",
        "counts",
        "database",
        "ended",
        "guard",
        "nested",
        "open",
        "outside",
        "pool",
        "repeat_limit",
        "repeated",
        "repetitions",
        "round_trips",
        "sink",
        "started",
        "started_at",
    )

    def __init__(self, guard: Guard, sink: Sink | None = None, repeat_limit: int = 5) -> None:
        self.open = True
        self.guard = guard
        self.sink = sink
        self.repeat_limit = repeat_limit
        self.counts = [0, 0, 0, 0, 0, 0, 0]
        self.round_trips = 0
        self.database = 0
        self.pool = 0
        self.outside = 0
        self.nested = False
        self._in_database = 0
        self._in_pool = 0
        self._tallied = False
        self.calls: list[Call] = []
        self.calls_dropped = 0
        self.repetitions: dict[str, Repetition] = {}
        self.repeated = False
        self.ended = 0
        self.started_at = time_ns()
        self.started = self._last = perf_counter_ns()

    @property
    def queries(self) -> int:
        """Statements of the application sent to be executed.

        A batch of executemany is one, a cursor's round trip is one; a statement that failed to be parsed is one.
        """
        return self.counts[QUERY]

    @property
    def transactions(self) -> int:
        """BEGIN, COMMIT, ROLLBACK, savepoints."""
        return self.counts[TRANSACTION]

    @property
    def resets(self) -> int:
        """What cleaned a connection on its way back to the pool."""
        return self.counts[RESET]

    @property
    def introspections(self) -> int:
        """What asyncpg asked about types."""
        return self.counts[INTROSPECTION]

    @property
    def pool_waits(self) -> int:
        """How often a connection was asked for."""
        return self.counts[WAIT]

    def begin(self, text: str, kind: int, repeatable: bool) -> Call:
        """A round trip is about to be sent; ``repeatable`` when repeating it would be an N+1."""
        statement = describe(text)
        if kind == QUERY and statement.controls_transaction:
            kind = TRANSACTION
        now = perf_counter_ns()
        call = Call(statement, kind, repeatable, now)
        self.counts[kind] += 1
        self.round_trips += 1
        if len(self.calls) < MAX_CALLS:
            self.calls.append(call)
        else:
            self.calls_dropped += 1
        if self.nested:
            call.parent = get_current_span().get_span_context().span_id
        if self._in_database or self._in_pool:
            self._advance(now)
        self._last = now
        self._in_database += 1
        return call

    def end(self, call: Call, error: BaseException | None, rows: int = 0) -> None:
        """The round trip is over, by an answer, an error or cancellation."""
        if not self.open:
            return
        call.ended = now = perf_counter_ns()
        if self._in_database == 1 and not self._in_pool:
            elapsed = now - self._last
            self.database += elapsed
            self.outside += elapsed
        else:
            self._advance(now)
        self._last = now
        self._in_database -= 1
        call.rows = rows
        if error is not None:
            call.error = error
        if call.kind <= TRANSACTION:
            if error is None and call.repeatable and self.counts[QUERY] >= self.repeat_limit:
                self._repeat(call)
            if self.sink is not None and call.statement is not None:
                self.sink.operation_ended(call.statement.operation, error_type(error), now - call.started)

    def refused(self, call: Call, kind: int) -> None:
        """A preparation failed: what it was for counts although it never ran."""
        if self.open:
            self.counts[call.kind] -= 1
            self.counts[kind] += 1
            call.kind = kind

    def unsent(self, call: Call, error: BaseException) -> None:
        """Nothing was sent after all: asyncpg refused the arguments or the connection's state."""
        if self.open:
            self.counts[call.kind] -= 1
            self.round_trips -= 1
            call.kind = UNSENT
            self.end(call, error)

    def sent_again(self) -> None:
        """The driver repeats the last query by itself, because its plan had become invalid."""
        if self.open:
            self.counts[QUERY] -= 1

    def begin_wait(self) -> int:
        """A connection is asked for; gives the time."""
        now = perf_counter_ns()
        self.counts[WAIT] += 1
        if self._in_database or self._in_pool:
            self._advance(now)
        self._last = now
        self._in_pool += 1
        return now

    def end_wait(self, started: int, pool_name: str, error: BaseException | None) -> None:
        """The connection is there, or will not come."""
        if not self.open:
            return
        now = perf_counter_ns()
        if self._in_pool == 1 and not self._in_database:
            elapsed = now - self._last
            self.pool += elapsed
            self.outside += elapsed
        else:
            self._advance(now)
        self._last = now
        self._in_pool -= 1
        if now - started >= _WAIT_WORTH_A_CALL or error is not None:
            self._keep_wait(started, now, error)
        if self.sink is not None:
            self.sink.pool_waited(pool_name, now - started)

    def close(self) -> None:
        """The last byte is out: what still runs is taken as it stands, what comes later does not count."""
        self.ended = now = perf_counter_ns()
        if self._in_database or self._in_pool:
            self._advance(now)
        self.open = False

    def timing(self, trace_id: str) -> str:
        """The value of ``Server-Timing`` as things stand now; that header has milliseconds."""
        now = perf_counter_ns()
        self._advance(now)
        self._last = now
        durations = (
            (names.TIMING_DB, self.database),
            (names.TIMING_POOL, self.pool),
            (names.TIMING_APP, now - self.started - self.outside),
        )
        described = f'{names.TIMING_TRACE};desc="{trace_id}", {names.TIMING_QUERIES};desc="{self.queries}"'
        return ", ".join((described, *(f"{name};dur={spent / 1e6:.3f}" for name, spent in durations)))

    @property
    def n_plus_one(self) -> list[tuple[str, Repetition]]:
        """The statements repeated as often as the limit says, or more, the most frequent first."""
        found = [(text, seen) for text, seen in self.repetitions.items() if seen.count >= self.repeat_limit]
        return sorted(found, key=lambda item: -item[1].count)

    def _advance(self, now: int) -> None:
        """Give the time since the last change to whatever went on."""
        if self._in_database or self._in_pool:
            elapsed = now - self._last
            self.outside += elapsed
            if self._in_database:
                self.database += elapsed
            if self._in_pool:
                self.pool += elapsed

    def _keep_wait(self, started: int, ended: int, error: BaseException | None) -> None:
        if len(self.calls) >= MAX_CALLS:
            self.calls_dropped += 1
            return
        call = Call(None, WAIT, False, started)
        call.ended = ended
        call.error = error
        self.calls.append(call)

    def _repeat(self, call: Call) -> None:
        """Count a statement's repetitions: from the moment on that there could be too many of one."""
        if self._tallied:
            self._tally(call)
            return
        self._tallied = True
        for earlier in self.calls:
            if earlier.ended and earlier.error is None and earlier.repeatable and earlier.kind == QUERY:
                self._tally(earlier)

    def _tally(self, call: Call) -> None:
        if call.kind != QUERY or call.statement is None:
            return
        text = call.statement.text
        seen = self.repetitions.get(text)
        if seen is None:
            # Bounded like the calls: a request of a million different statements repeats none of them here.
            if len(self.repetitions) >= MAX_CALLS:
                return
            seen = self.repetitions[text] = Repetition()
        seen.count += 1
        seen.total += call.ended - call.started
        if seen.count == self.repeat_limit:
            self.repeated = True
            seen.site = _call_site(sys._getframe(3))


def error_type(error: BaseException | None) -> str:
    """What an error is called in metrics and spans: its SQLSTATE, else its class; empty for none."""
    if error is None:
        return ""
    return getattr(error, "sqlstate", None) or type(error).__qualname__


def _call_site(frame: FrameType | None) -> str:
    """``file:line`` of the nearest caller that is neither the driver nor this package.

    Empty when a task runs nothing but the driver, as the children of ``gather(pool.fetch(...), ...)`` do.
    """
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module in _EVENT_LOOP:
            break
        if module.partition(".")[0] not in _DRIVER:
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


CURRENT: ContextVar[Record | None] = ContextVar("tailgate_record", default=None)


def open_record() -> Record | None:
    """The record that counts here and now, if there is one."""
    record = CURRENT.get()
    return record if record is not None and record.open else None


@contextmanager
def recording() -> Iterator[Record]:
    """A record for work that is no request: a job, a test.

    Example:
        with recording() as record:
            await connection.fetch("select 1")
        assert record.queries == 1

    """
    record = Record(Guard())
    token = CURRENT.set(record)
    try:
        yield record
    finally:
        CURRENT.reset(token)
        record.close()
