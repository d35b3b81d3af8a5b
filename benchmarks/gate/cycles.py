"""The windows of recorded gates, taken apart by cycles, and put together again in any order.

A cycle is a stretch in which both sides were loaded, and the turns that came after it: long enough that what a moment
does to the next one stays together.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from tailgate_loadtest.judge.regression.statistics.pairs import Cut, Paired, Phase, cut
from tailgate_loadtest.judge.statistics import Array

from benchmarks.gate.real import Gate

Windows = Mapping[str, Cut]
"""Of each route, those of a cycle or of several."""


def cycles(gate: Gate, routes: Iterable[str]) -> list[Windows]:
    """The whole cycles of a gate, each with the windows of all ``routes``, of which the gate may lack some."""
    design = gate.design
    count = (design.seconds - design.warmup) // design.cycle
    until = design.warmup + count * design.cycle
    every = {route: cut(gate.base, gate.candidate, route, design, until) for route in routes}
    return [{route: some(each, number, number + 1, count) for route, each in every.items()} for number in range(count)]


def some(whole: Cut, first: int, last: int, of: int) -> Cut:
    """The cycles from ``first`` to before ``last`` of a cut that has so many, as ``pairs.cut`` would have cut them."""

    def rows(paired: Paired) -> Paired:
        each = len(paired.base) // of
        span = slice(first * each, last * each)
        return _used(replace(paired, base=paired.base[span], candidate=paired.candidate[span]))

    return _changed(whole, rows)


def joined(several: Sequence[Windows]) -> Windows:
    """Cycles of the same routes one after the other, as if they had been recorded so."""
    return {
        route: Cut(
            duet=_phase([each[route].duet for each in several]),
            turns=_phase([each[route].turns for each in several]),
            lost=sum(each[route].lost for each in several),
        )
        for route in several[0]
    }


def exchanged(windows: Windows) -> Windows:
    """The same with the base taken for the candidate, and the candidate for the base."""
    return {
        route: _changed(each, lambda paired: replace(paired, base=paired.candidate, candidate=paired.base))
        for route, each in windows.items()
    }


def _changed(whole: Cut, change: Callable[[Paired], Paired]) -> Cut:
    duet, turns = (
        Phase(latency=change(each.latency), failures=change(each.failures)) for each in (whole.duet, whole.turns)
    )
    return Cut(duet=duet, turns=turns, lost=whole.lost)


def _used(paired: Paired) -> Paired:
    """Without the values that no request has, but for that of those without an answer; of failures both stay."""
    if math.isfinite(paired.values[-1]):
        return paired
    kept = ((paired.base + paired.candidate).sum(axis=0) > 0) | np.isinf(paired.values)
    base, candidate = (np.compress(kept, side, axis=1) for side in (paired.base, paired.candidate))
    return Paired(values=paired.values[kept], base=base, candidate=candidate)


def _phase(several: Sequence[Phase]) -> Phase:
    return Phase(
        latency=_paired([each.latency for each in several]), failures=_paired([each.failures for each in several])
    )


def _paired(several: Sequence[Paired]) -> Paired:
    values = np.unique(np.concatenate([each.values for each in several]))
    places = [np.searchsorted(values, each.values) for each in several]

    def stacked(sides: Sequence[Array]) -> Array:
        found, at = np.zeros((sum(map(len, sides)), len(values))), 0
        for rows, columns in zip(sides, places, strict=True):
            found[at : at + len(rows), columns] = rows
            at += len(rows)
        return found

    return Paired(
        values=values,
        base=stacked([each.base for each in several]),
        candidate=stacked([each.candidate for each in several]),
    )
