"""The smallest regression that a comparison would have found nine times in ten, and what more minutes would show.

A verdict of worse asks for two things at once. The test must reject at its level, for which the difference must be as
many of its standard errors as that level and nine in ten ask for (the usual formula of a sample's size, such as Lehmann
& Romano, 11.2); what is known side by side counts FACTOR times less precise, since it may be understated so. And the
size by turns must exceed the tolerance, which nine times in ten it does from 1.3 of its errors above it. The larger of
the two is it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scipy.special import gammaincinv, ndtri, stdtrit

from tailgate_loadtest.judge.regression.statistics.size import FACTOR, Size

_FOUND = 0.9


@dataclass(frozen=True, kw_only=True)
class Errors:
    """How well a cell is known after so long a load."""

    turns: Size
    duet: Size
    windows: int
    """Side by side, and pairs of turns, in which both sides had requests."""
    seconds: float
    """Of load, without its warm-up."""


def smallest(known: Errors, *, tolerance: float, level: float) -> float | None:
    """The smallest difference found nine times in ten, on the scale of the sizes; None where no difference would be.

    ``level`` is that of one test: the gate's, divided by the number of cells.
    """
    if 0.5**known.windows > level or not math.isfinite(known.turns.error + known.duet.error):
        return None
    errors = known.turns.error, FACTOR * known.duet.error
    error = math.prod(errors) / math.hypot(*errors) if all(errors) else 0.0
    return max(
        float(ndtri(1 - level) + ndtri(_FOUND)) * error,
        tolerance + float(stdtrit(known.turns.freedom, _FOUND)) * known.turns.error,
    )


def fewest(requests: float, *, tolerance: float, level: float) -> float:
    """The smallest share of failures found nine times in ten where there were none before, of so many requests.

    The test needs so many windows with a failure that as many coins all show heads less often than ``level``, and the
    size one more than is tolerated; the mean is that of which a Poisson number reaches so many nine times in ten.
    """
    least = max(math.ceil(-math.log2(level)), math.floor(tolerance * requests) + 1)
    return float(gammaincinv(least, _FOUND)) / requests


def forecast(
    known: Errors, minutes: Sequence[float], *, tolerance: float, level: float
) -> tuple[tuple[float, float | None], ...]:
    """Minutes of load, each with the smallest difference: errors shrink with the root of the time."""
    return tuple((each, smallest(_after(known, each * 60), tolerance=tolerance, level=level)) for each in minutes)


def _after(known: Errors, seconds: float) -> Errors:
    more = seconds / known.seconds

    def grown(size: Size) -> Size:
        return replace(size, error=size.error / math.sqrt(more), freedom=max((size.freedom + 1) * more - 1, 1.0))

    return Errors(
        turns=grown(known.turns), duet=grown(known.duet), windows=math.floor(known.windows * more), seconds=seconds
    )
