"""What was measured of one cell: one measure of one route, by turns and side by side."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from tailgate_slo.model import Tolerance

from tailgate_loadtest.judge.regression.document import Measure
from tailgate_loadtest.judge.regression.statistics import flips, size
from tailgate_loadtest.judge.regression.statistics.pairs import Cut, Paired
from tailgate_loadtest.judge.regression.statistics.quantile import harrell_davis
from tailgate_loadtest.judge.regression.statistics.size import Size

QUANTILES: dict[Measure, float] = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
TAILS: dict[Measure, tuple[float, float]] = {"p50": (0.8, 1.0), "p95": (0.95, 0.5), "p99": (0.99, 0.5)}
"""Where the tail begins, and how much more of the candidate's requests may be in it than of the base's, their times
forgiven what is tolerated: what most windows balance to says little of a few in which the candidate stood still. Of p50
no more is asked than its hundred requests can tell."""
BEYOND = 50
"""Requests of a side beyond its percentile, over all turns of the budget, from which a percentile can stop a change."""
FEW = 100
"""Requests of a side by turns from which on failures can stop a change, and a route that has none on the other side is
missing there: were a hundred arrivals shared by coins, one side would be left without any once in 10^30 times."""
BROKEN = 5
"""So many of the candidate's requests without a single good answer, where the base has one, are never passed over."""
ALONE = 14
"""Windows in which one side has requests of a route, however rare, and the other has none in any: it is missing there.
Coins leave a side without any once in 8,192 times."""
_FAILURES = 0.001
"""The difference of the shares of failures that is tolerated..."""
_SHOWN = 16
"""... or so many failures of all requests that are planned, if that is more: of none in n requests one can but conclude
that fewer than 3.2 in n fail, and of none in the half of them, at an early look, fewer than 14 in n."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What was measured of one cell; pairs are of base and candidate."""

    route: str
    measure: Measure
    blocking: bool
    good: tuple[int, int]
    """Requests that did not fail."""
    bad: tuple[int, int]
    """Requests that failed or were never answered."""
    lost: int
    """Requests nobody knows the end of."""
    value: tuple[float, float]
    """Seconds, or a share; NaN where there is none."""
    p: float
    turns: Size | None
    duet: Size | None
    tail: "Tail | None"
    """Of a percentile only."""
    windows: int
    """Side by side, and pairs of turns, in which both sides had requests."""
    tolerance: float
    """On the scale of the sizes; infinite where nothing is known of the base."""
    needed: int
    """Requests of a side by turns that the cell asks for."""
    planned: int
    """And how many the whole budget is going to bring."""

    @property
    def requests(self) -> tuple[int, int]:
        """All of them."""
        return self.good[0] + self.bad[0], self.good[1] + self.bad[1]

    @property
    def broken(self) -> bool:
        """The candidate answers nothing well any more."""
        return self.good[0] > 0 and not self.good[1] and self.bad[1] >= BROKEN


def needed(q: float) -> int:
    """Requests of a side, over all turns of the budget, from which that percentile can stop a change."""
    return max(math.ceil(BEYOND / (1 - q) - 1e-9), size.LEAST_PAIRS * size.least_requests(q))


def gather(route: str, measure: Measure, cut: Cut, tolerance: Tolerance, more: float) -> Evidence:
    """What was measured of a route; the whole budget has ``more`` times as many pairs of turns as there are so far."""
    together, turns = cut.duet.failures, cut.turns.failures
    base = together.base.sum(axis=0) + turns.base.sum(axis=0)
    candidate = together.candidate.sum(axis=0) + turns.candidate.sum(axis=0)
    windows = sum(
        int((np.minimum(each.base.sum(axis=1), each.candidate.sum(axis=1)) > 0).sum()) for each in (together, turns)
    )
    planned = int(max(turns.base.sum(), turns.candidate.sum()) * more)
    own = _failures(cut, tolerance, more) if measure == "failures" else _percentile(cut, tolerance, measure)
    found = Evidence(
        route=route,
        measure=measure,
        blocking=planned >= own.needed,
        good=(int(base[0]), int(candidate[0])),
        bad=(int(base[1]), int(candidate[1])),
        lost=cut.lost,
        value=own.value,
        p=own.p,
        turns=own.turns,
        duet=own.duet,
        tail=own.tail,
        windows=windows,
        tolerance=own.tolerance,
        needed=own.needed,
        planned=planned,
    )
    # However rare a route is, that one side has it no more, or answers nothing of it any more, must not pass.
    if measure == "failures" and (found.broken or _lacks((together, turns))):
        return replace(found, blocking=True)
    return found


def _lacks(phases: Sequence[Paired]) -> bool:
    """Whether one side has no request of it, though the other has some again and again."""
    base = sum(int((each.base.sum(axis=1) > 0).sum()) for each in phases)
    candidate = sum(int((each.candidate.sum(axis=1) > 0).sum()) for each in phases)
    return min(base, candidate) == 0 and max(base, candidate) >= ALONE


@dataclass(frozen=True, kw_only=True)
class Tail:
    """How many more of the candidate's requests are in the tail, forgiven what is tolerated; differences of shares."""

    edge: float
    """Seconds, from which on the ``share`` of all requests of both sides lies."""
    share: float
    allowed: float
    """Of the share, how much more the candidate may have."""
    turns: Size | None
    duet: Size | None

    def more(self, confidence: float) -> float:
        """By which share more of its requests, at most, the candidate has in its tail."""
        return size.upper(self.turns, self.duet, confidence) / self.share if self.turns else math.inf


@dataclass(frozen=True, kw_only=True)
class _Own:
    """What a percentile and a share of failures are measured by, each in its own way."""

    value: tuple[float, float]
    p: float
    turns: Size | None
    duet: Size | None
    tail: Tail | None = None
    tolerance: float
    needed: int


def _failures(cut: Cut, tolerance: Tolerance, more: float) -> _Own:
    together, turns = cut.duet.failures, cut.turns.failures
    base = together.base.sum(axis=0) + turns.base.sum(axis=0)
    candidate = together.candidate.sum(axis=0) + turns.candidate.sum(axis=0)
    shares = [float(side[1] / side.sum()) if side.sum() else math.nan for side in (base, candidate)]
    fewer = float(min(base.sum(), candidate.sum())) * more
    return _Own(
        value=(shares[0], shares[1]),
        p=flips.failing([together, turns]),
        turns=size.difference(turns),
        duet=size.difference(together),
        tolerance=max(_FAILURES, _SHOWN / fewer, float(tolerance.relative) * shares[0]) if fewer else math.inf,
        needed=FEW,
    )


def _percentile(cut: Cut, tolerance: Tolerance, measure: Measure) -> _Own:
    turns, duet, q = cut.turns.latency, cut.duet.latency, QUANTILES[measure]
    base, candidate = (
        float(harrell_davis(each.sum(axis=0), turns.values, q)) for each in (turns.base, turns.candidate)
    )
    allowed = max(float(tolerance.relative), float(tolerance.absolute) / base) if base > 0 else math.inf
    return _Own(
        value=(base, candidate),
        p=flips.worse([duet, turns], q),
        turns=size.ratio(turns, q),
        duet=size.ratio(duet, q),
        tail=_tail(turns, duet, *TAILS[measure], 1 + allowed),
        tolerance=math.log1p(allowed),
        needed=needed(q),
    )


def _tail(turns: Paired, duet: Paired, q: float, allowed: float, tolerated: float) -> Tail:
    values = np.concatenate([turns.values, duet.values])
    counts = np.concatenate([(each.base + each.candidate).sum(axis=0) for each in (turns, duet)])
    order = np.argsort(values, kind="stable")
    edge = float(harrell_davis(counts[order], values[order], q))
    edges = edge, edge * tolerated
    return Tail(
        edge=edge,
        share=1 - q,
        allowed=allowed,
        turns=size.beyond(turns, edges),
        duet=size.beyond(duet, edges),
    )
