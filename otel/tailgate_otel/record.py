"""One request, one record: what happened between its first and its last byte.

Everything that counts adds to the current record synchronously, in the task that sends; tasks started inside
the request inherit it, and whatever happens after its end no longer counts.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Final, Protocol

from tailgate_otel import names
from tailgate_otel.guard import Guard
from tailgate_otel.statement import Statement, describe

# Calls and waits kept for the spans of one request; what is beyond is counted, not kept.
MAX_CALLS = 200

# What a round trip is for.
QUERY: Final = "query"
TRANSACTION: Final = "transaction"
RESET: Final = "reset"
INTROSPECTION: Final = "introspection"
PREPARATION: Final = "preparation"
CLEARANCE: Final = "clearance"
WAIT: Final = "wait"

_DRIVER = ("asyncpg", "tailgate_otel", "asyncio", "contextlib")
_EVENT_LOOP = ("asyncio.events", "asyncio.base_events", "asyncio.runners")


class Sink(Protocol):
    """Who is told of single database events as they end, for metrics."""

    def pool_waited(self, seconds: float) -> None:
        """A connection was obtained, or not, after so many seconds."""


class Overlap:
    """Time during which at least one of several overlapping things went on, nanoseconds."""

    __slots__ = ("_running", "_since", "total")

    def __init__(self) -> None:
        self.total = 0
        self._running = 0
        self._since = 0

    def begin(self, now: int) -> None:
        """One more goes on."""
        if not self._running:
            self._since = now
        self._running += 1

    def end(self, now: int) -> None:
        """One of them is over."""
        self._running -= 1
        if not self._running:
            self.total += now - self._since

    def until(self, now: int) -> int:
        """The total if it were taken now."""
        return self.total + (now - self._since if self._running else 0)


class Call:
    """One round trip to the database, or one wait for a connection (then without a statement)."""

    __slots__ = ("ended", "error", "kind", "repeatable", "started", "statement")

    def __init__(self, statement: Statement | None, kind: str, started: int, *, repeatable: bool) -> None:
        self.statement = statement
        self.kind = kind
        self.repeatable = repeatable
        self.started = started
        self.ended = 0
        self.error: BaseException | None = None


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
        queries: statements of the application sent to be executed; a batch of executemany is one, a cursor's
            round trip is one; a statement the server refused to parse is one.
        round_trips: everything sent and waited for, including what the counters below hold.
        transactions: BEGIN, COMMIT, ROLLBACK, savepoints.
        resets: what cleaned a connection on its way back to the pool.
        introspections: what asyncpg asked about types.
        pool_waits: how often a connection was asked for.
        database, pool, outside: time in the database, for a connection, and in either, overlaps counted once.

    """

    __slots__ = (
        "calls",
        "calls_dropped",
        "database",
        "ended",
        "guard",
        "introspections",
        "open",
        "outside",
        "pool",
        "pool_waits",
        "queries",
        "repeat_limit",
        "repetitions",
        "resets",
        "round_trips",
        "sink",
        "started",
        "started_at",
        "transactions",
    )

    def __init__(self, *, guard: Guard, sink: Sink | None = None, repeat_limit: int = 5) -> None:
        self.open = True
        self.guard = guard
        self.sink = sink
        self.repeat_limit = repeat_limit
        self.queries = 0
        self.round_trips = 0
        self.transactions = 0
        self.resets = 0
        self.introspections = 0
        self.pool_waits = 0
        self.database = Overlap()
        self.pool = Overlap()
        self.outside = Overlap()
        self.calls: list[Call] = []
        self.calls_dropped = 0
        self.repetitions: dict[str, Repetition] = {}
        self.started_at = time.time_ns()
        self.started = time.perf_counter_ns()
        self.ended = 0

    def begin(self, text: str, kind: str, *, repeatable: bool) -> Call:
        """A round trip is about to be sent; ``repeatable`` when repeating it would be an N+1."""
        statement = describe(text)
        if kind is QUERY and statement.controls_transaction:
            kind = TRANSACTION
        call = Call(statement, kind, time.perf_counter_ns(), repeatable=repeatable)
        self._count(kind, 1)
        self._keep(call)
        self.round_trips += 1
        self.database.begin(call.started)
        self.outside.begin(call.started)
        return call

    def end(self, call: Call, error: BaseException | None) -> None:
        """The round trip is over, by an answer, an error or cancellation."""
        if not self.open:
            return
        call.ended = now = time.perf_counter_ns()
        call.error = error
        self.database.end(now)
        self.outside.end(now)
        if error is None and call.kind is QUERY and call.repeatable and call.statement:
            self._repeated(call.statement.text, now - call.started)

    def refused(self, call: Call, kind: str) -> None:
        """A preparation failed: what it was for counts although it never ran."""
        if self.open:
            call.kind = kind
            self._count(kind, 1)

    def unsent(self, call: Call) -> None:
        """Nothing was sent after all: asyncpg refused the arguments or the connection's state."""
        if self.open:
            self._count(call.kind, -1)
            self.round_trips -= 1

    def sent_again(self) -> None:
        """The driver repeats the last query by itself, because its plan had become invalid."""
        if self.open:
            self.queries -= 1

    def begin_wait(self) -> Call:
        """A connection is asked for."""
        call = Call(None, WAIT, time.perf_counter_ns(), repeatable=False)
        self._keep(call)
        self.pool_waits += 1
        self.pool.begin(call.started)
        self.outside.begin(call.started)
        return call

    def end_wait(self, call: Call, error: BaseException | None) -> None:
        """The connection is there, or will not come."""
        if not self.open:
            return
        call.ended = now = time.perf_counter_ns()
        call.error = error
        self.pool.end(now)
        self.outside.end(now)
        if self.sink is not None:
            self.sink.pool_waited((now - call.started) / 1e9)

    def close(self) -> None:
        """The last byte is out: what still runs is taken as it stands, what comes later does not count."""
        self.ended = now = time.perf_counter_ns()
        for overlap in (self.database, self.pool, self.outside):
            overlap.total = overlap.until(now)
        self.open = False

    def timing(self, trace_id: str) -> str:
        """The value of ``Server-Timing`` as things stand now; that header has milliseconds."""
        now = time.perf_counter_ns()
        outside = self.outside.until(now)
        durations = (
            (names.TIMING_DB, self.database.until(now)),
            (names.TIMING_POOL, self.pool.until(now)),
            (names.TIMING_APP, now - self.started - outside),
        )
        described = f'{names.TIMING_TRACE};desc="{trace_id}", {names.TIMING_QUERIES};desc="{self.queries}"'
        return ", ".join((described, *(f"{name};dur={spent / 1e6:.3f}" for name, spent in durations)))

    @property
    def n_plus_one(self) -> list[tuple[str, Repetition]]:
        """The statements repeated as often as the limit says, or more, the most frequent first."""
        found = [(text, seen) for text, seen in self.repetitions.items() if seen.count >= self.repeat_limit]
        return sorted(found, key=lambda item: -item[1].count)

    def _count(self, kind: str, step: int) -> None:
        if kind is QUERY:
            self.queries += step
        elif kind is TRANSACTION:
            self.transactions += step
        elif kind is RESET:
            self.resets += step
        elif kind is INTROSPECTION:
            self.introspections += step

    def _keep(self, call: Call) -> None:
        if len(self.calls) < MAX_CALLS:
            self.calls.append(call)
        else:
            self.calls_dropped += 1

    def _repeated(self, text: str, elapsed: int) -> None:
        seen = self.repetitions.get(text)
        if seen is None:
            # Bounded like the calls: a request of a million different statements repeats none of them here.
            if len(self.repetitions) >= MAX_CALLS:
                return
            seen = self.repetitions[text] = Repetition()
        seen.count += 1
        seen.total += elapsed
        if seen.count == self.repeat_limit:
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
    record = Record(guard=Guard())
    token = CURRENT.set(record)
    try:
        yield record
    finally:
        CURRENT.reset(token)
        record.close()
