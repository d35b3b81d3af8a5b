"""When each arrival is due, and which persona it is: arithmetic over a profile and a seed.

Arrivals are a point process with the profile's rate. Its integral L(t), the arrivals expected by t, is a parabola per
stage and can be inverted in closed form, so that ``due(n) = L^-1(E_n)`` with

- constant arrivals: E_n = n + 1/2;
- Poisson arrivals: E_n = the sum of n + 1 independent exponentials of mean 1, which gives a Poisson process whose rate
  follows the profile (inversion by a change of time: Devroye, Non-Uniform Random Variate Generation, 1986, VI.1.3).

Every process that shares a schedule computes the whole of it, and takes each ``step``-th arrival: nothing drifts.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from tailgate_loadtest.shapes.profile import Profile, Stage

_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Arrival:
    """One iteration of one persona."""

    number: int
    due: float
    """Seconds since the load began, warm-up included."""
    persona: str


class Schedule:
    """The arrivals of a profile for a seed; the same every time it is asked."""

    def __init__(self, profile: Profile, mix: Mapping[str, float], seed: int) -> None:
        first = profile.stages[0].start
        warmup = (Stage(duration=profile.warmup, start=first, end=first),) if profile.warmup else ()
        self._stages = warmup + profile.stages
        self._starts = list(accumulate((s.duration for s in self._stages), initial=0.0))
        self._expected = list(accumulate((s.arrivals for s in self._stages), initial=0.0))
        self._poisson = profile.process == "poisson"
        self._seed = seed
        self._personas = list(mix)
        weights = np.array([mix[name] for name in self._personas], dtype=float)
        self._cumulative = np.cumsum(weights / weights.sum())
        self.peak = profile.peak
        """The highest arrival rate, per second."""
        self.warmup = profile.warmup
        """Seconds at the beginning that are not judged."""
        self.mix = {name: float(weight / weights.sum()) for name, weight in zip(mix, weights, strict=True)}
        """Persona -> its share of the arrivals."""

    @property
    def length(self) -> float:
        """Seconds from the beginning of the warm-up to the end of the last stage."""
        return self._starts[-1]

    def rate(self, at: float) -> float:
        """Planned arrivals per second at a moment, in seconds since the load began; 0 outside."""
        if not 0 <= at < self.length:
            return 0.0
        i = bisect_right(self._starts, at) - 1
        stage = self._stages[i]
        return stage.start + (stage.end - stage.start) * (at - self._starts[i]) / stage.duration

    def expected(self, until: float) -> float:
        """L(t): how many arrivals are expected by ``until`` seconds."""
        if until >= self.length:
            return self._expected[-1]
        i = max(bisect_right(self._starts, until) - 1, 0)
        stage, into = self._stages[i], max(until - self._starts[i], 0.0)
        return self._expected[i] + stage.start * into + (stage.end - stage.start) * into**2 / (2 * stage.duration)

    def arrivals(self, start: int = 0, step: int = 1, after: float = 0.0) -> Iterator[Arrival]:
        """Each ``step``-th arrival from number ``start``, those due after ``after`` seconds, in due order."""
        rng = np.random.default_rng(self._seed)
        number, carried, passed = 0, 0.0, self.expected(after) if after > 0 else 0.0
        while carried < self._expected[-1]:
            if self._poisson:
                ends: NDArray[np.floating] = carried + np.cumsum(rng.exponential(size=_CHUNK))
            else:
                ends = np.arange(number, number + _CHUNK) + 0.5
            carried = float(ends[-1])
            # min() guards the last cell against a cumulative sum that rounds to a hair under 1.
            picks = np.minimum(
                np.searchsorted(self._cumulative, rng.random(_CHUNK), side="right"), len(self._personas) - 1
            )
            first = start - number if number < start else (start - number) % step
            for n in range(first, _CHUNK, step) if carried > passed else ():
                if ends[n] >= self._expected[-1]:
                    return
                due = self._when(float(ends[n]))
                if due > after or after <= 0:
                    yield Arrival(number + n, due, self._personas[picks[n]])
            number += _CHUNK

    def _when(self, expected: float) -> float:
        """L^-1: the moment by which that many arrivals are expected."""
        i = bisect_right(self._expected, expected) - 1
        stage, need = self._stages[i], expected - self._expected[i]
        if need <= 0:
            return self._starts[i]
        slope = (stage.end - stage.start) / stage.duration
        # The root of start*t + slope*t^2/2 = need, in the form that does not cancel for a small slope.
        root = math.sqrt(max(stage.start**2 + 2 * slope * need, 0.0))
        return self._starts[i] + min(2 * need / (stage.start + root), stage.duration)
