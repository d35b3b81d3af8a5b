"""A percentile of few values, and how sure one can be of it, whatever their distribution: by order statistics.

Each visit has a browser context of its own, which knows nothing of others: visits count as independent. What a service
does to several at once, such as a bad minute, no method sees in so few; more visits over a longer time do.

Then the number of values at or below the q-quantile is binomial, and of n values in their order the l-th is a lower
bound of it and the u-th an upper one, with l the largest and u the smallest for which

    P(Bin(n, q) <= l - 1) <= 1 - CONFIDENCE    and    P(Bin(n, q) >= u) <= 1 - CONFIDENCE

(Thompson, Annals of Mathematical Statistics 7, 1936; David & Nagaraja, "Order Statistics", 3rd edition, section 7.1).
They hold at least as often where values are tied or rounded (Scheffé & Tukey, Annals of Mathematical Statistics 16,
1945). Where n is too small for a bound, there is none.

These are the values at which the exact bounds of a share (Clopper & Pearson, Biometrika 26, 1934) cross 1 - q: the
bounds of the percentile lie on one side of a threshold exactly where those of the share of values above it decide.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, bdtrc

from tailgate_loadtest.judge.statistics import CONFIDENCE, Bounds, share


@dataclass(frozen=True, slots=True)
class Percentile:
    """A percentile and its bounds, each of CONFIDENCE; the bounds are infinite where there is none."""

    value: float
    low: float
    high: float


def percentile(values: Sequence[float], q: float) -> Percentile:
    """The ``q``-quantile of at least one value: the smallest with at least the share q of them at or below it.

    Values may be infinite: those are of visits of which nobody knows more than that they were worse than any other.
    """
    ordered = [-math.inf, *sorted(values), math.inf]
    rank = max(math.ceil(q * len(values) - 1e-9), 1)
    low, high = ranks(len(values), q)
    return Percentile(ordered[rank], ordered[low], ordered[high])


def ranks(n: int, q: float) -> tuple[int, int]:
    """Which of n values in their order, counted from 1, bound the ``q``-quantile; 0 and n + 1 where none does."""
    counts = np.arange(n + 1, dtype=np.float64)
    low = int((bdtr(counts, n, q) <= 1 - CONFIDENCE).sum())
    high = int((bdtrc(counts, n, q) > 1 - CONFIDENCE).sum()) + 1
    return low, high


def bounds(bad: int, total: int) -> Bounds:
    """The exact bounds of a share of independent visits; the total must not be 0."""
    # A single window has no neighbours that it could depend on: what is left there is the binomial bound.
    return share(np.array([float(bad)]), np.array([float(total)]))
