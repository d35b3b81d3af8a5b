"""Two sides whose runs were made at different times: of each route's measures, whether the candidate's is worse.

The unit is the run (see ``welch``). With at least MIN_RUNS of them a side, the logarithms of a percentile and the
shares of failed requests are compared by Welch's t, and Holm's procedure keeps the probability of any false alarm at
ERROR_RATE over all cells that can stop the change. A cell fails when its difference is no chance and more than is
tolerated, passes when even the upper bound of the difference is within the tolerance, and is undecided in between.
"""

from tailgate_slo.model import Tolerance

from tailgate_loadtest.judge.document import Outcome
from tailgate_loadtest.judge.regression.apart.drafts import FAILURES, Draft, Side, drafts
from tailgate_loadtest.judge.regression.document import Cell
from tailgate_loadtest.judge.regression.statistics import holm
from tailgate_loadtest.judge.regression.statistics.welch import Shift

ERROR_RATE = 0.01
CONFIDENCE = 0.95
POWER = 0.9


def cells(
    base: Side, candidate: Side, moments: tuple[int, int], tolerance: Tolerance, spoiled: str | None
) -> list[Cell]:
    """A cell for every route and measure, of what ``drafts`` makes of the same."""
    drafted = drafts(base, candidate, moments, tolerance, spoiled)
    p = {(d.route, d.measure): d.shift.p for d in drafted if d.shift is not None and d.blocking}
    adjusted = holm.adjusted(p)
    return [_cell(draft, adjusted.get((draft.route, draft.measure)), max(len(p), 1)) for draft in drafted]


def _cell(draft: Draft, adjusted: float | None, tested: int) -> Cell:
    """The draft, decided. ``tested``: how many cells share the error rate."""
    ratio = low = high = visible = None
    verdict, why = draft.verdict, draft.why
    before, after = draft.values
    if draft.shift is not None:
        low, high = (draft.scale(draft.shift.bound(each)) for each in (1 - CONFIDENCE, CONFIDENCE))
        ratio = draft.scale(draft.shift.estimate)
        visible = _visible(draft, draft.shift, tested)
        high = None if draft.open_above else high
        verdict, why = _decide(draft, ratio, low, high, adjusted, visible)
    elif before is not None and after is not None:
        ratio = after - before if draft.measure == FAILURES else after / before
        low, high = draft.bounds
    return Cell(
        route=draft.route,
        measure=draft.measure,
        blocking=draft.blocking,
        verdict=verdict,
        samples_base=draft.samples[0],
        samples_candidate=draft.samples[1],
        base=before,
        candidate=after,
        p=draft.shift.p if draft.shift else None,
        p_adjusted=adjusted,
        side_by_side=None,
        ratio=ratio,
        low=low,
        high=high,
        tolerance=draft.tolerance,
        visible=visible,
        why=why,
    )


def _visible(draft: Draft, found: Shift, tested: int) -> float:
    """Nine times in ten it must be both no chance, by the strictest step of Holm's, and more than is tolerated."""
    tolerated = draft.tolerance or 0.0
    beyond = draft.scale_back(tolerated) + found.bound(POWER) - found.estimate
    return draft.scale(max(found.visible(ERROR_RATE / tested, POWER), beyond))


def _decide(
    draft: Draft, ratio: float, low: float, high: float | None, adjusted: float | None, visible: float
) -> tuple[Outcome, str]:
    tolerated = draft.tolerance or 0.0
    change, limit = _change(draft, ratio), _change(draft, tolerated)
    between = f"{change} [{_change(draft, low)}, {'open' if high is None else _change(draft, high)}]"
    if ratio > tolerated and adjusted is not None and adjusted <= ERROR_RATE:
        return "fail", f"{between}, where {limit} is tolerated; no chance (p = {adjusted:.2g} over all cells)"
    if high is not None and high <= tolerated:
        return "pass", f"{between}, where {limit} is tolerated"
    more = f"runs of one side differ so much that only {_change(draft, visible)} would have been found; more runs help"
    return "inconclusive", f"{between}, where {limit} is tolerated; {more}"


def _change(draft: Draft, value: float) -> str:
    if draft.measure == FAILURES:
        return f"{100 * value:+.2g} points"
    return f"{100 * (value - 1):+.3g} %"
