"""One round trip to the database, or one wait for a connection."""

from typing import Any, Final, NamedTuple

from tailgate_otel.statement import Statement, describe

# What a call is for: the places of Account.counts.
QUERY: Final = 0
TRANSACTION: Final = 1
RESET: Final = 2
INTROSPECTION: Final = 3
PREPARATION: Final = 4
CLEARANCE: Final = 5
WAIT: Final = 6
UNSENT: Final = 7  # refused by asyncpg itself: the arguments, or the connection's state
OUTDATED: Final = 8  # sent, and at once again by asyncpg itself, because its plan had become invalid
KINDS: Final = (
    *("query", "transaction", "reset", "introspection", "preparation", "clearance", "wait", "unsent", "outdated"),
)

# The places of a row: what is written down of a call while a request runs. A list is what costs least to make, to
# complete and to read; once the request has ended, a Call is made of the few that somebody looks at.
Row = list[Any]
TEXT: Final = 0
KIND: Final = 1
REPEATABLE: Final = 2
STARTED: Final = 3
ENDED: Final = 4
ROWS: Final = 5
ERROR: Final = 6
PARENT: Final = 7
COUNTED: Final = 8


class Call(NamedTuple):
    """What is known of a call. Times are nanoseconds of ``time.perf_counter_ns``.

    Attributes:
        text: the statement as it was sent, or the name of the pool that was asked.
        repeatable: whether repeating it would be an N+1.
        ended: 0 while it runs.
        rows: how many rows came back.
        error: how it failed.
        parent: the id of the span it was made in, where that is not the request's own; else 0.
        counted: whether an account has it already.

    """

    text: str
    kind: int
    repeatable: bool
    started: int
    ended: int
    rows: int
    error: BaseException | None
    parent: int
    counted: bool

    @property
    def statement(self) -> Statement:
        """The statement without anybody's data."""
        return describe(self.text)

    @property
    def error_type(self) -> str:
        """What its error is called in metrics and spans."""
        return error_type(self.error)


def error_type(error: BaseException | None) -> str:
    """The SQLSTATE of an error, else its class; empty for none."""
    if error is None:
        return ""
    return getattr(error, "sqlstate", None) or type(error).__qualname__
