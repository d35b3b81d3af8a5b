"""A busy stretch as a few straight ramps.

The stretch is cut into at most 60 bins, and a continuous rate of straight lines is fitted to their means: the heights
at given knots by non-negative least squares (Lawson and Hanson, Solving Least Squares Problems, 1974, chapter 23), the
knots by forward selection (Friedman, Multivariate Adaptive Regression Splines, 1991, section 3.4). Beginning with one
ramp, the knot that lowers the sum of squares most is added, until every bin is off by less than 5 % of the busiest
one's rate or than three standard deviations of a Poisson count, or there are 12 ramps.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailgate_loadtest.traffic.series import Counts, Series

BINS = 60
MAX_RAMPS = 12
TOLERANCE = 0.05
_DEVIATIONS = 3.0


@dataclass(frozen=True, kw_only=True)
class Ramps:
    """A rate that goes in straight lines from knot to knot."""

    knots: Counts
    """Seconds since the stretch began; the first is 0, the last is its end."""
    rates: Counts
    """Requests per second at each."""
    typical: float
    """Root mean square of the bins' deviations from it, as a share of the mean rate."""
    worst: float
    """The largest of them, as a share of the busiest bin's rate."""
    bin: float
    """Seconds of a bin."""

    def at(self, seconds: float | Counts) -> Counts:
        """The rate at moments of the stretch."""
        return np.asarray(np.interp(seconds, self.knots, self.rates), dtype=float)


def fit(series: Series, ignore: NDArray[np.bool_] | None = None) -> Ramps:
    """Fit ramps to a series, without the steps to ignore."""
    counts = series.counts
    kept = np.ones(len(counts)) if ignore is None else 1.0 - ignore
    edges = np.unique(np.round(np.linspace(0, len(counts), min(BINS, len(counts)) + 1)).astype(int))
    seen = np.add.reduceat(kept, edges[:-1]) * series.step
    total = np.add.reduceat(counts * kept, edges[:-1])
    measured = seen > 0  # a bin of which nothing is left says nothing
    means = np.divide(total, seen, out=np.zeros_like(total), where=measured)
    bound = np.maximum(
        TOLERANCE * means.max(),
        _DEVIATIONS * np.sqrt(np.divide(means, seen, out=np.zeros_like(means), where=measured)),
    )
    at = edges * series.step
    knots = [0, len(edges) - 1]
    heights, off = _heights(at, knots, means, measured)
    while len(knots) <= MAX_RAMPS and (off > bound).any():
        others = sorted(set(range(len(edges))) - set(knots))
        if not others:
            break
        tried = [(sorted([*knots, knot]), *_heights(at, sorted([*knots, knot]), means, measured)) for knot in others]
        knots, heights, off = min(tried, key=lambda each: float((each[2] ** 2).sum()))
    return Ramps(
        knots=at[knots].astype(float),
        rates=heights,
        typical=float(np.sqrt((off[measured] ** 2).mean()) / (means[measured].mean() or 1.0)),
        worst=float(off.max() / (means.max() or 1.0)),
        bin=series.seconds / (len(edges) - 1),
    )


def _heights(at: Counts, knots: list[int], means: Counts, measured: NDArray[np.bool_]) -> tuple[Counts, Counts]:
    """The rates at knots that fit the bins' means best and are not below 0, and how far off each bin is."""
    # Not at the top: every verb of the command would wait for it, and only one asks for it.
    from scipy.optimize import nnls  # type: ignore[attr-defined]  # it is, in a way that mypy does not follow

    hats = np.array([np.interp(at, at[knots], unit) for unit in np.eye(len(knots))])
    design = ((hats[:, :-1] + hats[:, 1:]) / 2).T  # a bin's mean is that of the line at its edges
    heights, _ = nnls(design[measured], means[measured])
    return heights, np.where(measured, np.abs(design @ heights - means), 0.0)
