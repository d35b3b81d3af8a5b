"""One cell: whether what was measured of one measure of one route is enough, and what it comes to."""

import math

from tailgate_loadtest.judge.document import Outcome
from tailgate_loadtest.judge.regression.document import Cell
from tailgate_loadtest.judge.regression.measured import Evidence
from tailgate_loadtest.judge.regression.statistics import size, visible
from tailgate_loadtest.judge.regression.statistics.looks import Look

_SOONEST = 1e-6
"""Seconds; no answer comes over a network sooner."""
SUSPECT = 0.3
"""The adjusted p from which a rare cell keeps a gate from passing before its budget is used up. Rare cells have half of
the error rate (``decision.SHARE``), so of sides that are the same some has as little at one look in seven at most."""
_NAMES = ("base", "candidate")


def judge(found: Evidence, look: Look, p_adjusted: float | None, level: float, seconds: float) -> Cell:
    """The cell's verdict at a look; ``level`` is that of a single test, ``seconds`` how long the load was."""
    rejected = p_adjusted is not None and p_adjusted <= look.alpha
    verdict: Outcome = "inconclusive"
    why = _lacking(found, rejected=rejected)
    # A size would make an answer of it, which could be taken on, or be neutral.
    turns = found.turns if why is None else None
    low = high = math.nan
    if turns:
        low = size.lower(turns, found.duet, look.confidence)
        high = size.upper(turns, found.duet, look.confidence)
        if found.measure == "failures":
            exact = size.share_at_most(found.bad[1], found.requests[1], look.confidence) - found.value[0]
            low, high = max(low, -1.0), min(max(high, exact), 1.0)
    blocking = found.blocking
    if why is None:
        verdict, why = _verdict(found, look, p_adjusted, low, high)
        # Too rare for a pass to be asked of it, it still stops what it proves.
        blocking = blocking or verdict == "fail"
        suspected = verdict == "inconclusive" and p_adjusted is not None and p_adjusted <= SUSPECT
        if suspected and not blocking and not look.last:
            blocking, why = True, f"perhaps worse, though rare: the rest of the load is waited for. {why}"
    samples = found.requests if found.measure == "failures" else found.good
    return Cell(
        route=found.route,
        measure=found.measure,
        blocking=blocking,
        verdict=verdict,
        samples_base=samples[0],
        samples_candidate=samples[1],
        base=_finite(found.value[0]),
        candidate=_finite(found.value[1]),
        p=found.p if found.windows else None,
        p_adjusted=p_adjusted,
        side_by_side=_shown(found, found.duet.value if found.duet else math.nan),
        ratio=_shown(found, turns.value if turns else math.nan),
        low=_shown(found, low),
        high=_shown(found, high),
        tolerance=_shown(found, found.tolerance),
        visible=_shown(found, _visible(found, level, seconds)),
        why=why,
    )


def _verdict(found: Evidence, look: Look, p_adjusted: float | None, low: float, high: float) -> tuple[Outcome, str]:
    rejected = p_adjusted is not None and p_adjusted <= look.alpha
    turns, side_by_side = found.turns, found.duet.value if found.duet else -math.inf
    if turns is None or math.isnan(turns.value):
        if rejected and side_by_side > found.tolerance:
            seen = f"{_words(found, side_by_side)} side by side, p = {p_adjusted:.2g} over all cells"
            return "fail", f"{seen}; {_words(found, found.tolerance)} is tolerated, and by turns there were too few"
        return "inconclusive", _too_few(found)
    tolerated = f"{_words(found, found.tolerance)} is tolerated"
    sized = f"{_words(found, turns.value)} [{_words(found, low)}, {_words(found, high)}]"
    if rejected and max(turns.value, side_by_side) > found.tolerance:
        beside = "" if turns.value > found.tolerance else f", and {_words(found, side_by_side)} side by side"
        return "fail", f"{sized}{beside}, p = {p_adjusted:.2g} over all cells; {tolerated}"
    far_slower = slowest(found, look)
    if high < found.tolerance and far_slower is None:
        return "pass", f"{sized}; {tolerated}"
    if rejected:
        return (
            "inconclusive",
            f"worse, though perhaps by less than is tolerated: {sized}, p = {p_adjusted:.2g}; {tolerated}",
        )
    if high < found.tolerance:
        return "inconclusive", f"{sized}, and {tolerated}; but {far_slower}"
    return "inconclusive", f"{sized}, and {tolerated}: more minutes or a higher rate narrow it"


def slowest(found: Evidence, look: Look) -> str | None:
    """Why more of the candidate's requests may be among the slowest than are tolerated, if so."""
    tail = found.tail
    if tail is None:
        return None
    more = tail.more(look.confidence)
    if more < tail.allowed:
        return None
    times = f"{1 + more:.1f} times" if math.isfinite(more) else "any number of times"
    return (
        f"among the slowest {100 * tail.share:.0f} %, beyond {1e3 * tail.edge:.3g} ms, the candidate may have {times} "
        f"as many, and {1 + tail.allowed:g} are tolerated: some moments are far slower, and more minutes tell whose"
    )


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


def _lacking(found: Evidence, *, rejected: bool) -> str | None:
    """Why there is no answer, if so; ``rejected``: that the candidate fails more is no chance."""
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
        few = f"all {found.bad[1]} requests of the candidate failed, though too few to tell that from chance"
        return few if found.broken and not rejected else None
    if not any(found.good):
        return f"all {sum(requests)} requests failed, on both sides: there are no times to compare"
    for mine in (0, 1):
        if not found.good[mine]:
            new = "" if mine else "; if the route is new, leave its task to a later change"
            return f"all {requests[mine]} requests of the {_NAMES[mine]} failed: there are no times to compare{new}"
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
