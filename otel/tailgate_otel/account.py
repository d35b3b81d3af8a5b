"""What a record's calls come to: how many of each kind, and how long they took, overlaps counted once."""

from collections.abc import Iterable
from copy import copy
from typing import Final, Protocol

from tailgate_otel.call import INTROSPECTION, KINDS, QUERY, RESET, TRANSACTION, UNSENT, WAIT, Call
from tailgate_otel.statement import describe


class Sink(Protocol):
    """Who is told of single database events that are over, for metrics."""

    def pool_waited(self, pool_name: str, nanoseconds: int) -> None:
        """A connection was obtained, or not, after so long."""

    def operation_ended(self, operation: str, error_type: str, nanoseconds: int) -> None:
        """A statement was answered, or failed, after so long."""


class _Nobody:
    def pool_waited(self, pool_name: str, nanoseconds: int) -> None:
        return

    def operation_ended(self, operation: str, error_type: str, nanoseconds: int) -> None:
        return


NOBODY: Final[Sink] = _Nobody()


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

    def take(self, calls: Iterable[Call], now: int, sink: Sink = NOBODY) -> None:
        """Add calls, given in the order they were begun; what still ran at ``now`` is taken as far as it had come.

        It may be given again later, as ``counted``: then only its time from ``now`` on is added.
        """
        counts = self.counts
        in_database = in_pool = anywhere = self._horizon
        for call in calls:
            kind, started, ended = call.kind, call.started, call.ended
            over = 0 < ended <= now
            if not over:
                ended = now
            if kind == WAIT:
                if over:
                    sink.pool_waited(call.text, ended - started)
            elif kind <= TRANSACTION:
                statement = describe(call.text)
                if kind == QUERY and statement.controls_transaction:
                    kind = call.kind = TRANSACTION
                if over:
                    sink.operation_ended(statement.operation, call.error_type, ended - started)
            if not call.counted:
                counts[kind] += 1
            # A union of stretches of time given by their beginnings: each adds what lies beyond the ends so far.
            if kind == WAIT:
                if ended > in_pool:
                    self.pool += ended - (started if started > in_pool else in_pool)
                    in_pool = ended
            elif ended > in_database:
                self.database += ended - (started if started > in_database else in_database)
                in_database = ended
            if ended > anywhere:
                self.outside += ended - (started if started > anywhere else anywhere)
                anywhere = ended
        self._horizon = now
