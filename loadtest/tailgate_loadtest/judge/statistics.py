"""How sure one can be of a share or a percentile that was measured over dependent requests.

Requests that queue behind one another are not independent, so windows of at least a second are the unit, and they are
resampled in blocks of neighbours (circular block bootstrap: Politis & Romano, "A circular block-resampling procedure
for stationary data", 1992; block length n^(1/3): Hall, Horowitz & Jing, Biometrika 82, 1995). A bootstrap of a share
that was never missed knows no doubt at all; the exact binomial bound (Clopper & Pearson, Biometrika 26, 1934) does, and
the wider of the two is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from tailgate_loadtest.measure import buckets
from tailgate_loadtest.measure.histogram import Histogram

CONFIDENCE = 0.95
"""Of each one-sided bound."""
RESAMPLES = 2000
MAX_WINDOWS = 300
_SEED = 20_061_205

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bounds:
    """One-sided bounds, each of CONFIDENCE: together an interval of 2 * CONFIDENCE - 1."""

    low: float
    high: float


def draws(windows: int) -> Array:
    """How often each window is drawn in each resample: RESAMPLES x windows, the same every time."""
    rng = np.random.default_rng(_SEED)
    length = max(round(windows ** (1 / 3)), 1)
    starts = rng.integers(windows, size=(RESAMPLES, -(-windows // length)))
    picks = ((starts[:, :, None] + np.arange(length)) % windows).reshape(RESAMPLES, -1)[:, :windows]
    rows = np.repeat(np.arange(RESAMPLES), windows)
    counts = np.bincount(rows * windows + picks.ravel(), minlength=RESAMPLES * windows)
    return counts.reshape(RESAMPLES, windows).astype(np.float64)


def share(bad: Array, total: Array) -> Bounds:
    """Bounds of the share of bad events, from their counts per window; the total must not be 0."""
    k, n = float(bad.sum()), float(total.sum())
    exact_low = float(betaincinv(k, n - k + 1, 1 - CONFIDENCE)) if k > 0 else 0.0
    exact_high = float(betaincinv(k + 1, n - k, CONFIDENCE)) if k < n else 1.0
    drawn = draws(len(total))
    totals = drawn @ total
    shares = (drawn @ bad)[totals > 0] / totals[totals > 0]
    low, high = np.quantile(shares, [1 - CONFIDENCE, CONFIDENCE])
    return Bounds(min(float(low), exact_low), max(float(high), exact_high))


@dataclass(frozen=True, slots=True)
class Quantile:
    """A percentile in seconds, with its bounds; infinite where its rank reaches requests never answered well."""

    value: float
    bounds: Bounds


def quantile(good: Mapping[int, Histogram], bad: Array, q: float) -> Quantile:
    """The ``q``-quantile over windows 0..len(bad)-1, each with a histogram of good times and a count of bad requests.

    A bad request's time is taken as longer than any good one's.
    """
    used = sorted({bucket for histogram in good.values() for bucket in histogram.counts})
    column = {bucket: i for i, bucket in enumerate(used)}
    counts = np.zeros((len(bad), len(used) + 1))
    for window, histogram in good.items():
        for bucket, count in histogram.counts.items():
            counts[window, column[bucket]] = count
    counts[:, -1] = bad
    values = np.array([buckets.middle(bucket) / 1e9 for bucket in used] + [np.inf])

    cumulative = np.cumsum(draws(len(bad)) @ counts, axis=1)
    cumulative = cumulative[cumulative[:, -1] > 0]
    resampled = values[_rank_columns(cumulative, q)]
    # Bounds are drawn values themselves: between a finite time and an unanswered one nothing can be interpolated.
    low, high = np.quantile(resampled, [1 - CONFIDENCE, CONFIDENCE], method="inverted_cdf")
    point = values[_rank_columns(np.cumsum(counts.sum(axis=0))[None, :], q)[0]]
    return Quantile(float(point), Bounds(float(low), float(high)))


def _rank_columns(cumulative: Array, q: float) -> NDArray[np.intp]:
    ranks = np.maximum(np.ceil(q * cumulative[:, -1] - 1e-9), 1)
    columns: NDArray[np.intp] = (cumulative < ranks[:, None]).sum(axis=1)
    return columns
