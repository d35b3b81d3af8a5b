"""A stretch of a run cut into windows: what each route's requests did in each of them."""

import math
from dataclasses import dataclass

import numpy as np

from tailgate_loadtest.judge.statistics import MAX_WINDOWS, Array
from tailgate_loadtest.measure.histogram import Histogram
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
    longest: float
    """The longest time seen, in seconds, answered or not; NaN when there was nothing."""

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

    def slower(self, threshold: float) -> Array:
        """Per window, the requests that were not answered well within ``threshold`` seconds."""
        slow = self.bad.copy()
        for window, histogram in self.good.items():
            slow[window] += histogram.above(threshold)
        return slow


def cut(log: LatencyLog, route: str | None, start: float, end: float) -> Windows:
    """The windows of a route (None: all together) between two moments, in seconds since the load began."""
    first, last = math.floor(start), max(math.ceil(end), math.floor(start) + 1)
    size = math.ceil((last - first) / MAX_WINDOWS)
    count = math.ceil((last - first) / size)
    longest: list[float] = []

    def per_window(kind: Kind) -> dict[int, Histogram]:
        found: dict[int, Histogram] = {}
        for second, histogram in log.seconds(route, kind).items():
            if first <= second < last:
                found.setdefault((second - first) // size, Histogram()).merge(histogram)
                longest.append(histogram.maximum())
        return found

    def counts(kind: Kind) -> Array:
        array = np.zeros(count)
        for window, histogram in per_window(kind).items():
            array[window] = histogram.total
        return array

    good, failed, censored = per_window(Kind.RESPONSE), counts(Kind.FAILED), counts(Kind.CENSORED)
    return Windows(good, failed, censored, max(longest, default=math.nan))
