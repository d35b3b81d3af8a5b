"""The service's own side of a run: its counters, read before the load, at the end of the warm-up, and after."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from tailgate_otel import names

from tailgate_loadtest.errors import BundleError, CountersError
from tailgate_loadtest.run.page import MAX_SAMPLES, Page, Sample

SCHEMA = "tailgate/server/v1"
# What pages tell of their visits is anybody's word, which no verdict heeds, in thousands of buckets.
_OF_PAGES = (
    names.WEB_VITAL_LCP,
    names.WEB_VITAL_INP,
    names.WEB_VITAL_CLS,
    names.WEB_VITAL_FCP,
    names.WEB_VITAL_TTFB,
    names.PAGE_TIMING,
)
Moment = Literal["start", "measured", "end"]

Read = Callable[[Moment], list[Sample]]
"""Reads a service's counters by the names of ours, or raises CountersError."""


class ServerCounters:
    """What a service's counters said at the moments of a run.

    ``source`` is the address of its metrics page; where they are ``read`` from elsewhere, or were read before
    (``moments``), it only tells people where that is.

    Raises PlanError where a page's address is none.
    """

    def __init__(
        self, source: str | None, moments: Mapping[str, Any] | None = None, *, read: Read | None = None
    ) -> None:
        self.source = source
        self._read = read
        if source is not None and read is None and moments is None:
            page = Page(source)
            self.source = page.address
            self._read = lambda _: page.read()
        self.moments: dict[str, Any] = dict(moments or {})
        self.errors: list[str] = []

    @property
    def state(self) -> Literal["complete", "lost", "absent"]:
        """Whether both ends are there, only the beginning, or nothing."""
        if "end" in self.moments and "start" in self.moments:
            return "complete"
        return "lost" if self.moments else "absent"

    def take(self, moment: Moment) -> None:
        """Read them now. What cannot be read is noted, and missing from then on; it never ends a run."""
        if self._read is None:
            return
        try:
            samples = self._read(moment)
        except CountersError as error:
            self.errors.append(f"the service's metrics at {self.source} could not be read at the {moment}: {error}")
            return
        if len(samples) > MAX_SAMPLES:
            self.errors.append(f"{self.source} has more than {MAX_SAMPLES} samples; only the first of them are kept")
        kept = [one for one in samples[:MAX_SAMPLES] if math.isfinite(one[2]) and not one[0].startswith(_OF_PAGES)]
        self.moments[moment] = {"at": time.time(), "samples": kept}

    def document(self) -> dict[str, Any]:
        """server.json."""
        return {"schema": SCHEMA, "source": self.source, "state": self.state, **self.moments}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """What ``document`` wrote."""
        moments = {key: document[key] for key in ("start", "measured", "end") if key in document}
        return cls(document.get("source"), moments)

    def queries(self) -> dict[str, "QueryCounts"]:
        """Queries per request of each route, over the judged part of the run; empty when an end is missing.

        Raises:
            BundleError: a moment of the document is damaged.
        """
        first = self.moments.get("measured") or self.moments.get("start")
        last = self.moments.get("end")
        if first is None or last is None:
            return {}
        try:
            # Series of load tests may be another run's, and stand still in this one.
            own = _of_load_tests(first["samples"]) != _of_load_tests(last["samples"])
            before, after = (_histograms(moment["samples"], own=own) for moment in (first, last))
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(f"server.json: a sample is damaged: {error}") from error
        return {
            route: counts.since(before.get(route))
            for route, counts in after.items()
            if counts.since(before.get(route)).requests > 0
        }


@dataclass(frozen=True, kw_only=True)
class QueryCounts:
    """How many requests of a route ran how many queries."""

    requests: int
    queries: int
    at_most: Mapping[float, int]
    """Queries -> requests with at most so many."""

    @property
    def mean(self) -> float:
        """Queries per request."""
        return self.queries / self.requests

    def within(self, budget: float) -> int | None:
        """How many requests kept a budget; None when no edge of the service's histogram is at the budget."""
        return self.at_most.get(budget)

    def percentile(self, q: float) -> float:
        """The least edge that a share ``q`` of the requests did not exceed."""
        for edge in sorted(self.at_most):
            if self.at_most[edge] >= q * self.requests:
                return edge
        return float("inf")

    def since(self, earlier: "QueryCounts | None") -> "QueryCounts":
        """The requests that came after ``earlier``; all of them where the counters began anew in between."""
        if earlier is None or self._began_anew(earlier):
            return self
        return QueryCounts(
            requests=self.requests - earlier.requests,
            queries=self.queries - earlier.queries,
            at_most={edge: n - earlier.at_most.get(edge, 0) for edge, n in self.at_most.items()},
        )

    def _began_anew(self, earlier: "QueryCounts") -> bool:
        """Whether any of these counters went down, which a counter never does."""
        return (
            self.requests < earlier.requests
            or self.queries < earlier.queries
            or any(self.at_most.get(edge, 0) < n for edge, n in earlier.at_most.items())
        )


def _of_load_tests(samples: list[Sample]) -> float:
    """How many requests were counted as those of load tests."""
    counted = (each for each in _of(samples, names.QUERIES_PER_REQUEST) if each[0].endswith("_count"))
    return sum(value for _, labels, value in counted if labels.get(names.LABEL_SYNTHETIC))


def _histograms(samples: list[Sample], *, own: bool) -> dict[str, QueryCounts]:
    """Queries per request by route; ``own``: of load tests alone, where the service tells them from its visitors."""
    routes: dict[str, dict[str, Any]] = {}
    for name, labels, value in _of(samples, names.QUERIES_PER_REQUEST):
        if own and not labels.get(names.LABEL_SYNTHETIC):
            continue
        route = f"{labels.get(names.LABEL_METHOD, '')} {labels.get(names.LABEL_ROUTE, '')}"
        counts = routes.setdefault(route, {"requests": 0, "queries": 0, "at_most": {}})
        if name.endswith("_count"):
            counts["requests"] += round(value)
        elif name.endswith("_sum"):
            counts["queries"] += round(value)
        elif name.endswith("_bucket"):
            edge = float(labels["le"])
            counts["at_most"][edge] = counts["at_most"].get(edge, 0) + round(value)
    return {route: QueryCounts(**counts) for route, counts in routes.items()}


def _of(samples: list[Sample], family: str) -> Iterator[Sample]:
    return (sample for sample in samples if sample[0].startswith(family))
