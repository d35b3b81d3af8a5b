"""Gates of any length, and as many as one likes, made of the cycles of real ones.

Each is made of cycles that are drawn from the recorded gates of its kind, so that what a single pair of processes has
for as long as it lives, such as where its memory lies, is mixed. Where the sides are the same, a coin says of each gate
whether they are exchanged: of the gate and not of its cycles, since a side that was always a little slower must stay
so all along, and is then found.

A thousand gates that are made of ten know no more than those ten. So they are made in pools. A pool has as many
recorded gates of the kind as there are, but drawn with replacement (bootstrap: Efron, Annals of Statistics 7, 1979), so
that the pools differ about as much as if others had been recorded each time. They are drawn whatever route is worse in
them: where each route has a single gate, drawing among those of one route would always find the same.

What was so by chance in a few cycles is so for good in a gate that is made of nothing else. Of gates longer than what
was recorded of a route they tell how that recording, made longer, would be judged, and little more.

Each pool has a seed of its own, and comes to the same in whichever process.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from tailgate_loadtest.shapes.sides import Design
from tailgate_slo.model import Tolerance

from benchmarks.gate.cycles import Windows, cycles, exchanged, joined
from benchmarks.gate.judged import Judged
from benchmarks.gate.quick import said_of_windows
from benchmarks.gate.real import Gate

POOLS = 20
"""Of each kind."""
_SEED = 20_261_121


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A real gate."""

    route: str
    """Which is worse of its candidate; empty where none is."""
    cycles: Sequence[Windows]


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Gates to be made."""

    kind: str
    number: int
    seed: tuple[int, ...]
    recorded: Sequence[Recorded]
    """All of the kind."""
    gates: int
    design: Design
    """Of each: its length and that of its turns, without a warm-up."""
    same: bool
    """Both sides are."""
    tolerance: Tolerance


def pools(
    kind: str, number: int, gates: Sequence[tuple[str, Gate]], count: int, within: float, tolerance: Tolerance
) -> list[Pool]:
    """``count`` gates of no more than ``within`` seconds, made of real ones, each of which has the route that is worse.

    ``number`` is the kind's, which no other has; no gates without a recorded one.
    """
    if not gates or not count:
        return []
    routes = sorted({route for _, gate in gates for log in (gate.base, gate.candidate) for route in log.routes})
    recorded = [Recorded(route=route, cycles=cycles(gate, routes)) for route, gate in gates]
    of = gates[0][1].design
    design = Design(seconds=int(within // of.cycle) * of.cycle, warmup=0, seed=0, block=of.block)
    return [
        Pool(
            kind=kind,
            number=each,
            seed=(_SEED, number, each),
            recorded=recorded,
            gates=count // POOLS,
            design=design,
            same=not any(route for route, _ in gates),
            tolerance=tolerance,
        )
        for each in range(POOLS)
    ]


def judged(pool: Pool) -> Judged:
    """What the gates of a pool come to."""
    random = np.random.default_rng(pool.seed)
    drawn = [pool.recorded[place] for place in random.integers(len(pool.recorded), size=len(pool.recorded)).tolist()]
    found = []
    for _ in range(pool.gates):
        route = drawn[int(random.integers(len(drawn)))].route
        of = [each.cycles for each in drawn if each.route == route]
        windows = joined([_cycle(of, random) for _ in range(pool.design.seconds // pool.design.cycle)])
        if pool.same and random.integers(2):
            windows = exchanged(windows)
        found.append((route, said_of_windows(windows, pool.design, pool.tolerance)))
    return found


def all_judged(every: Sequence[Pool], processes: int) -> Iterator[Judged]:
    """What each pool comes to, in their order, worked out by so many processes."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as workers:
        yield from workers.map(judged, every)


def _cycle(of: Sequence[Sequence[Windows]], random: np.random.Generator) -> Windows:
    gate = of[int(random.integers(len(of)))]
    return gate[int(random.integers(len(gate)))]
