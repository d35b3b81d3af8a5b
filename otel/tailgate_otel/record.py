"""One request, one record: what happened between its first and its last byte.

Everything that counts is written down at once, in the task that sends; tasks started inside the request inherit
its record, and whatever happens after its end no longer counts. What it all comes to is worked out afterwards,
for many requests together: code that runs in a row costs a third of what it costs between two waits.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter_ns, time_ns

from opentelemetry.trace import get_current_span

from tailgate_otel import names
from tailgate_otel.account import NOBODY, Account, Sink
from tailgate_otel.call import OUTDATED, Call
from tailgate_otel.guard import Guard
from tailgate_otel.repetition import Repetition, Repetitions

# Calls kept for the spans of one request; what is beyond is counted, not kept.
MAX_CALLS = 200


class Record:
    """The calls of one request, and what they come to.

    Times are nanoseconds of ``time.perf_counter_ns``.

    Attributes:
        open: whether what happens still counts.
        calls: in the order they were begun, without those :meth:`watch` has taken into account already.
        watched: from how many calls on each is to be told to :meth:`watch`.
        nested: whether application code has made spans of its own, which calls then belong under.

    """

    open = True
    ended = 0
    nested = False
    repetitions: Repetitions | None = None
    _account: Account | None = None
    _crowd = MAX_CALLS

    def __init__(self, guard: Guard, sink: Sink = NOBODY, repeat_limit: int = 5) -> None:
        self.guard = guard
        self.sink = sink
        self.watched = repeat_limit
        self.calls: list[Call] = []
        self._first: list[Call] = []
        self.started = perf_counter_ns()

    def begin(self, text: str, kind: int, repeatable: bool = False) -> Call:
        """A round trip is about to be sent, or a connection asked for."""
        call = Call(text, kind, repeatable, perf_counter_ns())
        self.calls.append(call)
        if self.nested:
            call.parent = get_current_span().get_span_context().span_id
        return call

    def watch(self, call: Call) -> None:
        """A call has ended, one of many: they may repeat each other, and there may be too many to remember."""
        if not self.open:
            return
        if self.repetitions is None:
            self.repetitions = Repetitions(self.watched)
            for earlier in self.calls:
                if earlier.ended and earlier is not call:
                    self.repetitions.add(earlier, None)
        self.repetitions.add(call, sys._getframe(2))
        if len(self.calls) >= self._crowd:
            self._make_room()

    def sent_again(self, text: str) -> None:
        """The driver repeats a query by itself, because its plan had become invalid."""
        for call in reversed(self.calls):
            if call.text == text and call.error is not None:
                call.kind = OUTDATED
                return

    def close(self) -> None:
        """The last byte is out: what still runs is taken as it stands, what comes later does not count."""
        self.ended = perf_counter_ns()
        self.open = False

    @property
    def account(self) -> Account:
        """What the calls come to by now, or came to by the end."""
        account = self._account.copy() if self._account else Account()
        account.take(self.calls, self.ended or perf_counter_ns())
        return account

    def settle(self) -> Account:
        """What the calls came to in the end; the sink is told of each, so it is asked for once."""
        account = self._account or Account()
        account.take(self.calls, self.ended, self.sink)
        return account

    @property
    def started_at(self) -> int:
        """When it began by the wall's clock, nanoseconds since 1970."""
        return time_ns() - perf_counter_ns() + self.started

    @property
    def first_calls(self) -> list[Call]:
        """The calls that spans are made of."""
        return [*self._first, *(call for call in self.calls if not call.counted)][:MAX_CALLS]

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

    def _make_room(self) -> None:
        """Take into account what there is, and go on with what still runs."""
        now = perf_counter_ns()
        if self._account is None:
            self._account = Account()
        self._account.take(self.calls, now, self.sink)
        self._first = self.first_calls
        self.calls = [call for call in self.calls if not call.ended]
        for call in self.calls:
            call.counted = True
        # Many may run at once: the next time is when as many more have come.
        self._crowd = MAX_CALLS + 2 * len(self.calls)


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
