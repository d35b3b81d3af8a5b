"""Gates of any length made of the cycles of real ones.

A cycle is a stretch in which both sides were loaded, and the turns that came after it: long enough that what a moment
does to the next one stays together. A gate of the same kind is made of cycles drawn from all recorded gates of that
kind. What a single pair of processes has for as long as it lives, such as where its memory lies, is thereby mixed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from tailgate_loadtest.measure.hlog import Interval, LatencyLog
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.shapes.sides import SIDES, TURNS, Design, Segment, Side

from benchmarks.gate.real import Gate

_KINDS = (Kind.RESPONSE, Kind.FAILED, Kind.CENSORED)
_OF_CYCLE = 1 + 2 * TURNS


@dataclass(frozen=True)
class _Drawn(Design):
    """A design whose segments are those of the cycles that were drawn."""

    drawn: tuple[Segment, ...] = ()

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """See Design."""
        return self.drawn


def cycles(gate: Gate) -> list[list[Segment]]:
    """The whole cycles of a gate."""
    segments = [each for each in gate.design.segments if each.start >= gate.design.warmup]
    whole = [segments[at : at + _OF_CYCLE] for at in range(0, len(segments), _OF_CYCLE)]
    return [each for each in whole if len(each) == _OF_CYCLE]


def draw(gates: Sequence[Gate], count: int, random: np.random.Generator, *, swap: bool) -> Gate:
    """A gate of so many cycles; ``swap`` exchanges the sides of each by a coin, where they are the same."""
    found: list[Segment] = []
    logs: dict[Side, list[Interval]] = {side: [] for side in SIDES}
    at = 0
    for _ in range(count):
        gate = gates[int(random.integers(len(gates)))]
        of = cycles(gate)
        cycle = of[int(random.integers(len(of)))]
        exchanged = swap and bool(random.integers(2))
        shift = at - cycle[0].start
        for segment in cycle:
            to = segment.to.other if segment.to and exchanged else segment.to
            found.append(Segment(segment.start + shift, segment.length, to))
        for side in SIDES:
            log = gate.base if side is Side.BASE else gate.candidate
            logs[side.other if exchanged else side] += _shifted(log, cycle[0].start, cycle[-1].end, shift)
        at = found[-1].end
    design = _Drawn(seconds=at, warmup=0, seed=0, block=gates[0].design.block, drawn=tuple(found))
    return Gate(
        design=design, base=LatencyLog(logs[Side.BASE]), candidate=LatencyLog(logs[Side.CANDIDATE]), generator={}
    )


def _shifted(log: LatencyLog, start: int, end: int, shift: int) -> Iterator[Interval]:
    for route in log.routes:
        for kind in _KINDS:
            for second, histogram in log.seconds(route, kind).items():
                if start <= second < end:
                    yield Interval(second + shift, route, kind, histogram)
