"""The percentile of a histogram by all of its counts near the rank, not by the one bucket that the rank falls into.

Harrell & Davis, "A new distribution-free quantile estimator", Biometrika 69 (1982): the mean of the order statistics,
weighted by how probable each is to be the quantile of another sample of the same size. Its scatter is less than that
of a single order statistic, most so where few requests lie beyond the percentile, which is where a gate needs it.
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
    return np.array([_one(row, values, q) for row in rows]).reshape(counts.shape[:-1])


def _one(row: Array, values: Array, q: float) -> float:
    used = np.flatnonzero(row)
    if not len(used):
        return float("nan")
    ends = np.cumsum(row[used])
    n = float(ends[-1])
    weights = np.diff(betainc((n + 1) * q, (n + 1) * (1 - q), np.minimum(ends / n, 1.0)), prepend=0.0)
    found = values[used]
    open_end = np.isinf(found)
    if open_end.any():
        if weights[open_end].sum() > _NEGLIGIBLE:
            return float("inf")
        weights, found = weights[~open_end] / weights[~open_end].sum(), found[~open_end]
    return float(weights @ found)
