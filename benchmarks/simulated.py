"""Gates that never ran: two sides' logs by arithmetic, of which it is known whether, where and how they differ.

What makes gates err is in them: a machine whose speed drifts (a log-normal factor common to both sides, correlated over
seconds), moments in which it stands still for both, stalls of one side, each a second or two in which all of its
requests take several times as long, a candidate that pauses now and then, a load that is felt by the other side as
well, and requests that fail.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import Interval, LatencyLog
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.shapes.sides import SIDES, Design, Side

Spans = tuple[np.ndarray, np.ndarray]
"""Where each begins, ascending, and where it ends; in seconds."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """What is asked of one route, and how long its answers take."""

    rate: float = 30.0
    """Requests a second, of both sides together."""
    median: float = 0.040
    spread: float = 0.6
    """Standard deviation of the logarithm of a time."""
    failing: float = 0.0
    """The share that fails."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is worse of one route of the candidate."""

    slower: float = 1.0
    """All times are so many times longer."""
    delayed: float = 0.0
    """A share of requests..."""
    delay: float = 0.0
    """... that takes so many seconds longer."""
    failing: float = 0.0
    """A share of requests that fails besides."""
    pauses: float = 0.0
    """How often, a second, the route answers nothing for a while..."""
    pause: float = 0.0
    """... of so many seconds: what comes meanwhile waits for its end."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What both sides run on."""

    drift: float = 0.2
    """Standard deviation of the logarithm of its speed."""
    memory: float = 5.0
    """Seconds after which its speed has forgotten the most of what it was."""
    stalls: float = 0.01
    """Of a side, a second."""
    freezes: float = 0.0
    """How often, a second, neither side answers anything for a while..."""
    freeze: float = 0.0
    """... of so many seconds, in the mean."""
    understated: float = 1.0
    """How many times a difference is smaller, in its logarithm, while both sides are loaded."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """All that a simulated gate is made of."""

    routes: Mapping[str, Route]
    changes: Mapping[str, Change] = field(default_factory=dict)
    machine: Machine = field(default_factory=Machine)


def logs(scene: Scene, design: Design, random: np.random.Generator) -> tuple[LatencyLog, LatencyLog]:
    """The base's log and the candidate's."""
    machine = _speeds(scene.machine, design.seconds, random)
    still = _pauses(scene.machine.freezes, scene.machine.freeze, design.seconds, random, scattered=True)
    found = []
    for side in SIDES:
        slow = machine + _stalls(scene.machine, design.seconds, random)
        intervals: list[Interval] = []
        for name, route in scene.routes.items():
            change = scene.changes.get(name, Change()) if side is Side.CANDIDATE else Change()
            paused = _pauses(change.pauses, change.pause, design.seconds, random)
            for segment in design.segments:
                if segment.to not in (None, side):
                    continue
                together = segment.to is None
                slower = math.log(change.slower) / (scene.machine.understated if together else 1)
                for second in range(segment.start, segment.end):
                    count = int(random.poisson(route.rate / (2 if together else 1)))
                    times = route.median * np.exp(random.normal(slow[second] + slower, route.spread, count))
                    times = times + change.delay * (random.random(count) < change.delayed)
                    arrived = second + random.random(count)
                    times = times + np.maximum(_left(still, arrived), _left(paused, arrived))
                    bad = random.random(count) < route.failing + change.failing
                    for kind, chosen in ((Kind.RESPONSE, times[~bad]), (Kind.FAILED, times[bad])):
                        if len(chosen):
                            intervals.append(Interval(second, name, kind, Histogram.of(chosen)))
        found.append(LatencyLog(intervals))
    return found[0], found[1]


def _speeds(machine: Machine, seconds: int, random: np.random.Generator) -> np.ndarray:
    """An autoregressive process of the first order, in logarithms."""
    keeps = math.exp(-1 / machine.memory)
    level = np.empty(seconds)
    level[0] = random.normal()
    for second in range(1, seconds):
        level[second] = keeps * level[second - 1] + math.sqrt(1 - keeps**2) * random.normal()
    return machine.drift * level


def _stalls(machine: Machine, seconds: int, random: np.random.Generator) -> np.ndarray:
    slow = np.zeros(seconds + 1)
    for second in np.flatnonzero(random.random(seconds) < machine.stalls).tolist():
        slow[second] += random.uniform(0.5, 1.5)
        slow[second + 1] += 0.5
    return slow[:-1]


def _pauses(rate: float, length: float, seconds: int, random: np.random.Generator, *, scattered: bool = False) -> Spans:
    """Moments that come by chance, all of one length, or of lengths that are uniform between none and twice that."""
    begins = np.sort(random.uniform(0, seconds, int(random.poisson(rate * seconds))))
    return begins, begins + length * (random.uniform(0, 2, len(begins)) if scattered else 1.0)


def _left(pauses: Spans, arrived: np.ndarray) -> np.ndarray:
    """How long what arrived then waits."""
    begins, ends = pauses
    if not len(begins):
        return np.zeros(len(arrived))
    last = np.searchsorted(begins, arrived, side="right")
    # An earlier pause may outlast a later one.
    left: np.ndarray = np.maximum(np.append(0.0, np.maximum.accumulate(ends))[last] - arrived, 0.0)
    return left
