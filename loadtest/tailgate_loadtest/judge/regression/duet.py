"""Whether the candidate is worse while both are loaded: a test that is exact whatever the distribution.

Each arrival goes to a side drawn by a coin of its own. Were the sides the same, exchanging their names within a window
would change nothing about how probable it is: so whatever is measured of it, candidate minus base, is as likely to have
the one sign as the other. Under all 2^n ways to choose the signs of n windows, p is the share of those with a sum at
least as large as the one that was found (randomization test: Fisher, The Design of Experiments, 1935, section 21;
Lehmann & Romano, Testing Statistical Hypotheses, 15.2). No distribution is assumed, no density is estimated; only that
windows are independent of one another.

What is measured of a window is how high the candidate's requests stand among all of that window's, counted above a
rank: a request at the mid-rank u of 0..1 scores max(u - a, 0). With a = 0 this is the test of Wilcoxon and of Mann &
Whitney, stratified by windows; for a percentile q it is a = 1 - 4 (1 - q), so that the slowest fifth are looked at for
p95. Ranks within a window know nothing of how fast the machine was in it, and bound what a single stall can do. Beside
counting the requests above a common percentile (the median p of simulated gates with a p95 of +10 %: 0.09 where sides
stalled, 0.014 where the machine's speed drifted) they find more: 0.02 and 0.001. A request that was never answered
stands above all others.
"""

import numpy as np

from tailgate_loadtest.judge.regression.pairs import Paired
from tailgate_loadtest.judge.statistics import Array

_REACH = 4
"""How many times the share beyond the percentile is looked at."""
_STEPS = 6000
"""Of the scale that scores are rounded to. Rounding is the same for both signs, so that the test stays exact."""


def worse(paired: Paired, q: float) -> float:
    """How probable it is that the candidate's requests near the ``q``-quantile stand so high if both are the same."""
    both = paired.base + paired.candidate
    total = np.maximum(both.sum(axis=1, keepdims=True), 1.0)
    rank = (np.cumsum(both, axis=1) - both / 2) / total
    return _signs(_excess(paired, np.maximum(rank - max(1 - _REACH * (1 - q), 0.0), 0.0)))


def failing(failures: Paired) -> float:
    """How probable so many more failures of the candidate are if both are the same."""
    return _signs(_excess(failures, np.broadcast_to(failures.values, failures.base.shape)))


def _excess(paired: Paired, scores: Array) -> Array:
    """Per window, what the candidate's requests score beyond the mean of both sides'; its sign tells who is who."""
    both = paired.base + paired.candidate
    mean = (both * scores).sum(axis=1, keepdims=True) / np.maximum(both.sum(axis=1, keepdims=True), 1.0)
    found: Array = (paired.candidate * (scores - mean)).sum(axis=1)
    return found


def _signs(found: Array) -> float:
    """The share of all choices of signs with at least this sum, by adding up one window after another."""
    most = float(np.abs(found).sum())
    if not most:
        return 1.0
    steps = np.rint(found / most * _STEPS).astype(np.int64)
    whole = int(np.abs(steps).sum())
    # chance[s]: of the sum of those steps whose sign is positive; the sum of all is 2 s - whole.
    chance = np.zeros(whole + 1)
    chance[0] = 1.0
    for step in np.abs(steps[steps != 0]).tolist():
        shifted = np.zeros_like(chance)
        shifted[step:] = chance[:-step]
        chance = (chance + shifted) / 2
    return min(float(chance[(int(steps.sum()) + whole) // 2 :].sum()), 1.0)
