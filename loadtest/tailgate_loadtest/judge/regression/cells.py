"""One cell: what is known of one measure of one route, whether that is enough, and what it comes to."""

import math
from dataclasses import dataclass, replace

import numpy as np
from tailgate_slo.model import Tolerance

from tailgate_loadtest.judge.document import Outcome
from tailgate_loadtest.judge.regression.document import Cell, Measure
from tailgate_loadtest.judge.regression.statistics import flips, size, visible
from tailgate_loadtest.judge.regression.statistics.looks import Look
from tailgate_loadtest.judge.regression.statistics.pairs import Cut
from tailgate_loadtest.judge.regression.statistics.quantile import harrell_davis
from tailgate_loadtest.judge.regression.statistics.size import Size

QUANTILES: dict[Measure, float] = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
BEYOND = 50
"""Requests of a side beyond its percentile, over all turns of the budget, from which a percentile can stop a change."""
FEW = 100
"""Requests of a side by turns from which on failures can stop a change, and a route that has none on the other side is
missing there: were a hundred arrivals shared by coins, one side would be left without any once in 10^30 times."""
BROKEN = 5
"""So many of the candidate's requests without a single good answer, where the base has one, are never passed over."""
_FAILURES = 0.001
"""The difference of the shares of failures that is tolerated..."""
_SHOWN = 16
"""... or so many failures of all requests that are planned, if that is more: of none in n requests one can but conclude
that fewer than 3.2 in n fail, and of none in the half of them, at an early look, fewer than 14 in n."""
_SOONEST = 1e-6
"""Seconds; no answer comes over a network sooner."""
_NAMES = ("base", "candidate")


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


def gather(route: str, measure: Measure, cut: Cut, tolerance: Tolerance, more: float) -> Evidence:
    """What was measured of a route; the whole budget has ``more`` times as many pairs of turns as there are so far."""
    together, turns = cut.duet.failures, cut.turns.failures
    base = together.base.sum(axis=0) + turns.base.sum(axis=0)
    candidate = together.candidate.sum(axis=0) + turns.candidate.sum(axis=0)
    windows = sum(
        int((np.minimum(each.base.sum(axis=1), each.candidate.sum(axis=1)) > 0).sum()) for each in (together, turns)
    )
    planned = int(max(turns.base.sum(), turns.candidate.sum()) * more)
    own = _failures(cut, tolerance, more) if measure == "failures" else _percentile(cut, tolerance, QUANTILES[measure])
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
        windows=windows,
        tolerance=own.tolerance,
        needed=own.needed,
        planned=planned,
    )
    # However rare a route is, that it answers nothing any more must not pass.
    return replace(found, blocking=True) if measure == "failures" and found.broken else found


@dataclass(frozen=True, kw_only=True)
class _Own:
    """What a percentile and a share of failures are measured by, each in its own way."""

    value: tuple[float, float]
    p: float
    turns: Size | None
    duet: Size | None
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


def _percentile(cut: Cut, tolerance: Tolerance, q: float) -> _Own:
    turns = cut.turns.latency
    base, candidate = (
        float(harrell_davis(each.sum(axis=0), turns.values, q)) for each in (turns.base, turns.candidate)
    )
    allowed = max(float(tolerance.relative), float(tolerance.absolute) / base) if base > 0 else math.inf
    return _Own(
        value=(base, candidate),
        p=flips.worse([cut.duet.latency, turns], q),
        turns=size.ratio(turns, q),
        duet=size.ratio(cut.duet.latency, q),
        tolerance=math.log1p(allowed),
        needed=max(math.ceil(BEYOND / (1 - q) - 1e-9), size.LEAST_PAIRS * size.least_requests(q)),
    )


def judge(found: Evidence, look: Look, p_adjusted: float | None, level: float, seconds: float) -> Cell:
    """The cell's verdict at a look; ``level`` is that of a single test, ``seconds`` how long the load was."""
    low = high = math.nan
    if found.turns:
        low = size.lower(found.turns, found.duet, look.confidence)
        high = size.upper(found.turns, found.duet, look.confidence)
        if found.measure == "failures":
            exact = size.share_at_most(found.bad[1], found.requests[1], look.confidence) - found.value[0]
            high = max(high, exact)
    verdict, why = _verdict(found, look, p_adjusted, low, high)
    samples = found.requests if found.measure == "failures" else found.good
    return Cell(
        route=found.route,
        measure=found.measure,
        # Too rare for a pass to be asked of it, it still stops what it proves.
        blocking=found.blocking or verdict == "fail",
        verdict=verdict,
        samples_base=samples[0],
        samples_candidate=samples[1],
        base=_finite(found.value[0]),
        candidate=_finite(found.value[1]),
        p=found.p if found.windows else None,
        p_adjusted=p_adjusted,
        side_by_side=_shown(found, found.duet.value if found.duet else math.nan),
        ratio=_shown(found, found.turns.value if found.turns else math.nan),
        low=_shown(found, low),
        high=_shown(found, high),
        tolerance=_shown(found, found.tolerance),
        visible=_shown(found, _visible(found, level, seconds)),
        why=why,
    )


def _verdict(found: Evidence, look: Look, p_adjusted: float | None, low: float, high: float) -> tuple[Outcome, str]:
    if lacking := _lacking(found):
        return "inconclusive", lacking
    rejected = p_adjusted is not None and p_adjusted <= look.alpha
    turns, side_by_side = found.turns, found.duet.value if found.duet else -math.inf
    if turns is None or math.isnan(turns.value):
        if rejected and side_by_side > found.tolerance:
            seen = f"{_words(found, side_by_side)} side by side, p = {p_adjusted:.2g} over all cells"
            return "fail", f"{seen}; {_words(found, found.tolerance)} is tolerated, and by turns there were too few"
        return "inconclusive", _too_few(found)
    if found.broken and not rejected:
        return (
            "inconclusive",
            f"all {found.bad[1]} requests of the candidate failed, though too few to tell that from chance",
        )
    tolerated = f"{_words(found, found.tolerance)} is tolerated"
    sized = f"{_words(found, turns.value)} [{_words(found, low)}, {_words(found, high)}]"
    if rejected and max(turns.value, side_by_side) > found.tolerance:
        beside = "" if turns.value > found.tolerance else f", and {_words(found, side_by_side)} side by side"
        return "fail", f"{sized}{beside}, p = {p_adjusted:.2g} over all cells; {tolerated}"
    if high < found.tolerance:
        return "pass", f"{sized}; {tolerated}"
    if rejected:
        return (
            "inconclusive",
            f"worse, though perhaps by less than is tolerated: {sized}, p = {p_adjusted:.2g}; {tolerated}",
        )
    return "inconclusive", f"{sized}, and {tolerated}: more minutes or a higher rate narrow it"


def _visible(found: Evidence, level: float, seconds: float) -> float:
    if not found.turns or not found.duet or math.isinf(found.tolerance):
        return math.nan
    errors = visible.Errors(turns=found.turns, duet=found.duet, windows=found.windows, seconds=seconds)
    smallest = visible.smallest(errors, tolerance=found.tolerance, level=level)
    if smallest is None:
        return math.nan
    if found.measure != "failures":
        return smallest
    return max(smallest, visible.fewest(found.requests[1], tolerance=found.tolerance, level=level))


def _lacking(found: Evidence) -> str | None:
    """Why nothing can be said, whatever the statistics are."""
    requests = found.requests
    if not any(requests):
        return "no request was measured on either side"
    for mine, other in ((0, 1), (1, 0)):
        if not requests[mine]:
            return (
                f"the {_NAMES[mine]} had no request of it, and the {_NAMES[other]} {requests[other]}: "
                "see whether both sides have the route, by the same name"
            )
    if found.lost:
        return f"nobody knows how {found.lost} requests ended, since a worker was lost"
    if found.measure == "failures":
        return None
    if not any(found.good):
        return f"all {sum(requests)} requests failed, on both sides: there are no times to compare"
    for mine in (0, 1):
        if not found.good[mine]:
            return f"all {requests[mine]} requests of the {_NAMES[mine]} failed: there are no times to compare"
        if found.value[mine] < _SOONEST:
            return f"requests of the {_NAMES[mine]} took no time at all: its log holds no response times"
    return None


def _too_few(found: Evidence) -> str:
    if found.turns is not None:
        return "its rank reaches requests that were never answered on both sides: the load is more than they can take"
    if found.planned < found.needed:
        return (
            f"{found.planned} requests of a side are planned by turns, and it needs {found.needed}: "
            "load it longer, or give the route more of the mix"
        )
    return f"not yet measured in {size.LEAST_PAIRS} pairs of turns with enough good answers; it needs a longer load"


def _shown(found: Evidence, value: float) -> float | None:
    """A size as it stands in the document: a ratio, or a difference of shares."""
    if found.measure != "failures":
        value = math.exp(value) if value < 700 else math.inf
    return _finite(value)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _words(found: Evidence, value: float) -> str:
    if math.isinf(value):
        return "open"
    if found.measure == "failures":
        return f"{100 * value + 0.0:+.2f} points"
    return f"{100 * math.expm1(value):+.1f} %"
