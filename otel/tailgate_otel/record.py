"""One request, one record: what happened between its first and its last byte.

Everything that counts is written down at once, in the task that sends; tasks started inside the request inherit
its record, and whatever happens after its end no longer counts. What it all comes to is worked out afterwards,
for many requests together: code that runs in a row costs a third of what it costs between two waits.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter_ns, time_ns

from tailgate_otel import names
from tailgate_otel.account import Account, Sink
from tailgate_otel.call import COUNTED, ENDED, Call, Row
from tailgate_otel.guard import Guard
from tailgate_otel.repetition import Repetition, Repetitions

# Calls kept for the spans of one request; what is beyond is counted, not kept.
MAX_CALLS = 200


class Record:
    """The calls of one request, and what they come to.

    Times are nanoseconds of ``time.perf_counter_ns``.

    Attributes:
        open: whether what happens still counts.
        rows: in the order they were begun, without those :meth:`watch` has taken into account already.
        watched: from how many rows on each is to be told to :meth:`watch`.
        enclosing: asks for the span that a call is made in, once the application has made any; 0 is none of them.

    """

    open = True
    ended = 0
    enclosing: Callable[[], int] | None = None
    repetitions: Repetitions | None = None
    _account: Account | None = None
    _crowd = MAX_CALLS
    _forgotten = 0
    _first: Sequence[Row] = ()

    def __init__(self, guard: Guard, sink: Sink | None = None, repeat_limit: int = 5) -> None:
        self.guard = guard
        self.sink = sink
        self.watched = repeat_limit
        self.rows: list[Row] = []
        self.started = perf_counter_ns()

    def begin(self, text: str, kind: int, repeatable: bool = False) -> Row:
        """A round trip is about to be sent, or a connection asked for."""
        parent = 0 if self.enclosing is None else self.parent()
        row = [text, kind, repeatable, perf_counter_ns(), 0, 0, None, parent, False]
        self.rows.append(row)
        return row

    def parent(self) -> int:
        """The span of the application's that a call is made in; 0 is the request's own."""
        try:
            return self.enclosing() if self.enclosing is not None else 0
        except Exception as failure:  # noqa: BLE001 - counted by the guard
            self.guard.caught(failure)
            return 0

    def watch(self, row: Row) -> None:
        """A query has ended, one of many: they may repeat each other, and there may be too many to remember."""
        if not self.open:
            return
        try:
            if self.repetitions is None:
                self.repetitions = Repetitions(self.watched, (one for one in self.rows if one is not row))
            self.repetitions.add(row)
            if len(self.rows) >= self._crowd:
                self._make_room()
        except Exception as failure:  # noqa: BLE001 - counted by the guard
            self.guard.caught(failure)

    def close(self) -> None:
        """The last byte is out: what still runs is taken as it stands, what comes later does not count."""
        self.ended = perf_counter_ns()
        self.open = False

    @property
    def account(self) -> Account:
        """What the calls come to by now, or came to by the end."""
        account = self._account.copy() if self._account else Account()
        account.take(self.rows, self.ended or perf_counter_ns())
        return account

    def settle(self) -> Account:
        """What the calls came to in the end; the sink is told of each, so it is asked for once."""
        account = self._account or Account()
        if self.rows:
            account.take(self.rows, self.ended, self.sink)
        return account

    @property
    def started_at(self) -> int:
        """When it began by the wall's clock, nanoseconds since 1970."""
        return time_ns() - perf_counter_ns() + self.started

    @property
    def calls(self) -> list[Call]:
        """The first calls, which spans are made of."""
        return [Call(*row) for row in self._first_rows()]

    @property
    def calls_dropped(self) -> int:
        """How many calls there were beyond those."""
        return self._forgotten + max(0, len(self._first) + sum(not row[COUNTED] for row in self.rows) - MAX_CALLS)

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
        described = f'{names.TIMING_TRACE};desc="{trace_id}", {names.TIMING_QUERIES};desc="{account.queries}"'
        return ", ".join((described, *(f"{name};dur={spent / 1e6:.3f}" for name, spent in durations)))

    @property
    def n_plus_one(self) -> list[tuple[str, Repetition]]:
        """The statements repeated so often that it is an N+1, the most frequent first."""
        return self.repetitions.worst() if self.repetitions else []

    def _first_rows(self) -> list[Row]:
        return [*self._first, *(row for row in self.rows if not row[COUNTED])][:MAX_CALLS]

    def _make_room(self) -> None:
        """Take into account what there is, and go on with what still runs."""
        now = perf_counter_ns()
        if self._account is None:
            self._account = Account()
        self._account.take(self.rows, now, self.sink)
        self._forgotten = self.calls_dropped
        self._first = self._first_rows()
        self.rows = [row for row in self.rows if not row[ENDED]]
        for row in self.rows:
            row[COUNTED] = True
        # Many may run at once: the next time is when as many more have come.
        self._crowd = MAX_CALLS + 2 * len(self.rows)


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
