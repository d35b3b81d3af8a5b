"""What all cells come to: worse, not worse, or undecided, with a known error rate.

- **fail**: of some cell that can stop the change the test (``flips``) rejects after Holm, at this look's level, and the
  size of its difference, by turns or already side by side, exceeds what is tolerated. Two sides that are the same fail
  with no more than the error rate, whatever the size says, since the test alone holds it.
- **pass**: of every cell that can stop the change the upper bound is below what is tolerated. That each must pass makes
  no allowance for their number necessary: one that is truly worse passes with no more than the look's doubt, and all
  looks together with no more than 5 %.
- **inconclusive**: everything else.

Which cells can stop the change is decided by how many requests are planned, and never by how they turned out: else a
candidate could scatter so much that nobody looks at it. Over all turns of the budget a side needs 100 for failures and
p50, 1,000 for p95, 5,000 for p99. Of rarer cells no pass is asked, so that they do not keep every gate undecided for
ever, and a warning names a route that has no others. What they prove stops the change all the same: they are a family
of their own, and each family spends half of the error rate, so that both together spend no more than all of it. And
while one of them looks worse (``cells.SUSPECT``), no look before the last passes: to wait costs minutes and no error,
since what the later looks spend is theirs in any case.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from decimal import Decimal

from tailgate_slo.model import Tolerance

from tailgate_loadtest.judge.document import Outcome
from tailgate_loadtest.judge.listed import listed
from tailgate_loadtest.judge.regression import cells
from tailgate_loadtest.judge.regression.document import Cell, ExactFinding, Measure
from tailgate_loadtest.judge.regression.measured import Evidence, gather
from tailgate_loadtest.judge.regression.statistics import holm
from tailgate_loadtest.judge.regression.statistics.looks import Look, Looks
from tailgate_loadtest.judge.regression.statistics.pairs import cut, turn_windows
from tailgate_loadtest.judge.regression.terms.accept import Accepted, accept
from tailgate_loadtest.judge.regression.terms.leeway import Leeway
from tailgate_loadtest.judge.regression.terms.loosened import Loosening
from tailgate_loadtest.measure.hlog import LatencyLog
from tailgate_loadtest.shapes.sides import Design

SHARE = 0.5
"""Of the error rate, what each family of cells may spend: those of which a pass is asked, and those too rare for it."""
MEASURES: tuple[Measure, ...] = ("p50", "p95", "p99", "failures")

Place = tuple[str, Measure]
"""A route, and what is measured of it."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the evidence comes to at a look."""

    verdict: Outcome
    reasons: tuple[str, ...]
    cells: tuple[Cell, ...]
    """By route, then p50, p95, p99, failures."""
    warnings: tuple[str, ...]
    look: Look | None
    """None: before the first look nothing is judged."""


def judge(
    base: LatencyLog, candidate: LatencyLog, design: Design, looks: Looks, tolerance: Tolerance, *, until: float
) -> Judgement:
    """Judge what was there at the last look that was due by ``until`` seconds after the load began.

    The logs must be complete up to that moment; what is later in them does not count. The same logs give the same
    verdict. Of entries that accept a regression nothing is known here: ``decide`` applies them.
    """
    look = looks.look(until)
    if look is None:
        early = f"ended after {until:.0f} s, before anything could be judged: the first look is at {looks.first:.0f} s"
        return Judgement(verdict="inconclusive", reasons=(early,), cells=(), warnings=(), look=None)
    pairs = len(turn_windows(design, look.at))
    more = len(turn_windows(design, looks.budget)) / pairs if pairs else 1.0
    routes = sorted({*base.routes, *candidate.routes})
    cuts = {route: cut(base, candidate, route, design, look.at) for route in routes}
    found = [gather(route, measure, cuts[route], tolerance, more) for route in routes for measure in MEASURES]
    judged = _judged(found, look, look.at - design.warmup)
    verdict, reasons = conclude(judged)
    return Judgement(
        verdict=verdict, reasons=tuple(reasons), cells=judged, warnings=tuple(_warnings(judged)), look=look
    )


def decide(
    base: LatencyLog,
    candidate: LatencyLog,
    design: Design,
    looks: Looks,
    leeway: Leeway,
    *,
    until: float,
    exact: Iterable[ExactFinding] = (),
    loosened: Iterable[Loosening] = (),
) -> tuple[Judgement, Accepted]:
    """Judge, apply the candidate's entries to the cells and to what else was found, and conclude by what is left.

    While the load runs as afterwards: were it ended by what is taken on, a measure whose interval is still too wide for
    its entry, and every other that is undecided, would stay so.
    """
    found = judge(base, candidate, design, looks, leeway.tolerance, until=until)
    look = found.look
    accepted = accept(
        leeway.accepts,
        leeway.on,
        cells=found.cells,
        exact=exact,
        loosened=loosened,
        slowest=lambda cell, bound: slowest(base, candidate, design, look, cell, bound) if look else None,
    )
    if look is None:
        return found, accepted
    verdict, reasons = conclude(accepted.cells)
    return replace(found, verdict=verdict, reasons=tuple(reasons), cells=accepted.cells), accepted


def adjusted(p: Mapping[Place, float], stopping: Set[Place]) -> dict[Place, float]:
    """Each cell's p within its family, by Holm, over the share of the error rate that a family has."""
    found: dict[Place, float] = {}
    for blocking in (True, False):
        family = {place: each for place, each in p.items() if (place in stopping) == blocking}
        found |= {place: min(each / SHARE, 1.0) for place, each in holm.adjusted(family).items()}
    return found


def _judged(found: Sequence[Evidence], look: Look, seconds: float) -> tuple[Cell, ...]:
    by_place = {(each.route, each.measure): each for each in found}
    stopping = {place for place, each in by_place.items() if each.blocking}
    p = adjusted({place: each.p for place, each in by_place.items()}, stopping)
    count = {True: len(stopping), False: len(found) - len(stopping)}
    level = {blocking: SHARE * look.alpha / max(number, 1) for blocking, number in count.items()}
    return tuple(cells.judge(each, look, p[place], level[each.blocking], seconds) for place, each in by_place.items())


def conclude(judged: Sequence[Cell]) -> tuple[Outcome, list[str]]:
    """The whole verdict, and its reasons. What is proven worse stays so, whatever else is not known."""
    stopping = [cell for cell in judged if cell.blocking]
    if failed := [cell for cell in stopping if cell.verdict == "fail"]:
        return "fail", [_reason(cell) for cell in failed]
    if undecided := [_reason(cell) for cell in stopping if cell.verdict == "inconclusive"]:
        return "inconclusive", undecided
    if not stopping:
        most = "no request was measured" if not judged else "no route has enough requests for any of its measures"
        return "inconclusive", [f"{most}: load longer, or at a higher rate"]
    return "pass", [f"none of {len(stopping)} measures is worse by more than is tolerated"]


def slowest(
    base: LatencyLog, candidate: LatencyLog, design: Design, look: Look, cell: Cell, bound: Decimal
) -> str | None:
    """Why more of a cell's requests may be among the slowest than are tolerated, were it ``bound`` slower, if so.

    ``look`` is the one at which the cell was judged.
    """
    found = cut(base, candidate, cell.route, design, look.at)
    tolerance = Tolerance(relative=bound, absolute=Decimal(0))
    return cells.slowest(gather(cell.route, cell.measure, found, tolerance, 1.0), look)


def answered(judged: Sequence[Cell]) -> bool:
    """Whether there is an answer that may be doubted: whatever can stop the change was decided, or has a size."""
    stopping = [cell for cell in judged if cell.blocking]
    return bool(stopping) and all(cell.verdict != "inconclusive" or cell.ratio is not None for cell in stopping)


def _reason(cell: Cell) -> str:
    return f"{cell.route} {cell.measure}: {cell.why}"


def _warnings(judged: Sequence[Cell]) -> list[str]:
    rare = sorted({cell.route for cell in judged} - {cell.route for cell in judged if cell.blocking})
    if not rare:
        return []
    cure = "load them longer, or give them more of the mix"
    return [f"too few requests for a pass to be asked of: {listed(rare)}; {cure}"]
