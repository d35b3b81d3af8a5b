"""Production's busiest stretch as a profile: its ramps at their own rates in less time, its bursts at their own length.

Where production is burstier than Poisson, the seconds that stand out are kept out of the ramps and stand in the profile
as stages of their own: as many as the shorter time has room for, at most ``MAX_BURSTS``, those with the most requests
above the ramps, and always the one with the busiest second, which is a stage of one second at its own rate.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tailgate_loadtest.errors import TrafficError
from tailgate_loadtest.shapes.profile import MAX_USERS, Profile, Stage
from tailgate_loadtest.traffic.bursts import Burst, Dispersion, bursts, dispersion, outstanding
from tailgate_loadtest.traffic.mix import Mix, Source
from tailgate_loadtest.traffic.ramps import Ramps, fit
from tailgate_loadtest.traffic.series import Counts, Series, busiest

PERSONA = "Production"
MAX_BURSTS = 10
_PATIENCE = 5.0
"""Seconds of answer that the bound on users has room for at the peak."""
_LEAST_USERS = 100
_WARMUP = 10.0
_MOST_BURSTING = 0.5
"""Share of the profile's time that bursts may take."""
_DIGITS = 4


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A stage, and the burst that it is or is part of, if any."""

    stage: Stage
    burst: Burst | None = None


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A profile, and where each of its numbers is from."""

    profile: Profile
    stages: tuple[Placed, ...]
    window: Series
    """The busiest stretch."""
    total: Series
    """All that is known."""
    mix: Mix
    ramps: Ramps
    dispersion: Dispersion | None
    """None when the counts are not per second."""
    bursts: tuple[Burst, ...]
    """All that stand out, also those that the profile has no room for; empty unless burstier than Poisson."""
    notes: tuple[str, ...]


def draft(source: Source, *, name: str, window: float, duration: float) -> Draft:
    """Make a profile of ``duration`` seconds from the busiest ``window`` seconds; it is never stretched.

    Raises:
        TrafficError: the source cannot be read, or has too little, or nothing on any route.
    """
    total = source.series()
    stretch = busiest(total, window)
    mix = source.mix(stretch)
    if not mix.routes:
        reasons = "; ".join(f"{count:.0f} {reason}" for reason, count in mix.left_out.items())
        raise TrafficError(f"no request of the busiest {stretch.seconds:.0f} s is on a route: {reasons}")
    duration = min(duration, stretch.seconds)
    ramps, spread, found = fit(stretch), None, []
    if stretch.step == 1.0:
        middles: Counts = np.arange(len(stretch.counts), dtype=float) + 0.5
        spread = dispersion(stretch.counts, ramps.at(middles))
        if spread.bursty:
            high = outstanding(stretch.counts, ramps.at(middles))
            # Bursts lift the ramps that they were held against; without them, a few more may show.
            high = outstanding(stretch.counts, fit(stretch, high).at(middles))
            ramps = fit(stretch, high)
            found = bursts(stretch.counts, ramps.at(middles), high)
    stages = tuple(_stages(ramps, found, duration / stretch.seconds))
    peak = max(max(each.stage.start, each.stage.end) for each in stages)
    profile = Profile(
        name=name,
        description="Made from production's traffic.",
        stages=tuple(each.stage for each in stages),
        warmup=min(_WARMUP, round(duration / 10, 3)),
        mix={PERSONA: 1.0},
        users=min(max(math.ceil(peak * _PATIENCE), _LEAST_USERS), MAX_USERS),
    )
    return Draft(
        profile=profile,
        stages=stages,
        window=stretch,
        total=total,
        mix=mix,
        ramps=ramps,
        dispersion=spread,
        bursts=tuple(found),
        notes=tuple(source.notes()),
    )


def _stages(ramps: Ramps, found: list[Burst], scale: float) -> Iterator[Placed]:
    """The ramps in ``scale`` of their time, and bursts among them that take the time of the ramps under them."""
    knots: Counts = ramps.knots * scale
    end, at = float(knots[-1]), 0.0
    chosen = sorted(_chosen(found, scale, end * _MOST_BURSTING), key=lambda burst: burst.at)
    left = sum(len(burst.counts) for burst in chosen)
    for burst in chosen:
        # One burst may put off the next, but room is left for all that follow.
        begin = min(max(burst.at * scale, at), end - left)
        yield from _ramps(knots, ramps.rates, at, begin)
        yield from _burst(burst)
        at = begin + len(burst.counts)
        left -= len(burst.counts)
    yield from _ramps(knots, ramps.rates, at, end)


def _chosen(found: list[Burst], scale: float, seconds: float) -> list[Burst]:
    """As many bursts as the shorter time has room for; the first is cut to its busiest second if need be."""
    chosen: list[Burst] = []
    for burst in found[: min(max(round(len(found) * scale), 1), MAX_BURSTS)]:
        if sum(len(each.counts) for each in chosen) + len(burst.counts) <= seconds:
            chosen.append(burst)
        elif not chosen:
            top = burst.counts.index(max(burst.counts))
            share = burst.expected / len(burst.counts)
            chosen.append(Burst(at=burst.at + top, counts=burst.counts[top : top + 1], expected=share))
    return chosen


def _ramps(knots: Counts, rates: Counts, start: float, end: float) -> Iterator[Placed]:
    between = [float(knot) for knot in knots if start < knot < end]
    points = [start, *between, end]
    for first, last in pairwise(points):
        duration = round(last - first, 3)
        if duration > 0:
            low, high = (_rounded(float(np.interp(at, knots, rates))) for at in (first, last))
            yield Placed(stage=Stage(duration=duration, start=low, end=high))


def _burst(burst: Burst) -> Iterator[Placed]:
    """Its busiest second by itself, at its own rate; the seconds before and after at theirs on average."""
    top = burst.counts.index(max(burst.counts))
    for part in (burst.counts[:top], burst.counts[top : top + 1], burst.counts[top + 1 :]):
        if part:
            rate = _rounded(sum(part) / len(part))
            yield Placed(stage=Stage(duration=float(len(part)), start=rate, end=rate), burst=burst)


def _rounded(rate: float) -> float:
    """To four digits: more is not known."""
    return float(f"{rate:.{_DIGITS}g}")
