"""N+1: the same statement again and again under one request, told by counting, never by time."""

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tailgate_otel.call import QUERY, Call
from tailgate_otel.site import call_site
from tailgate_otel.statement import describe

# Different statements that are counted under one request; one of a million repeats none of them here.
_MAX_STATEMENTS = 200


@dataclass(frozen=True, slots=True)
class Repetition:
    """How often a statement ran under one request, for how many nanoseconds in all, and from where."""

    count: int
    total: int
    site: str


class Repetitions:
    """What ran how often under one request.

    A batch, a step of a cursor and what failed repeat nothing: they are what an N+1 is replaced with, and retries.

    Args:
        limit: how many times the same statement is an N+1.

    Attributes:
        found: whether there is an N+1.

    """

    __slots__ = ("_limit", "_seen", "found")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # Count, total and site; for each request that makes more than a few queries, so it is a list.
        self._seen: dict[str, list[Any]] = {}
        self.found = False

    def add(self, text: str, kind: int, nanoseconds: int) -> None:
        """Count a call that has just ended."""
        if kind != QUERY:
            return
        statement = describe(text)
        seen = self._seen.get(statement.text)
        if seen is None:
            if len(self._seen) < _MAX_STATEMENTS and statement.repeatable:
                self._seen[statement.text] = [1, nanoseconds, ""]
            return
        seen[0] += 1
        seen[1] += nanoseconds
        if seen[0] == self._limit:
            self.found = True
            seen[2] = call_site(inspect.currentframe())

    def worst(self) -> list[tuple[str, Repetition]]:
        """The statements repeated as often as the limit says, or more, the most frequent first."""
        found = [(text, Repetition(*seen)) for text, seen in self._seen.items() if seen[0] >= self._limit]
        return sorted(found, key=lambda item: -item[1].count)


class Growth:
    """How the repetitions of one statement grow with the rows that were found before it, over many requests.

    The slope of least squares through (rows, repetitions): 1 says a query for each row, which is what makes an
    N+1 grow with the data; 0 says a fixed number of them.
    """

    __slots__ = ("_products", "_requests", "_rows", "_squares", "_times")

    def __init__(self) -> None:
        self._requests = 0
        self._rows = 0
        self._times = 0
        self._squares = 0
        self._products = 0

    def add(self, rows: int, times: int) -> None:
        """One request: so many rows, so many repetitions."""
        self._requests += 1
        self._rows += rows
        self._times += times
        self._squares += rows * rows
        self._products += rows * times

    @property
    def slope(self) -> float | None:
        """Queries a row; unknown while every request found as many rows as the others."""
        spread = self._requests * self._squares - self._rows * self._rows
        if spread == 0:
            return None
        return (self._requests * self._products - self._rows * self._times) / spread


def rows_before(calls: Sequence[Call], text: str) -> tuple[int, int]:
    """The most rows any other query found before the first of a statement, and how often that statement ran."""
    rows = times = 0
    for call in _queries(calls):
        if call.statement.text == text:
            times += 1
        elif not times:
            rows = max(rows, call.rows)
    return rows, times


def _queries(calls: Iterable[Call]) -> Iterable[Call]:
    return (call for call in calls if call.kind == QUERY and call.error is None)
