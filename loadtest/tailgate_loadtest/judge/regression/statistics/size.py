"""By how much the candidate is worse, and how sure that is.

By turns. The unit is the pair of neighbouring turns, the bound a Student's t of so many pairs less one. Which of the
two is first is drawn, so that no trend favours a side. A pair in which one side has nothing is left out. Where a turn
holds too few requests for its percentile, neighbouring pairs are put together first. Of a percentile the difference is
the factor that balances the pairs (``balance.py``); of failures, the mean of the pairs' differences.

How often is not how long. What balances most windows says little about a few in which the candidate stood still, so the
requests ``beyond`` the percentile of the whole load are counted as well, and compared like failures are.

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

from tailgate_loadtest.judge.regression.statistics.balance import balance
from tailgate_loadtest.judge.regression.statistics.pairs import Paired
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
    """Standard error upwards: of what it may be more."""
    freedom: float
    """Degrees of freedom of the errors."""
    pairs: int
    left_out: int = 0
    """Pairs in which one side had nothing."""
    downwards: float | None = None
    """Standard error of what it may be less; None where it is the same."""

    def high(self, confidence: float) -> float:
        """The one-sided upper bound of that confidence; infinite where there is none."""
        reach = float(stdtrit(self.freedom, confidence)) * self.error
        return self.value + reach if math.isfinite(self.value + reach) else math.inf

    def low(self, confidence: float) -> float:
        """The one-sided lower bound of that confidence; infinitely low where there is none."""
        return -self.negated().high(confidence)

    def negated(self) -> "Size":
        """The same with the sides exchanged."""
        if self.downwards is None:
            return replace(self, value=-self.value)
        return replace(self, value=-self.value, error=self.downwards, downwards=self.error)


def ratio(paired: Paired, q: float) -> Size | None:
    """The logarithm of the candidate's ``q``-quantile divided by the base's; None where there are too few requests."""
    base, candidate, left_out = _grouped(paired, least_requests(q))
    if len(base) < LEAST_PAIRS:
        return None
    value, up, down = balance(base, candidate, paired.values, q)
    return Size(
        value=value,
        error=max(up, _FINEST),
        freedom=len(base) - 1,
        pairs=len(base),
        left_out=left_out,
        downwards=max(down, _FINEST),
    )


def beyond(paired: Paired, edges: tuple[float, float]) -> Size | None:
    """The candidate's share of requests longer than its edge less the base's of those longer than its own, in seconds.

    None where there are too few requests.
    """
    sides = []
    for counts, edge in zip((paired.base, paired.candidate), edges, strict=True):
        place = int(np.searchsorted(paired.values, edge, side="right"))
        sides.append(np.column_stack([counts[:, :place].sum(axis=1), counts[:, place:].sum(axis=1)]))
    return difference(Paired(values=np.array([0.0, 1.0]), base=sides[0], candidate=sides[1]))


def difference(shares: Paired) -> Size | None:
    """The candidate's share of what is counted as 1 less the base's; None where there are too few requests."""
    base, candidate, left_out = _grouped(shares, least_requests(0.5))
    if len(base) < LEAST_PAIRS:
        return None
    each = candidate[:, 1] / candidate.sum(axis=1) - base[:, 1] / base.sum(axis=1)
    n = len(each)
    error = float(each.std(ddof=1)) / math.sqrt(n)
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
