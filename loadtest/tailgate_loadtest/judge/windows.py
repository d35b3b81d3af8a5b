"""A stretch of a run cut into windows: what each route's requests did in each of them."""

import math
from dataclasses import dataclass, replace

import numpy as np

from tailgate_loadtest.judge.statistics import MAX_WINDOWS, Array
from tailgate_loadtest.measure.histogram import Histogram, merged
from tailgate_loadtest.measure.hlog import LatencyLog
from tailgate_loadtest.measure.kinds import Kind


@dataclass(frozen=True, slots=True)
class Windows:
    """One route, or all, in windows of equal length."""

    good: dict[int, Histogram]
    """Per window, the response times of the requests that succeeded."""
    failed: Array
    """Per window, how many failed."""
    censored: Array
    """Per window, how many were not answered when the drain ended."""
    waited: Histogram
    """How long these had been waited for by then."""
    lost: Array
    """Per window, how many have no known end, because the worker that made them was lost."""

    @property
    def bad(self) -> Array:
        """Per window, the requests without a good answer."""
        return self.failed + self.censored

    @property
    def total(self) -> Array:
        """Per window, all requests."""
        totals = self.bad.copy()
        for window, histogram in self.good.items():
            totals[window] += histogram.total
        return totals

    def best(self) -> "Windows":
        """As if all that was lost had been good."""
        good = {window: Histogram(histogram.counts) for window, histogram in self.good.items()}
        for window in np.flatnonzero(self.lost).tolist():
            good.setdefault(window, Histogram()).add(0, int(self.lost[window]))
        return replace(self, good=good, lost=np.zeros_like(self.lost))

    def worst(self) -> "Windows":
        """As if all that was lost had been bad."""
        return replace(self, failed=self.failed + self.lost, lost=np.zeros_like(self.lost))

    def slower(self, threshold: float) -> Array:
        """Per window, the requests that were not answered well within ``threshold`` seconds."""
        slow = self.bad.copy()
        for window, histogram in self.good.items():
            slow[window] += histogram.above(threshold)
        return slow

    def at_least(self, q: float) -> float:
        """What the ``q``-quantile is not below, in seconds, when its rank reaches requests without a good answer.

        A request still waited for counts by how long it was; one that failed is longer than all that was seen.
        """
        seen = merged([*self.good.values(), self.waited])
        rank = math.ceil(q * float(self.total.sum()) - 1e-9)
        return seen.at_rank(max(min(rank, seen.total), 1))


def cut(log: LatencyLog, route: str | None, start: float, end: float) -> Windows:
    """The windows of a route (None: all together) between two moments, in seconds since the load began."""
    first, last = math.floor(start), max(math.ceil(end), math.floor(start) + 1)
    size = math.ceil((last - first) / MAX_WINDOWS)
    count = math.ceil((last - first) / size)

    def per_window(kind: Kind) -> dict[int, Histogram]:
        found: dict[int, Histogram] = {}
        for second, histogram in log.seconds(route, kind).items():
            if first <= second < last:
                found.setdefault((second - first) // size, Histogram()).merge(histogram)
        return found

    def counts(histograms: dict[int, Histogram]) -> Array:
        array = np.zeros(count)
        for window, histogram in histograms.items():
            array[window] = histogram.total
        return array

    censored = per_window(Kind.CENSORED)
    return Windows(
        good=per_window(Kind.RESPONSE),
        failed=counts(per_window(Kind.FAILED)),
        censored=counts(censored),
        waited=merged(censored.values()),
        lost=counts(per_window(Kind.LOST)),
    )
