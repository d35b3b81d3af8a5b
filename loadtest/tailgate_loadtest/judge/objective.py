"""One objective against one stretch of a run.

It passes when even the pessimistic bound of its bad share is within what the target allows, fails when even the
optimistic bound is not, and is inconclusive in between.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from tailgate_slo import SLO, Gate, Measure, nearest_route, samples_to_decide

from tailgate_loadtest.judge.document import Finding, Outcome
from tailgate_loadtest.judge.statistics import Array, Bounds, quantile, share
from tailgate_loadtest.judge.windows import Windows, cut
from tailgate_loadtest.measure.hlog import LatencyLog
from tailgate_loadtest.run.server import QueryCounts


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a stretch of a run has to show."""

    log: LatencyLog
    queries: Mapping[str, QueryCounts]
    queries_missing: str
    """Why there are no query counts, when there are none."""
    start: float
    end: float


def judge(slo: SLO, gate: Gate, evidence: Evidence) -> Finding | None:
    """The finding on an objective; None when no run can answer it."""
    measure = slo.measure
    if measure is None or measure.kind == "vital":
        return None
    if measure.kind == "queries":
        return _queries(slo, gate, evidence)
    windows = cut(evidence.log, measure.route, evidence.start, evidence.end)
    total = windows.total
    samples = int(total.sum())
    if not samples:
        return _missing(slo, gate, _no_requests(measure.route, evidence.log.routes))
    latency = measure.kind == "latency"
    bad = _bad(windows, measure)
    bounds = share(bad, total)
    number, low, high, at_least = _percentile(windows, float(slo.target)) if latency else _good(bad, total, bounds)
    if lost := int(windows.lost.sum()):
        # Nobody knows how these ended: a verdict must hold whether they were all good or all bad.
        best, worst = windows.best(), windows.worst()
        bounds = Bounds(share(_bad(best, measure), best.total).low, share(_bad(worst, measure), worst.total).high)
        if latency:
            low, high = _percentile(best, float(slo.target))[1], _percentile(worst, float(slo.target))[2]
        else:
            _, low, high, _ = _good(bad, total, bounds)
    outcome, why = _decide(slo, gate, samples, float(bad.sum()), bounds)
    if lost:
        why += f"; {lost} more, of a lost worker, count as good for the one bound and as bad for the other"
    return _finding(
        slo,
        gate,
        verdict=outcome,
        samples=samples,
        bad=int(bad.sum()),
        bounds=bounds,
        number=number,
        low=low,
        high=high,
        at_least=at_least,
        why=why,
    )


def _bad(windows: Windows, measure: Measure) -> Array:
    return windows.slower(float(measure.threshold or 0)) if measure.kind == "latency" else windows.bad


def _queries(slo: SLO, gate: Gate, evidence: Evidence) -> Finding:
    route = slo.measure.route if slo.measure else None
    budget = float(slo.measure.threshold or 0) if slo.measure else 0.0
    if not evidence.queries:
        return _missing(slo, gate, evidence.queries_missing, undecided=True)
    routes = [route] if route is not None else list(evidence.queries)
    counts = [evidence.queries[each] for each in routes if each in evidence.queries]
    if not counts:
        if sent := int(cut(evidence.log, route, evidence.start, evidence.end).total.sum()):
            why = f"{sent} requests were due, and the service came to the end of none that it could count"
            return _missing(slo, gate, why, undecided=True)
        return _missing(slo, gate, _no_requests(route, evidence.queries))
    within = [each.within(budget) for each in counts]
    if any(each is None for each in within):
        why = f"the service's histogram of queries has no edge at {budget:g}; start it with this objectives file"
        return _missing(slo, gate, why, undecided=True)
    samples = sum(each.requests for each in counts)
    bad = samples - sum(each or 0 for each in within)
    most = max(each.percentile(float(slo.target)) for each in counts)
    allowed = 1 - float(slo.target)
    met = bad <= allowed * samples + 1e-9
    why = f"{bad} of {samples} requests ran more than {budget:g} queries; {_percent(1 - slo.target)} may"
    return _finding(
        slo,
        gate,
        verdict="pass" if met else "fail",
        samples=samples,
        bad=bad,
        bounds=Bounds(bad / samples, bad / samples),
        number=None if math.isinf(most) else most,
        low=None,
        high=None,
        exact=True,
        why=why,
    )


def _decide(slo: SLO, gate: Gate, samples: int, bad: float, bounds: Bounds) -> tuple[Outcome, str]:
    allowed = 1 - float(slo.target)
    may = f"{_percent(1 - slo.target)} may be"
    what = f"{bad:g} of {samples} requests were bad: {bad / samples:.3%} [{bounds.low:.3%}, {bounds.high:.3%}]"
    # A clear miss is a miss, however few the samples: the bound has taken their number into account.
    if bounds.low > allowed:
        return "fail", f"{what}; {may}, and even the lower bound is above"
    if samples < gate.minimum_samples:
        return "inconclusive", f"{samples} samples; the gate asks for at least {gate.minimum_samples}"
    if bounds.high <= allowed:
        return "pass", f"{what}; {may}, and even the upper bound is within"
    need = samples_to_decide(slo.target)
    hint = f"at least {need} samples are needed" if samples < need else "a longer run would narrow it"
    return "inconclusive", f"{what}; {may}, which lies between the bounds; {hint}"


def _percent(share: Decimal) -> str:
    return f"{(100 * share).normalize():f} %"


def _percentile(windows: Windows, q: float) -> tuple[float | None, float | None, float | None, bool]:
    found = quantile(windows.good, windows.bad, q)
    low, high = (None if math.isinf(bound) else bound for bound in (found.bounds.low, found.bounds.high))
    if not math.isinf(found.value):
        return found.value, low, high, False
    number = windows.at_least(q)
    if math.isnan(number):  # all failed, and so fast or slow says nothing
        return None, None, None, True
    return number, low if low is None else min(low, number), None, True


def _good(bad: Array, total: Array, bounds: Bounds) -> tuple[float | None, float | None, float | None, bool]:
    return 1 - float(bad.sum()) / float(total.sum()), 1 - bounds.high, 1 - bounds.low, False


def _no_requests(route: str | None, known: Iterable[str]) -> str:
    if route is None:
        return "no request was measured"
    near = nearest_route(route, known)
    return f"no request to {route} was measured" + (f"; did you mean {near}?" if near and near != route else "")


def _missing(slo: SLO, gate: Gate, why: str, *, undecided: bool = False) -> Finding:
    return _finding(slo, gate, verdict="inconclusive", missing=not undecided, samples=0, bad=0, bounds=None, why=why)


def _finding(
    slo: SLO,
    gate: Gate,
    *,
    verdict: Outcome,
    samples: int,
    bad: int,
    bounds: Bounds | None,
    why: str,
    number: float | None = None,
    low: float | None = None,
    high: float | None = None,
    missing: bool = False,
    at_least: bool = False,
    exact: bool = False,
) -> Finding:
    measure = slo.measure
    kind = measure.kind if measure is not None and measure.kind != "vital" else "latency"
    unit = {"latency": "seconds", "availability": "share", "queries": "queries"}[kind]
    return Finding(
        name=slo.name,
        display_name=slo.display_name,
        measure=kind,
        route=measure.route if measure else None,
        threshold=float(measure.threshold) if measure and measure.threshold is not None else None,
        target=float(slo.target),
        verdict=verdict,
        missing=missing,
        key=slo.name in gate.keys,
        weight=float(gate.weight(slo.name)),
        samples=samples,
        bad=bad,
        bad_share=bad / samples if samples else None,
        bad_low=bounds.low if bounds else None,
        bad_high=bounds.high if bounds else None,
        unit=unit,  # type: ignore[arg-type]  # one of the three above
        number=number,
        low=low,
        high=high,
        at_least=at_least,
        exact=exact,
        why=why,
    )
