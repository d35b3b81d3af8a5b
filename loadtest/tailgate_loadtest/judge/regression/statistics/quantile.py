"""The percentile of a histogram by all of its counts near the rank, not by the one bucket that the rank falls into.

Harrell & Davis, "A new distribution-free quantile estimator", Biometrika 69 (1982): the mean of the order statistics,
weighted by how probable each is to be the quantile of another sample of the same size. It never jumps from one bucket
to the next but one, and of 60 to 400 log-normal times it scatters 2 to 6 % less than the nearest rank does at p50 and
p95; at p99 of so few, as much.
"""

import numpy as np
from scipy.special import betainc

from tailgate_loadtest.judge.statistics import Array

_NEGLIGIBLE = 1e-3
"""Of the weight; as much may lie on requests that were never answered without the estimate being open."""


def harrell_davis(counts: Array, values: Array, q: float) -> Array:
    """The ``q``-quantile of each histogram: ``counts`` (..., buckets) of ascending ``values`` (buckets,), in seconds.

    The last value may be infinite: requests longer than all that was seen. NaN where a histogram is empty, infinite
    where its weight on them is not negligible.
    """
    rows = counts.reshape(-1, counts.shape[-1])
    row, bucket = np.nonzero(rows)
    n = rows.sum(axis=1)
    if not len(row):
        return np.full(counts.shape[:-1], np.nan)
    some = rows[row, bucket]
    firsts = np.flatnonzero(np.diff(row, prepend=-1))
    ends = np.cumsum(some)
    ends -= np.repeat(ends[firsts] - some[firsts], np.diff(firsts, append=len(row)))
    of = n[row]
    below = betainc((of + 1) * q, (of + 1) * (1 - q), np.minimum(ends / of, 1.0))
    weights = np.diff(below, prepend=0.0)
    weights[firsts] = below[firsts]

    open_end = np.isinf(values[bucket])
    open_weight = np.bincount(row, weights * open_end, minlength=len(rows))
    known = np.bincount(row, weights * np.where(open_end, 0.0, values[bucket]), minlength=len(rows))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = np.where(open_weight > _NEGLIGIBLE, np.inf, known / (1 - open_weight))
    found[n == 0] = np.nan
    return found.reshape(counts.shape[:-1])
