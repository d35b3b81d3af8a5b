"""By how much the runs of one side lie above those of another, where a run is one observation.

Whatever a moment brings - a machine's neighbours, its clock rate, the state of caches - is common to all requests of
a run, so that a run's own windows know nothing of it; only the scatter between runs does, and the doubt within each
run is contained in that. The two sides need not scatter alike: Welch's t, with Satterthwaite's degrees of freedom
(Welch, "The generalization of 'Student's' problem when several different population variances are involved",
Biometrika 34, 1947).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import nctdtrinc, stdtr, stdtrit

from tailgate_loadtest.judge.statistics import Array


@dataclass(frozen=True, slots=True)
class Shift:
    """A difference of means, candidate less base, its standard error, and the degrees of freedom of that."""

    estimate: float
    error: float
    freedom: float

    @property
    def p(self) -> float:
        """How probable so large a difference is for sides that are the same; one-sided: the candidate is higher."""
        return float(stdtr(self.freedom, -self.estimate / self.error))

    def bound(self, confidence: float) -> float:
        """What the difference does not exceed, one-sided; that of ``1 - confidence`` bounds it from below."""
        return self.estimate + float(stdtrit(self.freedom, confidence)) * self.error

    def visible(self, alpha: float, power: float) -> float:
        """The smallest difference that would have been found at ``alpha`` with a probability of ``power``.

        The t of a sample whose mean is not 0 is the noncentral one: its parameter is the difference in standard errors.
        """
        critical = stdtrit(self.freedom, 1 - alpha)
        return float(nctdtrinc(self.freedom, 1 - power, critical)) * self.error


def shift(base: Array, candidate: Array, floor: float, moments: tuple[int, int]) -> Shift:
    """The shift between two sides of at least two observations each.

    ``floor`` (> 0) is the variance of the difference that is known to be there whatever the scatter says: few runs may
    agree by chance. ``moments`` are those at which each side was observed: as many as observations, or fewer.

    Observations of one moment share what it brings, and their scatter does not show it. What moments bring is taken to
    vary as much as the observations of both sides do, s^2: of n observations at k < n moments the mean's variance is
    then s^2 / k + s^2 / n.
    """
    sides = (base, candidate)
    spare = [len(side) - 1 for side in sides]
    scatter = [float(side.var(ddof=1)) for side in sides]
    pooled = sum(n * each for n, each in zip(spare, scatter, strict=True)) / sum(spare)
    several = [count >= len(side) for count, side in zip(moments, sides, strict=True)]
    parts = [
        own / len(side) if apart else pooled / count + pooled / len(side)
        for own, apart, count, side in zip(scatter, several, moments, sides, strict=True)
    ]
    variance, freedom = sum(parts), float(sum(spare))
    if variance > 0 and all(several):
        freedom = variance**2 / sum(part**2 / n for part, n in zip(parts, spare, strict=True))
    return Shift(float(np.mean(candidate) - np.mean(base)), math.sqrt(max(variance, floor)), freedom)
