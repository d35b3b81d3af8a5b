"""Queries counted in tests: how many a piece of code makes, which, and from where.

>>> with count_queries(at_most=2):
...     await client.get("/orders/7")

Counted is what any recorded connection of this process sends while the block is open: by the test itself, by
requests to its application, recorded or not, and in whatever thread and event loop these are answered.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from unittest.mock import patch

import asyncpg

from tailgate_otel.connection import RecordedConnection
from tailgate_otel.overhear import Listener, Sent, leave, listen
from tailgate_otel.pool import RecordedPool

_LONGEST = 300
_UNKNOWN_SITE = "a task that runs nothing but the driver"


@dataclass(frozen=True, kw_only=True)
class CountedStatement:
    """One statement, however often it was sent.

    Attributes:
        text: without its data: every literal is a ``?``.
        count: how often it was sent.
        sites: ``file:line`` of its callers -> how often it was sent from there, the most frequent first.
        n_plus_one: whether it was repeated from one place under one request (or outside of any).

    """

    text: str
    count: int
    sites: Mapping[str, int]
    n_plus_one: bool


class QueryCount:
    """What was sent while the block was open; it may be read within the block and after it."""

    def __init__(self, at_most: int | None, n_plus_one: int) -> None:
        if n_plus_one < 2:
            raise ValueError(f"n_plus_one={n_plus_one} must be 2 or more")
        self._at_most = at_most if at_most is None else _budget(at_most)
        self._n_plus_one = n_plus_one
        self._heard = Listener()
        self._origins = 0

    def __enter__(self) -> Self:
        # With it a task that runs nothing but the driver, as gather makes them, knows the line that began it.
        self._origins = sys.get_coroutine_origin_tracking_depth()
        sys.set_coroutine_origin_tracking_depth(max(1, self._origins))
        listen(self._heard)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        __tracebackhide__ = True
        leave(self._heard)
        sys.set_coroutine_origin_tracking_depth(self._origins)
        over = self.over(self._at_most) if error is None and self._at_most is not None else ""
        if over:
            raise AssertionError(over)

    @property
    def queries(self) -> int:
        """Statements sent to be executed: what :attr:`Record.queries` counts."""
        return len(self._heard.queries)

    @property
    def statements(self) -> tuple[CountedStatement, ...]:
        """The statements, the most frequent first."""
        by_text: dict[str, list[Sent]] = {}
        for sent in self._heard.queries:
            by_text.setdefault(sent.call.statement.text, []).append(sent)
        return tuple(sorted((self._counted(*item) for item in by_text.items()), key=lambda found: -found.count))

    @property
    def n_plus_one(self) -> tuple[CountedStatement, ...]:
        """The statements that were repeated, where one would do."""
        return tuple(statement for statement in self.statements if statement.n_plus_one)

    def over(self, at_most: int) -> str:
        """Why a budget is not kept: every statement, its count and where it was called from; empty where it is.

        It is not kept either where nothing was counted because the connections used are not recorded.

        Raises:
            ValueError: ``at_most`` is no number of queries.

        """
        queries = self.queries
        if queries > _budget(at_most):
            return f"{queries} {'query' if queries == 1 else 'queries'}, at most {at_most} allowed\n{self}"
        if not queries and self._heard.unrecorded:
            return (
                "nothing was counted: the connections used are not recorded. Open them by tailgate_otel.create_pool, "
                "or within tailgate_otel.testing.recorded_asyncpg(), as tailgate_recorded_asyncpg = true in pytest's "
                "configuration does; a connection class of your own must derive from tailgate_otel.RecordedConnection"
            )
        return ""

    def __str__(self) -> str:
        return "\n".join(line for statement in self.statements for line in _lines(statement))

    def _counted(self, text: str, sent: list[Sent]) -> CountedStatement:
        # Batches and cursors are no repetition, nor is what failed and was tried again.
        loops = Counter((id(one.request), one.site) for one in sent if one.call.repeatable and one.call.error is None)
        return CountedStatement(
            text=text,
            count=len(sent),
            sites=dict(Counter(one.site for one in sent).most_common()),
            n_plus_one=max(loops.values(), default=0) >= self._n_plus_one,
        )


def count_queries(at_most: int | None = None, *, n_plus_one: int = 2) -> QueryCount:
    """A block in which queries are counted.

    Args:
        at_most: more queries than that fail the test at the end of the block, each statement named.
        n_plus_one: how often a statement must come from one place under one request to be called an N+1. A test
            has few rows, so this is less than what :attr:`Config.n_plus_one` says for production.

    Example:
        with count_queries() as counted:
            await client.get("/orders")
        assert counted.queries == 2
        assert not counted.n_plus_one

    """
    return QueryCount(at_most, n_plus_one)


@contextmanager
def recorded_asyncpg() -> Iterator[None]:
    """Meanwhile whoever opens a pool or a connection by plain asyncpg gets a recorded one.

    ``tailgate_recorded_asyncpg = true`` in pytest's configuration does it for the whole run. Whoever names a
    connection class keeps it, and whatever was open before stays as it is.
    """
    recorded: dict[str, Any] = {"connection_class": RecordedConnection}
    # The defaults of the functions themselves: an application may have imported them by name already.
    with (
        patch.dict(asyncpg.connect.__kwdefaults__, recorded),
        patch.dict(asyncpg.create_pool.__kwdefaults__, recorded),
        patch.object(asyncpg.pool, "Pool", RecordedPool),
    ):
        yield


def _budget(at_most: int) -> int:
    if not isinstance(at_most, int) or at_most < 0:
        raise ValueError(f"at_most={at_most!r} must be a number of queries, 0 or more")
    return at_most


def _lines(statement: CountedStatement) -> Iterator[str]:
    text = statement.text if len(statement.text) <= _LONGEST else f"{statement.text[:_LONGEST]}…"
    yield f"  {statement.count} × {text}{'   <- N+1' if statement.n_plus_one else ''}"
    for site, count in statement.sites.items():
        often = f", {count} times" if len(statement.sites) > 1 and count > 1 else ""
        yield f"        from {_nearer(site)}{often}"


def _nearer(site: str) -> str:
    here = f"{Path.cwd()}/"
    return site.removeprefix(here) or _UNKNOWN_SITE
