"""What a record's calls come to: how many of each kind, and how long they took, overlaps counted once."""

from bisect import bisect_left
from collections.abc import Iterable
from copy import copy
from typing import Final, Protocol

from tailgate_otel.call import INTROSPECTION, KIND, KINDS, QUERY, RESET, TRANSACTION, UNSENT, WAIT, Row
from tailgate_otel.pools import Pool
from tailgate_otel.statement import describe

NO_BOUNDS: Final[list[int]] = []
NO_CELLS: Final[dict[str, list[int]]] = {}


_PLAIN: Final = (QUERY, WAIT)


class Sink(Protocol):
    """Where calls that have ended are counted for metrics.

    Attributes:
        bounds: the edges of the durations, nanoseconds, ascending.
        succeeded: the cells of the texts that were counted before, of queries and waits that did not fail.

    """

    bounds: list[int]
    succeeded: dict[str, list[int]]

    def call_ended(self, text: str, kind: int, nanoseconds: int, error: BaseException | None) -> None:
        """Count one call that has no cells there yet, or none at all."""

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

    def copy(self) -> "Account":
        """The same, to go on with apart."""
        twin = copy(self)
        twin.counts = self.counts.copy()
        return twin

    def take(self, rows: Iterable[Row], now: int, sink: Sink | None = None) -> None:  # noqa: C901 - one loop, once
        """Add calls, given in the order they were begun; what still ran at ``now`` is taken as far as it had come.

        It may be given again later, as counted: then only its time from ``now`` on is added, and its end.
        """
        counts, bounds, succeeded = self.counts, NO_BOUNDS, NO_CELLS
        if sink is not None:
            bounds, succeeded = sink.bounds, sink.succeeded
        in_database = in_pool = anywhere = self._horizon
        database = pool = outside = 0
        for row in rows:
            text, kind, _, started, ended, _, error, _, counted = row
            over = 0 < ended <= now
            if not over:
                ended = now
            # Nearly every call is a query or a wait of those seen before.
            cells = succeeded.get(text) if kind in _PLAIN else None
            if cells is not None and over and error is None:
                cells[bisect_left(bounds, ended - started)] += 1
                cells[-1] += ended - started
            else:
                if kind == QUERY and describe(text).controls_transaction:
                    kind = row[KIND] = TRANSACTION
                if over and sink is not None:
                    sink.call_ended(text, kind, ended - started, error)
            if not counted:
                counts[kind] += 1
            # A union of stretches of time given by their beginnings: each adds what lies beyond the ends so far.
            if kind == WAIT:
                if ended > in_pool:
                    pool += ended - (max(in_pool, started))
                    in_pool = ended
            elif ended > in_database:
                database += ended - (max(in_database, started))
                in_database = ended
            if ended > anywhere:
                outside += ended - (max(anywhere, started))
                anywhere = ended
        self.database += database
        self.pool += pool
        self.outside += outside
        self._horizon = now
