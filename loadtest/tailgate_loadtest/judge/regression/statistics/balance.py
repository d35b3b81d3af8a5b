"""The factor between the sides' percentiles: divided by it, the candidate's times are beyond it as often as the base's.

This is the estimate that belongs to a test by ranks (Hodges & Lehmann, "Estimates of location based on rank tests",
Annals of Mathematical Statistics 34, 1963): the difference which, taken away, leaves the test nothing to find. What is
counted are requests beyond the percentile of both sides' requests in their window, so that a window in which the
machine was slow, or stood still, says as much as any other, and no more. Where all windows are alike it is the ratio
of the sides' percentiles; of gates resampled from a real one of sides that are the same its standard deviation by p95
was 1.5 %, that of the mean logarithm of the windows' ratios 5.6 %.

Its bounds are those factors that are as many standard errors of the count away as is asked: they are found by dividing
by them and counting again, so that no density is estimated, and above and below each have a doubt of their own. In a
gap between two kinds of requests it is known less well upwards than downwards, or the other way about.

A window is soft at its percentile: a request counts by how far it lies in the ranks that may be the percentile, which
are as many as the weights of Harrell and Davis (``quantile.py``) are wide.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tailgate_loadtest.judge.statistics import Array

_FIRST = 1 / 64
_FINE = 1 / 2048
"""Of a logarithm: how far the first step goes, and how well the place is known in the end."""
_FAR = 14.0
"""Nothing is a million times slower: what is not balanced until here never is."""
_NOTHING = 1e-9
"""Of all requests: the count of what rounding leaves."""


def balance(base: Array, candidate: Array, values: Array, q: float) -> tuple[float, float, float]:
    """The logarithm of the factor, and its standard errors upwards and downwards.

    ``base`` and ``candidate`` are counts (windows, buckets), both with requests in each window, of ascending ``values``
    (buckets,) in seconds, the last of which may be infinite. The logarithm is infinite where one side's percentile is
    beyond all values, and NaN where that of both is; then there is no error.
    """
    excess = _Excess(base, candidate, values, q)
    nothing = _NOTHING * float(base.sum() + candidate.sum())

    def total(shift: float) -> float:
        return float(excess(shift).sum())

    never = [float(each[:, np.isinf(values)].sum() / each.sum()) for each in (base, candidate)]
    if min(never) > 1 - q:
        return math.nan, math.inf, math.inf
    # Between two kinds of requests many factors balance: it is the middle of them.
    least = _falls(total, nothing, 0.0)
    most = _falls(total, -nothing, least if math.isfinite(least) else 0.0)
    value = (least + most) / 2
    if not math.isfinite(value):
        return value, math.inf, math.inf
    n = len(base)
    error = math.sqrt(float((excess(value) ** 2).sum()) * n / (n - 1))
    up, down = (_falls(total, target, value) for target in (-max(error, nothing), max(error, nothing)))
    return value, max(up - value, 0.0), max(value - down, 0.0)


class _Excess:
    """By how much more of its requests the candidate is beyond the percentile of each window, as a count."""

    def __init__(self, base: Array, candidate: Array, values: Array, q: float) -> None:
        with np.errstate(divide="ignore"):
            self._logs = np.log(values)
        self._base, self._candidate = _Side(base), _Side(candidate)
        self._n = self._base.n + self._candidate.n
        self._q = np.full(len(self._n), q)
        # As wide as a uniform distribution with the standard deviation of the beta distribution of that rank.
        self._width = np.sqrt(12 * q * (1 - q) / (self._n + 2))

    def __call__(self, shift: float) -> Array:
        """(windows,), after the candidate's times were divided by the exponential of ``shift``."""
        divided = self._logs - shift
        base = self._scores(self._base, self._candidate, self._logs, divided)
        candidate = self._scores(self._candidate, self._base, divided, self._logs)
        found: Array = candidate - self._candidate.n * (base + candidate) / self._n
        return found

    def _scores(self, side: "_Side", other: "_Side", mine: Array, others: Array) -> Array:
        """(windows,), of one side's requests; those of equal times share the ranks that they have together."""
        n, q, width = (each[side.window] for each in (self._n, self._q, self._width))
        first = side.before + other.below[side.window, np.searchsorted(others, mine, "left")[side.bucket]]
        last = side.before + side.count + other.below[side.window, np.searchsorted(others, mine, "right")[side.bucket]]
        score = (_beyond(last / n, q, width) - _beyond(first / n, q, width)) / ((last - first) / n)
        return np.bincount(side.window, side.count * score, minlength=len(self._n)).astype(np.float64)


class _Side:
    """One side's requests, as those of its buckets that have any."""

    def __init__(self, counts: Array) -> None:
        self.n: Array = counts.sum(axis=1)
        self.below: Array = np.zeros((counts.shape[0], counts.shape[1] + 1))
        """(windows, buckets + 1): how many requests are in the buckets before."""
        np.cumsum(counts, axis=1, out=self.below[:, 1:])
        self.window: NDArray[np.intp]
        self.bucket: NDArray[np.intp]
        self.window, self.bucket = np.nonzero(counts)
        self.count: Array = counts[self.window, self.bucket]
        self.before: Array = self.below[self.window, self.bucket]


def _beyond(rank: Array, q: Array, width: Array) -> Array:
    """The integral, up to a rank of 0..1, of how far it is beyond ``q``: a ramp from 0 to 1 of that width around it."""
    within = np.clip(rank - q + width / 2, 0.0, width)
    found: Array = within**2 / (2 * width) + np.maximum(rank - q - width / 2, 0.0)
    return found


def _falls(falling: Callable[[float], float], below: float, near: float) -> float:
    """Where a function that never rises falls below a number; infinite where it does so nowhere, or was before all."""
    low, high, step = near, near, _FIRST
    while falling(low) < below:
        if low < near - _FAR:
            return -math.inf
        high, low, step = low, low - step, 2 * step
    while high == low or falling(high) >= below:
        if high > near + _FAR:
            return math.inf
        low, high, step = high, high + step, 2 * step
    while high - low > _FINE:
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) >= below else (low, middle)
    return (low + high) / 2
