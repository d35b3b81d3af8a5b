"""One request, one record: what happened between its first and its last byte.

Everything that counts is written down at once, in the task that sends; tasks started inside the request inherit
its record, and whatever happens after its end no longer counts. What it all comes to is worked out afterwards,
for many requests together: code that runs in a row costs a third of what it costs between two waits.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from operator import attrgetter
from time import perf_counter_ns, time_ns
from typing import Any

from tailgate_otel import names
from tailgate_otel.account import Account, Sink, add_up
from tailgate_otel.call import ENDED, WIDTH, Call, Rows
from tailgate_otel.guard import Guard
from tailgate_otel.repetition import Repetition, Repetitions
from tailgate_otel.site import call_site

# Calls kept for the spans of one request; what is beyond is counted, not kept.
MAX_CALLS = 200

# A list of rows, and where a call begins in it.
_Place = tuple[Rows, int]


class Record:
    """The calls of one request, and what they come to.

    Times are nanoseconds of ``time.perf_counter_ns``.

    Attributes:
        open: whether what happens still counts.
        rows: what was written down of calls, in the order they were begun, without what :meth:`watch` has put away.
        waits: the same of waits for a connection.
        watched: from how many items of rows on the end of each call is told to :meth:`watch`.
        enclosing: asks for the span that a call is made in, once the application has made any; 0 is none of them.
        parents: those spans, by when the call was begun.
        sites: where in the application calls come from, by when they were begun; None where nobody asks.

    """

    # Slots, and every one filled at once: what a class has in an instance's stead is slow to be found.
    __slots__ = (
        "_past",
        "enclosing",
        "ended",
        "guard",
        "open",
        "parents",
        "repetitions",
        "rows",
        "sink",
        "sites",
        "started",
        "waits",
        "watched",
    )

    def __init__(self, guard: Guard, sink: Sink | None = None, repeat_limit: int = 5) -> None:
        self.guard = guard
        self.sink = sink
        self.watched = watch_from(repeat_limit)
        self.rows: Rows = []
        self.waits: Rows = []
        self.open = True
        self.enclosing: Callable[[], int] | None = None
        self.parents: dict[int, int] | None = None
        self.sites: dict[int, str] | None = None
        self.repetitions: Repetitions | None = None
        self._past: _Past | None = None
        self.ended = 0
        self.started = perf_counter_ns()

    def nest(self, started: int) -> None:
        """Remember the span of the application's that a call is made in, if it is made in one, and the place."""
        try:
            if self.sites is not None:
                self.sites[started] = call_site(inspect.currentframe())
            span_id = self.enclosing() if self.enclosing is not None else 0
            if span_id:
                self.parents = self.parents or {}
                self.parents[started] = span_id
        except Exception as failure:  # noqa: BLE001 - counted by the guard
            self.guard.caught(failure)

    def watch(self, rows: Rows, at: int) -> None:
        """A call has ended, one of many: they may repeat each other, and there may be too many to remember."""
        if not self.open:
            return
        try:
            if self.repetitions is None:
                self.repetitions = Repetitions(self.watched // WIDTH)
                for other in range(0, len(rows), WIDTH):
                    if other != at:
                        self._repeat(rows, other)
            self._repeat(rows, at)
            if len(self.rows) >= MAX_CALLS * WIDTH:
                self._put_away()
        except Exception as failure:  # noqa: BLE001 - counted by the guard
            self.guard.caught(failure)

    def _repeat(self, rows: Rows, at: int) -> None:
        text, kind, started, ended, _ = rows[at : at + WIDTH]
        if ended and self.repetitions is not None:
            self.repetitions.add(text, kind, ended - started)

    def close(self) -> None:
        """The last byte is out: what still runs is taken as it stands, what comes later does not count."""
        self.ended = perf_counter_ns()
        self.open = False

    @property
    def account(self) -> Account:
        """What the calls come to by now, or came to by the end."""
        account = self._past.account.copy() if self._past else Account()
        calls = self._calls(self._open_places())
        account.count(calls)
        account.spend(calls, self.ended or perf_counter_ns())
        return account

    def add_up(self, sink: Sink) -> tuple[int, int]:
        """Queries, and nanoseconds in the database, of a request that is over. The sink is told of its calls: once."""
        if self._past is None:
            return add_up(self.rows, self.waits, self.ended, sink)
        for call in self._calls(self._open_places()):
            if 0 < call.ended <= self.ended:
                sink.call_ended(call)
        account = self.account
        return account.queries, account.database

    @property
    def started_at(self) -> int:
        """When it began by the wall's clock, nanoseconds since 1970."""
        return time_ns() - perf_counter_ns() + self.started

    @property
    def calls(self) -> list[Call]:
        """The first calls, which spans are made of, in the order they were begun."""
        return self._calls([*(self._past.first if self._past else ()), *self._new_places()])[:MAX_CALLS]

    @property
    def calls_dropped(self) -> int:
        """How many calls there were beyond those."""
        past = self._past.count if self._past else 0
        return max(0, past + (len(self.rows) + len(self.waits)) // WIDTH - MAX_CALLS)

    @property
    def queries(self) -> int:
        """Statements of the application sent to be executed so far."""
        return self.account.queries

    def timing(self, trace_id: str) -> str:
        """The value of ``Server-Timing`` as things stand now; that header has milliseconds."""
        account = self.account
        durations = (
            (names.TIMING_DB, account.database),
            (names.TIMING_POOL, account.pool),
            (names.TIMING_APP, perf_counter_ns() - self.started - account.outside),
        )
        described = (
            f'{names.TIMING_TRACE};desc="{trace_id}", {names.TIMING_QUERIES};desc="{account.queries}", '
            f'{names.TIMING_ROUND_TRIPS};desc="{account.needed}"'
        )
        return ", ".join((described, *(f"{name};dur={spent / 1e6:.3f}" for name, spent in durations)))

    @property
    def n_plus_one(self) -> list[tuple[str, Repetition]]:
        """The statements repeated so often that it is an N+1, the most frequent first."""
        return self.repetitions.worst() if self.repetitions else []

    def _new_places(self) -> list[_Place]:
        return [(rows, at) for rows in (self.rows, self.waits) for at in range(0, len(rows), WIDTH)]

    def _open_places(self) -> list[_Place]:
        """Of the calls that the account of the past does not have."""
        return [*(self._past.running if self._past else ()), *self._new_places()]

    def _calls(self, places: Iterable[_Place]) -> list[Call]:
        """The calls as they are now, in the order they were begun."""
        calls = [self._call(*rows[at : at + WIDTH]) for rows, at in places]
        return sorted(calls, key=attrgetter("started"))

    def _call(self, text: str, kind: int, started: int, ended: int, found: Any) -> Call:
        parent = self.parents.get(started, 0) if self.parents else 0
        site = self.sites.get(started, "") if self.sites else ""
        return Call.written(text, kind, started, ended, found, parent, site)

    def _put_away(self) -> None:
        """Take into account what there is, and go on with new rows; what still runs goes on writing into the old."""
        past = self._past = self._past or _Past()
        places = self._open_places()
        calls = self._calls(places)
        ended = [call for call in calls if call.ended]
        past.account.count(ended)
        past.account.spend(calls, perf_counter_ns())
        if self.sink is not None:
            for call in ended:
                self.sink.call_ended(call)
        past.count += (len(self.rows) + len(self.waits)) // WIDTH
        past.first = [*past.first, *self._new_places()][:MAX_CALLS]
        past.running = [(rows, at) for rows, at in places if not rows[at + ENDED]]
        self.rows, self.waits = [], []
        self.watched = 0


class _Past:
    """What became of the calls of a request that made too many of them to remember."""

    def __init__(self) -> None:
        self.account = Account()
        self.count = 0
        self.first: list[_Place] = []
        self.running: list[_Place] = []


def outside() -> int:
    """What a record asks for the span that a call is made in, where it has no other: the request's own."""
    return 0


def watch_from(repeat_limit: int) -> int:
    """From how many items of rows on a statement may have been repeated so often that it is an N+1."""
    return repeat_limit * WIDTH


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
