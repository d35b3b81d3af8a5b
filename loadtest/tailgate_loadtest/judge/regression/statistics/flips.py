"""Whether the candidate is worse: a test that is exact whatever the distribution, since arrivals were given by coins.

While both sides are loaded each arrival goes to one of them by a coin of its own, and of two turns a coin says whose is
first. Were the sides the same, exchanging their names within a window, or within a pair of turns, would change nothing
about how probable it is: so whatever is measured of it, candidate against base, is as likely to have the one sign as
the other. Under all 2^n ways to choose the signs, p is the share of those with a sum at least as large as the one that
was found (randomization test: Fisher, The Design of Experiments, 1935, section 21; Lehmann & Romano, Testing
Statistical Hypotheses, 15.2). No distribution is assumed and no density estimated; only that windows are independent.

What is measured of a window is how high the candidate's requests stand among all of that window's, counted from a rank
on: a request at the mid-rank u of 0..1 scores max(u - a, 0). With a = 0 this is the test of Wilcoxon and of Mann &
Whitney, stratified by windows; for a percentile q it is a = 1 - 4 (1 - q), so that for p95 the slowest fifth are looked
at. Ranks within a window know nothing of how fast the machine was in it, and bound what a single stall can do. Of 200
simulated gates with times 10 % longer on a drifting machine this found 46 % by p95, at a level of 0.0007; counting the
requests above the percentile of all windows found 13 %. A request that was never answered stands above all others.

Windows side by side and pairs of turns are added up, each kind by its requests over the sum of its squares, which is
how much its requests tell; squares know no signs, so that the test stays exact. The turns tell less where the machine
drifts, and more where cores are shared, on which side by side only a part of the difference is seen. At a level of
0.0005, with times 10 % longer of which half is seen side by side, turns of 2 s and 30 requests a second, this found
48 % by p50, windows side by side alone 8 %, turns alone 29 %; with all of it seen side by side 93, 73 and 29 %.
"""

from collections.abc import Sequence

import numpy as np

from tailgate_loadtest.judge.regression.statistics.pairs import Paired
from tailgate_loadtest.judge.statistics import Array

_REACH = 4
"""How many times the share beyond the percentile is looked at."""
_STEPS = 6000
"""Of the scale that scores are rounded to. Rounding is the same for both signs, so that the test stays exact."""
_ROUNDING = 1e-12
"""Of a request's score."""


def worse(phases: Sequence[Paired], q: float) -> float:
    """How probable it is that the candidate's requests near the ``q``-quantile stand so high if both are the same."""
    return _test(phases, [_ranks(each, q) for each in phases])


def failing(phases: Sequence[Paired]) -> float:
    """How probable so many more failures of the candidate are if both are the same; values are 0 and 1."""
    return _test(phases, [np.broadcast_to(each.values, each.base.shape) for each in phases])


def _ranks(paired: Paired, q: float) -> Array:
    both = paired.base + paired.candidate
    middle = (np.cumsum(both, axis=1) - both / 2) / np.maximum(both.sum(axis=1, keepdims=True), 1.0)
    scores: Array = np.maximum(middle - max(1 - _REACH * (1 - q), 0.0), 0.0)
    return scores


def _test(phases: Sequence[Paired], scores: Sequence[Array]) -> float:
    found = []
    for paired, score in zip(phases, scores, strict=True):
        excess = _excess(paired, score)
        squares = float((excess**2).sum())
        if squares:
            found.append(excess * float(paired.base.sum() + paired.candidate.sum()) / squares)
    return _signs(np.concatenate(found)) if found else 1.0


def _excess(paired: Paired, scores: Array) -> Array:
    """Per window, what the candidate's requests score beyond the mean of both sides'; its sign tells who is who."""
    both = paired.base + paired.candidate
    total = both.sum(axis=1)
    mean = (both * scores).sum(axis=1) / np.maximum(total, 1.0)
    found: Array = (paired.candidate * (scores - mean[:, None])).sum(axis=1)
    # Where all stand equally, or one side has nothing, there must not be a sign of what rounding left.
    found[np.abs(found) < _ROUNDING * total] = 0.0
    return found


def _signs(found: Array) -> float:
    """The share of all choices of signs with at least this sum, by adding up one window after another."""
    steps = np.rint(found / np.abs(found).sum() * _STEPS).astype(np.int64)
    whole = int(np.abs(steps).sum())
    # chance[s]: of the sum of those steps whose sign is positive; the sum of all is 2 s - whole. Beyond the most that
    # the steps so far can be there is none.
    chance = np.zeros(whole + 1)
    chance[0] = 1.0
    most = 0
    for step in np.abs(steps[steps != 0]).tolist():
        most += step
        chance[step : most + 1] += chance[: most + 1 - step]
        chance[: most + 1] /= 2
    return min(float(chance[(int(steps.sum()) + whole) // 2 :].sum()), 1.0)
