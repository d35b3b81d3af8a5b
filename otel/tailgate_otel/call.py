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

# What may be added to a kind: that repeating the call would be no N+1, as with a batch or the step of a cursor; that it
# failed.
STEP: Final = 16
FAILED: Final = 32
_KIND: Final = 15

# What is written down of a call while a request runs, one after the other in one list: the text or the pool's name,
# the kind, when it began and ended, and how many rows came back or how it failed. Nothing costs less to write; and
# the garbage collector, which counts lists and objects, not what is in them, has nothing to do with it.
Rows = list[Any]
WIDTH: Final = 5
KIND: Final = 1  # the places of those that are changed later
ENDED: Final = 3
FOUND: Final = 4


class Call(NamedTuple):
    """What is known of a call. Times are nanoseconds of ``time.perf_counter_ns``.

    Attributes:
        text: the statement as it was sent, or the name of the pool that was asked.
        repeatable: whether repeating it would be an N+1.
        ended: 0 while it runs.
        rows: how many rows came back.
        error: how it failed.
        parent: the id of the span it was made in, where that is not the request's own; else 0.
        site: ``file:line`` in the application that it comes from, where that was asked for; else empty.

    """

    text: str
    kind: int
    repeatable: bool
    started: int
    ended: int
    rows: int
    error: BaseException | None
    parent: int
    site: str = ""

    @classmethod
    def written(cls, text: str, kind: int, started: int, ended: int, found: Any, parent: int, site: str = "") -> "Call":
        """The call of what was written down."""
        error = found if isinstance(found, BaseException) else None
        rows = 0 if error else found
        purpose = kind & _KIND
        if purpose == QUERY:
            statement = describe(text)
            if statement.controls_transaction:
                purpose = TRANSACTION
            elif statement.resets:
                purpose = RESET
        return cls(text, purpose, not kind & STEP, started, ended, rows, error, parent, site)

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
