"""Whether seconds vary more than a Poisson process would have them vary, and which of them stand out.

The index of dispersion is the sum of squared deviations of the counts per second from the ramps, over the sum of the
ramps: the variance over the mean, the trend taken out. It is 1 for a Poisson process whose rate follows the ramps, and
its standard error then is sqrt((2 + 1/m) / n) for n seconds of mean m (Cox and Lewis, The Statistical Analysis of
Series of Events, 1966, chapter 6).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

from tailgate_loadtest.traffic.series import Counts

LONGEST = 30
"""Seconds in a row that are one burst; what stands out for longer is left to the ramps."""
_SURE = 4.0
"""Standard errors above 1 from which on production is burstier than Poisson."""
_FALSE = 0.01
"""Seconds of a stretch that are taken for a burst though the process is Poisson, on average."""


@dataclass(frozen=True, kw_only=True)
class Dispersion:
    """The index of dispersion of counts per second."""

    index: float
    error: float
    """Its standard error if the process were Poisson."""

    @property
    def bursty(self) -> bool:
        """Whether it is more than Poisson's, beyond doubt."""
        return self.index > 1 + _SURE * self.error


@dataclass(frozen=True, kw_only=True)
class Burst:
    """Seconds in a row that stand out."""

    at: int
    """Seconds since the stretch began."""
    counts: tuple[float, ...]
    """Of each of its seconds."""
    expected: float
    """What the ramps have for all of them."""

    @property
    def excess(self) -> float:
        """Requests more than the ramps have."""
        return sum(self.counts) - self.expected


def dispersion(counts: Counts, expected: Counts) -> Dispersion:
    """Of counts per second around what is expected of them."""
    mean = float(expected.mean())
    if mean <= 0:
        return Dispersion(index=1.0, error=math.inf)
    index = float(((counts - expected) ** 2).sum() / expected.sum())
    return Dispersion(index=index, error=math.sqrt((2 + 1 / mean) / len(counts)))


def outstanding(counts: Counts, expected: Counts) -> NDArray[np.bool_]:
    """The seconds with more requests than a Poisson process has by chance, in runs no longer than ``LONGEST``."""
    # The chance that a Poisson count of mean m is c or more is the regularised lower incomplete gamma function P(c, m).
    high = (counts > expected) & (gammainc(np.maximum(counts, 1.0), expected) < _FALSE / len(counts))
    for first, last in _runs(high):
        if last - first > LONGEST:
            high[first:last] = False
    return np.asarray(high, dtype=bool)


def bursts(counts: Counts, expected: Counts, high: NDArray[np.bool_]) -> list[Burst]:
    """The runs of outstanding seconds, the one with the busiest second first, then by their excess."""
    found = [
        Burst(at=first, counts=tuple(counts[first:last].tolist()), expected=float(expected[first:last].sum()))
        for first, last in _runs(high)
    ]
    ranked = sorted(found, key=lambda burst: -burst.excess)
    return sorted(ranked, key=lambda burst: max(burst.counts) < counts.max())


def _runs(high: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], high, [False]))))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]
