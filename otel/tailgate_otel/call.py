"""One round trip to the database, or one wait for a connection."""

from typing import Final

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


class Call:
    """What is written down while a request runs; everything said of it later is worked out of this.

    Times are nanoseconds of ``time.perf_counter_ns``.

    Attributes:
        text: the statement as it was sent, or the name of the pool that was asked.
        repeatable: whether repeating it would be an N+1.
        ended: 0 while it runs.
        error: how it failed.
        rows: how many rows came back.
        parent: the id of the span it was made in, where that is not the request's own; else 0.
        counted: whether an account has it already.

    """

    # Read far more often than they differ: they cost a call nothing until they are set.
    ended = 0
    error: BaseException | None = None
    rows = 0
    parent = 0
    counted = False

    def __init__(self, text: str, kind: int, repeatable: bool, started: int) -> None:
        self.text = text
        self.kind = kind
        self.repeatable = repeatable
        self.started = started

    @property
    def statement(self) -> Statement:
        """The statement without anybody's data."""
        return describe(self.text)

    @property
    def error_type(self) -> str:
        """What its error is called in metrics and spans: the SQLSTATE, else the class; empty for none."""
        if self.error is None:
            return ""
        return getattr(self.error, "sqlstate", None) or type(self.error).__qualname__
