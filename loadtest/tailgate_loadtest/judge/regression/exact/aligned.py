"""Puts two probes beside each other, request for request.

Both asked the same iterations. Within one, requests belong together by their place, for as long as both sides asked for
the same routes: where they part, an answer was another one, and what comes after it in that iteration is left out.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tailgate_loadtest.measure.probe import Answered, Phase, Probe

Place = tuple[int, int]
"""An iteration, and a request within it."""
NOWHERE = "(no request)"


@dataclass(frozen=True, slots=True)
class Pair:
    """One request, to both sides."""

    place: Place
    base: Answered
    candidate: Answered

    @property
    def alike(self) -> bool:
        """Both answered it with the same status, and failed or did not."""
        return (self.base.status, self.base.error) == (self.candidate.status, self.candidate.error)


@dataclass(frozen=True, slots=True)
class Parting:
    """An iteration in which the sides were not asked the same to the end."""

    place: Place
    route: str
    """Of the first request that only one of them was asked, or of the last; ``NOWHERE`` where there was none."""
    base: int
    """Requests of the whole iteration."""
    candidate: int
    left_out: int
    """Of both sides, how many are not compared."""
    explained: bool
    """An answer before it had another status."""
    broken_off: str | None
    """By what the candidate's was broken off, where the base's was not."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """One phase of two probes."""

    pairs: Mapping[str, Sequence[Pair]]
    """By route."""
    partings: Sequence[Parting]


def align(base: Probe, candidate: Probe, phase: Phase) -> Aligned:
    """The requests of one phase, for as many iterations as both sides have."""
    before, after = base.requests(phase), candidate.requests(phase)
    broken = [_broken_off(side, phase) for side in (base, candidate)]
    pairs: dict[str, list[Pair]] = defaultdict(list)
    partings = []
    for iteration in range(min(base.account.iterations, candidate.account.iterations)):
        ours, theirs = before.get(iteration, []), after.get(iteration, [])
        common = list(_common(iteration, ours, theirs))
        for pair in common:
            pairs[pair.base.route].append(pair)
        new = None if iteration in broken[0] else broken[1].get(iteration)
        left_out = len(ours) + len(theirs) - 2 * len(common)
        if left_out or new:
            parted = [*ours[len(common) :], *theirs[len(common) :], *reversed(ours)]
            partings.append(
                Parting(
                    place=(iteration, len(common)),
                    route=parted[0].route if parted else NOWHERE,
                    base=len(ours),
                    candidate=len(theirs),
                    left_out=left_out,
                    explained=not all(pair.alike for pair in common),
                    broken_off=new,
                )
            )
    return Aligned(dict(pairs), partings)


def _common(iteration: int, ours: Sequence[Answered], theirs: Sequence[Answered]) -> Iterator[Pair]:
    for position, (one, other) in enumerate(zip(ours, theirs, strict=False)):
        if one.route != other.route:
            return
        yield Pair((iteration, position), one, other)


def _broken_off(probe: Probe, phase: Phase) -> dict[int, str]:
    return {each.iteration: each.broken_off for each in probe.broken if each.phase == phase}
