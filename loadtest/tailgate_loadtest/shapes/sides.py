"""Which of two sides each arrival goes to: at random while both are loaded, or by turns.

While both are loaded, each arrival is given to one of them by a coin of its own, so that whatever the machine does at
that moment is done to both: the most sensitive test of whether they differ. But where they share cores each slows the
other down as well, which hides a part of the difference; so in between they take turns in blocks of seconds, the first
of each two drawn by a coin, which sizes it.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import blake2b
from itertools import accumulate

from tailgate_loadtest.shapes.profile import Profile
from tailgate_loadtest.shapes.schedule import Arrival, Schedule

BLOCK = 2
"""Seconds of a turn: as short as lets most of what an arrival sets off be due within it, since what the machine does to
one turn and not to its neighbour is then the least."""
TOGETHER = 4
TURNS = 2
"""How many blocks both are loaded for, and how many pairs of turns come after them, again and again."""


class Side(StrEnum):
    """One of the two that are compared."""

    BASE = "base"
    CANDIDATE = "candidate"

    @property
    def other(self) -> "Side":
        """The one that this is not."""
        return Side.CANDIDATE if self is Side.BASE else Side.BASE


SIDES = (Side.BASE, Side.CANDIDATE)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the load, in whole seconds since it began."""

    start: int
    length: int
    to: Side | None
    """Who gets the arrivals that are due in it; None: both."""

    @property
    def end(self) -> int:
        """The first second after it."""
        return self.start + self.length


@dataclass(frozen=True)
class Design:
    """Who gets which arrivals; the same for the same numbers."""

    seconds: int
    """How long the load lasts at most, its warm-up included."""
    warmup: int
    """Seconds at its beginning in which both are loaded and nothing counts."""
    seed: int
    block: int = BLOCK

    @property
    def cycle(self) -> int:
        """Seconds in which both are loaded and have all their turns once."""
        return self.block * (TOGETHER + 2 * TURNS)

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The warm-up, then both for a while and by turns, again and again; both in what is left at the end."""
        lengths: list[int] = [self.warmup]
        targets: list[Side | None] = [None]
        for number in range((self.seconds - self.warmup) // self.cycle):
            lengths += [self.block * TOGETHER] + [self.block] * (2 * TURNS)
            targets.append(None)
            for turn in range(TURNS):
                first = self._coin(f"turn {number}.{turn}")
                targets += [first, first.other]
        lengths.append(self.seconds - sum(lengths))
        targets.append(None)
        starts = accumulate(lengths, initial=0)
        every = (Segment(*each) for each in zip(starts, lengths, targets, strict=False))
        return tuple(each for each in every if each.length)

    def side(self, arrival: Arrival) -> Side:
        """Whose an arrival is."""
        segment = self.segments[bisect_right(self._starts, arrival.due) - 1]
        return segment.to or self._coin(f"arrival {arrival.number}")

    @cached_property
    def _starts(self) -> list[int]:
        return [each.start for each in self.segments]

    def _coin(self, what: str) -> Side:
        return SIDES[blake2b(f"{self.seed} {what}".encode(), digest_size=1).digest()[0] & 1]


class SideSchedule(Schedule):
    """The arrivals of one side of two."""

    def __init__(self, profile: Profile, mix: Mapping[str, float], seed: int, design: Design, side: Side) -> None:
        super().__init__(profile, mix, seed)
        self._design = design
        self._side = side

    def expected(self, until: float) -> float:
        """See Schedule: of those that are this side's."""
        found = 0.0
        for segment in self._design.segments:
            share = 0.5 if segment.to is None else float(segment.to is self._side)
            found += share * (super().expected(min(segment.end, until)) - super().expected(min(segment.start, until)))
        return found

    def arrivals(self, start: int = 0, step: int = 1, after: float = 0.0) -> Iterator[Arrival]:
        """See Schedule: those that are this side's."""
        mine = self._design.side
        return (arrival for arrival in super().arrivals(start, step, after) if mine(arrival) is self._side)
