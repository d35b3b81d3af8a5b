"""What a record's calls come to: how many of each kind, and how long they took, overlaps counted once."""

from collections.abc import Iterable, Iterator
from copy import copy
from typing import Any, Protocol

from tailgate_otel.call import INTROSPECTION, KINDS, QUERY, RESET, TRANSACTION, UNSENT, WAIT, Call, Rows
from tailgate_otel.pools import Pool


class Sink(Protocol):
    """Where calls that have ended are counted for metrics.

    Attributes:
        known: what texts that were sent as queries were for, and where their durations arrive, if they are counted.
        waited: where the waits of the pools arrive.

    """

    known: dict[str, tuple[int, list[int] | None]]
    waited: dict[str, list[int]]

    def call_ended(self, call: Call) -> None:
        """Count one call that is not known yet, or failed."""

    def learn(self, call: Call) -> None:
        """Remember what a text is for that was sent as a query, or the name of a pool."""

    def watch(self, pool: Pool, name: str) -> None:
        """Show how full a pool is from now on."""


class Account:
    """Counts and times of calls. Times are nanoseconds.

    Attributes:
        counts: calls by what they were for, as in ``KINDS``; the properties name them.
        database, pool, outside: time in the database, for a connection, and in either.

    """

    __slots__ = ("_horizon", "counts", "database", "outside", "pool")

    def __init__(self) -> None:
        self.counts = [0] * len(KINDS)
        self.database = 0
        self.pool = 0
        self.outside = 0
        self._horizon = 0

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

    @property
    def round_trips(self) -> int:
        """Everything sent and waited for."""
        return sum(self.counts) - self.counts[WAIT] - self.counts[UNSENT]

    @property
    def needed(self) -> int:
        """Round trips on a connection that has done the same before: it needs not prepare or ask about types again."""
        return self.queries + self.transactions + self.resets

    def copy(self) -> "Account":
        """The same, to go on with apart."""
        twin = copy(self)
        twin.counts = self.counts.copy()
        return twin

    def count(self, calls: Iterable[Call]) -> None:
        """Add how many there are."""
        for call in calls:
            self.counts[call.kind] += 1

    def spend(self, calls: Iterable[Call], now: int) -> None:
        """Add how long they took, given in the order they were begun; of what still ran, the time until ``now``.

        It may be given again later: then only its time from ``now`` on is added.
        """
        in_database = in_pool = anywhere = self._horizon
        for call in calls:
            started, ended = call.started, call.ended if 0 < call.ended < now else now
            # A union of stretches of time given by their beginnings: each adds what lies beyond the ends so far.
            if call.kind == WAIT:
                self.pool += max(0, ended - max(started, in_pool))
                in_pool = max(in_pool, ended)
            else:
                self.database += max(0, ended - max(started, in_database))
                in_database = max(in_database, ended)
            self.outside += max(0, ended - max(started, anywhere))
            anywhere = max(anywhere, ended)
        self._horizon = now


def add_up(rows: Rows, waits: Rows, by: int, sink: Sink) -> tuple[int, int]:  # noqa: C901 - one loop, for its pace
    """How many queries, and how long in the database: what metrics need of a request that is over.

    It says the same as an account of the same calls, and it runs for every request. The sink is told of each call.
    """
    known, waited = sink.known, sink.waited
    queries = database = until = 0
    for text, kind, started, ended, found in _by_width(rows):
        over = 0 < ended <= by
        if not over:
            ended = by
        seen = known.get(text) if kind == QUERY else None
        if seen is not None:
            purpose, arrivals = seen
            if purpose == QUERY:
                queries += 1
            if arrivals is not None and over:
                arrivals.append(ended - started)
        else:
            call = Call.written(text, kind, started, ended, found, 0)
            if call.kind == QUERY:
                queries += 1
            if over:
                sink.call_ended(call)
                if kind == QUERY:
                    sink.learn(call)
        # A union of stretches of time, as an account has it.
        if started >= until:
            database += ended - started
            until = ended
        elif ended > until:
            database += ended - until
            until = ended
    for pool, _, started, ended, error in _by_width(waits):
        if 0 < ended <= by:
            arrivals = waited.get(pool)
            if arrivals is not None:
                arrivals.append(ended - started)
            else:
                call = Call.written(pool, WAIT, started, ended, error, 0)
                sink.call_ended(call)
                sink.learn(call)
    return queries, database


def _by_width(rows: Rows) -> Iterator[tuple[Any, ...]]:
    every = iter(rows)
    return zip(every, every, every, every, every, strict=True)
