"""Two sides' logs cut by the design into windows that can be compared: one of the base beside one of the candidate.

Windows, never requests, are the unit of all that follows. Requests that queue behind one another are not independent: a
pause of one process slows hundreds of them, and whoever counts each of these as evidence finds a regression between
identical commits. While both sides are loaded a window is the same few seconds of both; while they take turns it is a
turn of the one and the turn of the other next to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tailgate_loadtest.judge.statistics import Array
from tailgate_loadtest.measure import buckets
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import LatencyLog
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.shapes.sides import Design, Side

WINDOW = 5
"""Seconds of a window while both are loaded, about: 4 with turns of 2 s, 5 with turns of 5 s. A stall that straddles
two windows makes them dependent: in 2,500 simulated gates of sides that are the same, with stalls of 2 to 4 s, the test
by p50 at a level of 1 % rejected 3.0 to 4.4 % with windows of a second, 1.5 to 3.0 % with 2 s, 1.1 to 1.9 % with 4 s,
1.1 to 1.5 % with 5 s and 1.0 to 1.2 % with 10 s."""

_TOGETHER = 4
"""Neighbouring buckets that are counted as one, 1/256 of their values wide: a third of the work, at each look, on the
cores that the load needs, and far below what any percentile is known by."""

Span = tuple[int, int]
"""From a second, up to but without another."""


@dataclass(frozen=True, kw_only=True)
class Paired:
    """One route's requests in paired windows: how many took how long."""

    values: Array
    """(buckets,), ascending, in seconds; infinite for requests that were never answered."""
    base: Array
    """(windows, buckets)"""
    candidate: Array
    """(windows, buckets)"""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """What one route did while both sides were loaded, or while they took turns."""

    latency: Paired
    """Of the requests that did not fail."""
    failures: Paired
    """Of all: 0 for a good answer, 1 for a failure or none at all."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """One route on both sides."""

    duet: Phase
    turns: Phase
    lost: int
    """Requests nobody knows the end of."""


def duet_windows(design: Design, until: float) -> list[Span]:
    """The windows, over by ``until``, in which both sides were loaded; the warm-up is none."""
    found = []
    for segment in design.segments:
        if segment.to is None and segment.start >= design.warmup:
            parts = max(round(segment.length / WINDOW), 1)
            edges = [segment.start + segment.length * i // parts for i in range(parts + 1)]
            found += [span for span in pairwise(edges) if span[1] <= until]
    return found


def turn_windows(design: Design, until: float) -> list[tuple[Span, Span]]:
    """The pairs of turns that were over by ``until``: the base's, and the candidate's."""
    turns = [segment for segment in design.segments if segment.to is not None]
    found = []
    for one, two in zip(turns[::2], turns[1::2], strict=True):
        if two.end <= until:
            base, candidate = (one, two) if one.to is Side.BASE else (two, one)
            found.append(((base.start, base.end), (candidate.start, candidate.end)))
    return found


def cut(base: LatencyLog, candidate: LatencyLog, route: str | None, design: Design, until: float) -> Cut:
    """One route's windows, of those that were over ``until`` seconds after the load began."""
    both = duet_windows(design, until)
    turns = turn_windows(design, until)
    return Cut(
        duet=_phase(base, candidate, route, both, both),
        turns=_phase(base, candidate, route, [b for b, _ in turns], [c for _, c in turns]),
        lost=base.whole(route, Kind.LOST).total + candidate.whole(route, Kind.LOST).total,
    )


def _phase(
    base: LatencyLog, candidate: LatencyLog, route: str | None, of_base: Sequence[Span], of_candidate: Sequence[Span]
) -> Phase:
    good = [_filed(base, route, of_base), _filed(candidate, route, of_candidate)]
    used = np.unique(np.concatenate([found for _, found, _ in good]))
    values = np.array([*(buckets.middle(_TOGETHER * each + _TOGETHER // 2) / 1e9 for each in used.tolist()), np.inf])
    latency, failures = [], []
    for (windows, found, counts), log, spans in zip(good, (base, candidate), (of_base, of_candidate), strict=True):
        censored = _totals(log, route, Kind.CENSORED, spans)
        answered = np.zeros((len(spans), len(used)))
        np.add.at(answered, (windows, np.searchsorted(used, found)), counts)
        latency.append(np.column_stack([answered, censored]))
        bad = censored + _totals(log, route, Kind.FAILED, spans)
        failures.append(np.column_stack([answered.sum(axis=1), bad]))
    return Phase(
        latency=Paired(values=values, base=latency[0], candidate=latency[1]),
        failures=Paired(values=np.array([0.0, 1.0]), base=failures[0], candidate=failures[1]),
    )


def _filed(log: LatencyLog, route: str | None, spans: Sequence[Span]) -> tuple[NDArray[np.int64], ...]:
    """Window, buckets and count, as three arrays, of all requests that were answered well."""
    windows: list[int] = []
    found: list[int] = []
    counts: list[int] = []
    for window, histogram in _within(log, route, Kind.RESPONSE, spans):
        windows += [window] * len(histogram.counts)
        found += histogram.counts.keys()
        counts += histogram.counts.values()
    return (
        np.array(windows, dtype=np.int64),
        np.array(found, dtype=np.int64) // _TOGETHER,
        np.array(counts, dtype=np.int64),
    )


def _totals(log: LatencyLog, route: str | None, kind: Kind, spans: Sequence[Span]) -> Array:
    totals = np.zeros(len(spans))
    for window, histogram in _within(log, route, kind, spans):
        totals[window] += histogram.total
    return totals


def _within(log: LatencyLog, route: str | None, kind: Kind, spans: Sequence[Span]) -> list[tuple[int, Histogram]]:
    seconds = log.seconds(route, kind)
    return [
        (window, seconds[second])
        for window, (start, end) in enumerate(spans)
        for second in range(start, end)
        if second in seconds
    ]
