"""One request, one record: what happened between its first and its last byte.

Everything that counts adds to the current record synchronously, in the task that sends; tasks started inside
the request inherit it, and whatever happens after its end no longer counts.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Final, Protocol

from tailgate_otel import names
from tailgate_otel.guard import Guard
from tailgate_otel.statement import Statement, describe

# Calls and waits kept for the spans of one request; what is beyond is counted, not kept.
MAX_CALLS = 200

# What a call is for: the places of Record.counts.
QUERY: Final = 0
TRANSACTION: Final = 1
RESET: Final = 2
INTROSPECTION: Final = 3
PREPARATION: Final = 4
CLEARANCE: Final = 5
WAIT: Final = 6
KINDS: Final = ("query", "transaction", "reset", "introspection", "preparation", "clearance", "wait")

_DRIVER = ("asyncpg", "tailgate_otel", "asyncio", "contextlib")
_EVENT_LOOP = ("asyncio.events", "asyncio.base_events", "asyncio.runners")


class Sink(Protocol):
    """Who is told of single database events as they end, for metrics."""

    def pool_waited(self, pool_name: str, nanoseconds: int) -> None:
        """A connection was obtained, or not, after so long."""


class Call:
    """One round trip to the database, or one wait for a connection (then without a statement)."""

    __slots__ = ("ended", "error", "kind", "parent", "repeatable", "started", "statement")

    def __init__(self, statement: Statement | None, kind: int, repeatable: bool, started: int) -> None:
        self.statement = statement
        self.kind = kind
        self.repeatable = repeatable
        self.started = started
        self.ended = 0
        self.error: BaseException | None = None
        # The id of the application's span that it was made in; 0 where that is the request's own.
        self.parent = 0


class Repetition:
    """How often a statement ran under one request, for how long in all, and from where."""

    __slots__ = ("count", "site", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0
        self.site = ""


class Record:
    """Counts and times of one request. Times are nanoseconds of ``time.perf_counter_ns``.

    Attributes:
        counts: calls by what they were for; the properties below name them.
        round_trips: everything sent and waited for.
        database, pool, outside: time in the database, for a connection, and in either, overlaps counted once.
        calls: the calls kept for spans, in the order they were begun.
        enclosing: tells in which of the application's spans a call is made, once there has been one.

    """

    __slots__ = (
        "_in_database",
        "_in_pool",
        "_last",
        "calls",
        "calls_dropped",
        "counts",
        "database",
        "enclosing",
        "ended",
        "guard",
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
        self.counts = [0] * len(KINDS)
        self.round_trips = 0
        self.database = 0
        self.pool = 0
        self.outside = 0
        self._in_database = 0
        self._in_pool = 0
        self.calls: list[Call] = []
        self.calls_dropped = 0
        self.enclosing: Callable[[], int] | None = None
        self.repetitions: dict[str, Repetition] = {}
        self.repeated = False
        self.started_at = time.time_ns()
        self.started = self._last = time.perf_counter_ns()
        self.ended = 0

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
        now = time.perf_counter_ns()
        call = Call(statement, kind, repeatable, now)
        self.counts[kind] += 1
        self.round_trips += 1
        self._keep(call)
        self._advance(now)
        self._in_database += 1
        return call

    def end(self, call: Call, error: BaseException | None) -> None:
        """The round trip is over, by an answer, an error or cancellation."""
        if not self.open:
            return
        call.ended = now = time.perf_counter_ns()
        self._advance(now)
        self._in_database -= 1
        if error is not None:
            call.error = error
        elif call.repeatable and call.kind == QUERY and call.statement:
            self._repeat(call.statement.text, now - call.started)

    def refused(self, call: Call, kind: int) -> None:
        """A preparation failed: what it was for counts although it never ran."""
        if self.open:
            self.counts[call.kind] -= 1
            self.counts[kind] += 1
            call.kind = kind

    def unsent(self, call: Call) -> None:
        """Nothing was sent after all: asyncpg refused the arguments or the connection's state."""
        if self.open:
            self.counts[call.kind] -= 1
            self.round_trips -= 1

    def sent_again(self) -> None:
        """The driver repeats the last query by itself, because its plan had become invalid."""
        if self.open:
            self.counts[QUERY] -= 1

    def begin_wait(self) -> Call:
        """A connection is asked for."""
        call = Call(None, WAIT, False, time.perf_counter_ns())
        self.counts[WAIT] += 1
        self._keep(call)
        self._advance(call.started)
        self._in_pool += 1
        return call

    def end_wait(self, call: Call, error: BaseException | None) -> None:
        """The connection is there, or will not come."""
        if not self.open:
            return
        call.ended = now = time.perf_counter_ns()
        call.error = error
        self._advance(now)
        self._in_pool -= 1
        if self.sink is not None:
            self.sink.pool_waited("main", now - call.started)

    def close(self) -> None:
        """The last byte is out: what still runs is taken as it stands, what comes later does not count."""
        self.ended = now = time.perf_counter_ns()
        self._advance(now)
        self.open = False

    def timing(self, trace_id: str) -> str:
        """The value of ``Server-Timing`` as things stand now; that header has milliseconds."""
        now = time.perf_counter_ns()
        self._advance(now)
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
        self._last = now

    def _keep(self, call: Call) -> None:
        if self.enclosing is not None:
            call.parent = self.enclosing()
        if len(self.calls) < MAX_CALLS:
            self.calls.append(call)
        else:
            self.calls_dropped += 1

    def _repeat(self, text: str, elapsed: int) -> None:
        seen = self.repetitions.get(text)
        if seen is None:
            # Bounded like the calls: a request of a million different statements repeats none of them here.
            if len(self.repetitions) >= MAX_CALLS:
                return
            seen = self.repetitions[text] = Repetition()
        seen.count += 1
        seen.total += elapsed
        if seen.count == self.repeat_limit:
            self.repeated = True
            seen.site = _call_site(sys._getframe(1))


def _call_site(frame: FrameType | None) -> str:
    """``file:line`` of the nearest caller that is neither the driver nor this package.

    Empty when a task runs nothing but the driver, as the children of ``gather(pool.fetch(...), ...)`` do.
    """
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module in _EVENT_LOOP:
            break
        if not module.startswith(_DRIVER):
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
