"""How the same turns are judged elsewhere: rules that count requests, or windows as if nothing bound two of them.

Each says whether the candidate is worse, by one cell alone and at the level that its users take it at; none knows how
many cells there are. Of windows side by side they are told nothing: who uses them loads one side after the other.
They are here to be measured beside ours.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import ndtri
from scipy.stats import ttest_ind
from tailgate_loadtest.judge.regression.statistics.pairs import Paired
from tailgate_loadtest.judge.statistics import Array

LEVEL = 0.05
_TEN_PER_CENT = 1.10
_RESAMPLES = 2_000
_SEED = 20_061_205

Rival = Callable[[Paired, float], bool]


def plain_rule(paired: Paired, q: float) -> bool:
    """The percentile of all the candidate's requests is more than a tenth above the base's."""
    base, candidate = _nearest(paired.base.sum(axis=0), paired, q), _nearest(paired.candidate.sum(axis=0), paired, q)
    return candidate > _TEN_PER_CENT * base


def mann_whitney(paired: Paired, _: float) -> bool:
    """Requests of the one side against requests of the other, each as if it were independent of all others.

    The normal approximation with its correction for ties (Lehmann, Nonparametrics, 1.4); the percentile plays no part.
    """
    base, candidate = paired.base.sum(axis=0), paired.candidate.sum(axis=0)
    m, n = float(base.sum()), float(candidate.sum())
    if not m or not n:
        return False
    both = base + candidate
    larger = float(candidate @ (np.cumsum(base) - base / 2))
    ties = float((both**3 - both).sum()) / ((m + n) * (m + n - 1))
    error = math.sqrt(m * n / 12 * (m + n + 1 - ties))
    return error > 0 and (larger - m * n / 2) / error > float(ndtri(1 - LEVEL))


def bootstrap(paired: Paired, q: float) -> bool:
    """Requests drawn again with replacement: the lower end of the ratio's percentile interval is above 1.

    The r-th smallest of n drawn values is where the distribution of all reaches a Beta(r, n - r + 1) variable, so that
    nothing needs to be drawn but that.
    """
    random = np.random.default_rng(_SEED)
    drawn = []
    for side in (paired.base.sum(axis=0), paired.candidate.sum(axis=0)):
        n = int(side.sum())
        if not n:
            return False
        rank = max(math.ceil(q * n - 1e-9), 1)
        places = random.beta(rank, n - rank + 1, _RESAMPLES) * n
        drawn.append(paired.values[np.searchsorted(np.cumsum(side), places)])
    with np.errstate(invalid="ignore"):
        return bool(np.quantile(drawn[1] / drawn[0], LEVEL) > 1)


def t_interval(paired: Paired, q: float) -> bool:
    """Welch's t over the windows' percentiles, a side's windows taken as a sample of their own."""
    sides = []
    for side in (paired.base, paired.candidate):
        found = np.array([_nearest(window, paired, q) for window in side if window.any()])
        sides.append(found[np.isfinite(found)])
    if min(map(len, sides)) < 2:
        return False
    return bool(ttest_ind(sides[1], sides[0], equal_var=False, alternative="greater").pvalue <= LEVEL)


RIVALS: Mapping[str, Rival] = {
    "+10 % rule": plain_rule,
    "Mann-Whitney": mann_whitney,
    "bootstrap": bootstrap,
    "t-interval": t_interval,
}


def _nearest(counts: Array, paired: Paired, q: float) -> float:
    total = float(counts.sum())
    if not total:
        return math.nan
    return float(paired.values[np.searchsorted(np.cumsum(counts), max(math.ceil(q * total - 1e-9), 1))])
