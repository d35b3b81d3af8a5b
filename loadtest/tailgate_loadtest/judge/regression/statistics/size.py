"""By how much the candidate is worse, and how sure that is.

By turns. The logarithms of the ratios of neighbouring turns are averaged: what slows the machine for longer than two
turns cancels, and which of the two is first is drawn, so that no trend favours a side. The unit is the pair, the bound
a Student's t of so many pairs less one. A pair in which one side has nothing is left out. Where a turn holds too few
requests for its percentile, neighbouring pairs are put together first. The percentile of all turns' requests at once,
with a jackknife over pairs, holds its bounds as well, but a stall or two make up most of it: in 150 simulated gates of
300 s with stalls its standard deviation was 12 % at p95 and 23 % at p99, that of the mean of the pairs 9 % and 12 %.

With what was found side by side. There the ratio is known several times better, but on shared cores it understates:
each side slows the other, and has but half of the load. So it is taken FACTOR times, which is what it may at worst
stand for, and the two are averaged by their precision (Meier, "Variance of a weighted mean", Biometrics 9, 1953, with
his correction for weights that are themselves estimated; degrees of freedom by Satterthwaite, Biometrics 2, 1946). The
bound is never below the estimate by turns alone: what only a whole load brings about, such as a pool that runs dry, is
not seen side by side by any factor.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import betaincinv, stdtrit

from tailgate_loadtest.judge.regression.statistics.pairs import Paired
from tailgate_loadtest.judge.regression.statistics.quantile import harrell_davis
from tailgate_loadtest.judge.statistics import Array

FACTOR = 2.0
"""How many times larger a difference may be by turns than side by side."""
LEAST_PAIRS = 5
_FINEST = 1 / 512
"""The middle of what is counted as one may be so far from a value: no ratio is known better than that."""


def least_requests(q: float) -> int:
    """Of a side, in one pair: with fewer there would be less than two beyond the percentile."""
    return max(10, math.ceil(2 / (1 - q) - 1e-9))


@dataclass(frozen=True, slots=True)
class Size:
    """A difference between the sides: of the logarithms of a percentile, or of shares of failures."""

    value: float
    error: float
    """Standard error."""
    freedom: float
    """Degrees of freedom of the error."""
    pairs: int
    left_out: int = 0
    """Pairs in which one side had nothing."""

    def high(self, confidence: float) -> float:
        """The one-sided upper bound of that confidence; infinite where there is none."""
        reach = float(stdtrit(self.freedom, confidence)) * self.error
        return self.value + reach if math.isfinite(self.value + reach) else math.inf

    def low(self, confidence: float) -> float:
        """The one-sided lower bound of that confidence; infinitely low where there is none."""
        return -self.negated().high(confidence)

    def negated(self) -> "Size":
        """The same with the sides exchanged."""
        return replace(self, value=-self.value)


def ratio(paired: Paired, q: float) -> Size | None:
    """The logarithm of the candidate's ``q``-quantile divided by the base's; None where there are too few requests."""
    base, candidate, left_out = _grouped(paired, least_requests(q))
    if len(base) < LEAST_PAIRS:
        return None
    ends = harrell_davis(np.stack([base, candidate]), paired.values, q)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Never answered on both sides, or in no time at all: nothing is known of their ratio.
        ratios = np.log(ends[1]) - np.log(ends[0])
        return _mean(ratios, left_out)


def difference(failures: Paired) -> Size | None:
    """The candidate's share of failures less the base's; None where there are too few requests."""
    base, candidate, left_out = _grouped(failures, least_requests(0.5))
    if len(base) < LEAST_PAIRS:
        return None
    return _mean(candidate[:, 1] / candidate.sum(axis=1) - base[:, 1] / base.sum(axis=1), left_out, finest=0.0)


def _mean(each: Array, left_out: int, finest: float = _FINEST) -> Size:
    n = len(each)
    if not np.isfinite(each).all():
        return Size(value=float(each.sum()), error=math.inf, freedom=n - 1, pairs=n, left_out=left_out)
    error = max(float(each.std(ddof=1)), finest) / math.sqrt(n)
    return Size(value=float(each.mean()), error=error, freedom=n - 1, pairs=n, left_out=left_out)


def _grouped(paired: Paired, least: int) -> tuple[Array, Array, int]:
    """Neighbouring pairs put together until both sides have enough requests in each; and how many were left out."""
    counts = np.stack([paired.base.sum(axis=1), paired.candidate.sum(axis=1)])
    kept = np.flatnonzero((counts > 0).all(axis=0))
    left_out = int((counts > 0).any(axis=0).sum()) - len(kept)
    starts, have = [], np.array([least, least], dtype=float)
    for window in kept.tolist():
        if (have >= least).all():
            starts.append(window)
            have = np.zeros(2)
        have += counts[:, window]
    if starts and (have < least).any():
        # Too few for a group of their own: they join the one before.
        starts.pop()
    if not starts:
        return paired.base[:0], paired.candidate[:0], left_out
    places = np.searchsorted(kept, starts)
    return np.add.reduceat(paired.base[kept], places), np.add.reduceat(paired.candidate[kept], places), left_out


def upper(turns: Size, duet: Size | None, confidence: float) -> float:
    """The bound of what the difference may be by turns, from both; see above."""
    if duet is None or not math.isfinite(duet.value + duet.error) or not math.isfinite(turns.value + turns.error):
        return turns.high(confidence)
    if not turns.error or not duet.error:
        # Not a single failure on one side: nothing to weigh by.
        return max(turns.high(confidence), FACTOR * duet.high(confidence))
    values = np.array([turns.value, max(duet.value, FACTOR * duet.value)])
    precision = 1 / np.array([turns.error, FACTOR * duet.error]) ** 2
    freedom = np.array([turns.freedom, duet.freedom])
    weights = precision / precision.sum()
    variance = (1 + 4 * float((weights * (1 - weights) / freedom).sum())) / float(precision.sum())
    joint = 1 / float((weights**2 / freedom).sum())
    bound = float(weights @ values) + float(stdtrit(joint, confidence)) * math.sqrt(variance)
    return max(bound, turns.value)


def lower(turns: Size, duet: Size | None, confidence: float) -> float:
    """The same from below."""
    return -upper(turns.negated(), duet.negated() if duet else None, confidence)


def share_at_most(bad: float, total: float, confidence: float) -> float:
    """The exact upper bound of a share (Clopper & Pearson, Biometrika 26, 1934): few failures show little."""
    return float(betaincinv(bad + 1, total - bad, confidence)) if bad < total else 1.0
