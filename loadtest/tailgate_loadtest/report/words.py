"""Findings and verdicts in words: the page, the summary, the test report and the terminal say the same."""

import math
from collections.abc import Iterable

from tailgate_loadtest.judge.document import Finding, Outcome, Verdict, VerdictDocument
from tailgate_loadtest.report import show
from tailgate_loadtest.run.document import Percentiles, RouteRecord

SYMBOLS: dict[Verdict, str] = {"pass": "✓", "fail": "✕", "inconclusive": "?", "interrupted": "■", "unjudged": "–"}
WORDS: dict[Verdict, str] = {
    "pass": "Pass",
    "fail": "Fail",
    "inconclusive": "Inconclusive",
    "interrupted": "Interrupted",
    "unjudged": "Not judged",
}
_WORST: tuple[Outcome, ...] = ("fail", "inconclusive", "pass")


def headline(verdict: VerdictDocument) -> str:
    """What the verdict means, in one clause."""
    total = len(verdict.objectives)
    missed = sum(f.verdict == "fail" for f in verdict.objectives)
    if verdict.verdict == "pass":
        return "The objective is kept" if total == 1 else f"All {total} objectives are kept"
    if verdict.verdict == "fail":
        return (
            f"{missed} of {total} objectives {'is' if missed == 1 else 'are'} missed" if missed else "Requests failed"
        )
    if verdict.verdict == "inconclusive":
        return "This run cannot decide"
    if verdict.verdict == "interrupted":
        return "The run was ended before its time"
    return "There was nothing to judge by"


def worst(outcomes: Iterable[Outcome]) -> Outcome | None:
    """The worst of several verdicts; None of none."""
    found = set(outcomes)
    return next((outcome for outcome in _WORST if outcome in found), None)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Findings, the missed and undecided ones before the kept, otherwise in the file's order."""
    return sorted(findings, key=lambda f: _WORST.index(f.verdict))


def target(finding: Finding) -> str:
    """What an objective asks for: ``95 % within 500 ms``."""
    share = show.percent(finding.target)
    if finding.measure == "availability":
        return f"{share} succeed"
    limit = finding.threshold if finding.threshold is not None else math.nan
    if finding.unit == "seconds":
        return f"{share} within {show.threshold(limit)}"
    if finding.unit == "score":
        return f"{share} with at most {show.exact(limit)}"
    return f"{share} with at most {show.exact(limit)} {'query' if limit == 1 else 'queries'}"


def short_target(finding: Finding) -> str:
    """What an objective asks for, where there is little room: ``p95 ≤ 500 ms``, ``LCP p75 ≤ 2 500 ms``."""
    if finding.measure == "availability":
        return f"≥ {show.percent(finding.target)} succeed"
    limit = finding.threshold if finding.threshold is not None else math.nan
    if finding.measure == "queries":
        return f"queries ≤ {show.exact(limit)}"
    whose = f"{vital(finding.vital, finding.timing)} " if finding.measure == "vital" else ""
    written = show.threshold(limit) if finding.unit == "seconds" else show.exact(limit)
    return f"{whose}{show.percentile(finding.target)} ≤ {written}"


def everywhere(finding: Finding) -> str:
    """What an objective without a route of its own is about."""
    return "all pages" if finding.measure == "vital" else "all routes"


def vital(name: str | None, timing: str | None) -> str:
    """A Web Vital by its usual name, or the moment that a page marks itself: ``LCP``, ``panels_complete``."""
    return name.upper() if name else timing or show.NOTHING


def number(finding: Finding) -> str:
    """What was measured: ``p95 312 ms``, ``≥ 10 200 ms``, ``99.98 %``."""
    if finding.number is None or math.isnan(finding.number):
        beyond = finding.measure == "queries" and finding.samples > 0
        return "more than the histogram holds" if beyond else show.NOTHING
    least = f"≥{show.NARROW}" if finding.at_least else ""
    if finding.unit == "share":
        return f"{show.measured_share(finding.number)} succeeded"
    name = show.percentile(finding.target)
    if finding.unit == "queries":
        return f"{name} {least}{show.exact(finding.number)} {'query' if finding.number == 1 else 'queries'}"
    return f"{name} {least}{measured(finding.number, finding.unit)}"


def interval(finding: Finding) -> str:
    """Where the number may lie as well: ``298–331 ms``; empty where it was counted exactly or is not known."""
    if finding.exact or (finding.low is None and finding.high is None):
        return ""
    if finding.unit == "share":
        low, high = finding.low or 0.0, 1.0 if finding.high is None else finding.high
        return f"{show.measured_share(low)} to {show.measured_share(high)}"
    return between(finding.low, finding.high, finding.unit)


def measured(value: float, unit: str) -> str:
    """A measured value: a time in milliseconds, or a score with as many places as it is told apart by."""
    return f"{value:.3f}" if unit == "score" else show.latency(value)


def reached(value: float | None, unit: str, *, at_least: bool) -> str:
    """The percentile of visits: a measured value, one that is below it, or that the visit which has it failed."""
    if value is None:
        return "failed" if at_least else show.NOTHING
    return (f"≥{show.NARROW}" if at_least else "") + measured(value, unit)


def between(low: float | None, high: float | None, unit: str) -> str:
    """An interval of measured values, open where a bound is None."""
    if high is None:
        return f"{measured(low or 0.0, unit)} or more"
    if low is None:
        return f"up to {measured(high, unit)}"
    return f"{measured(low, unit) if unit == 'score' else show.milliseconds(low)}–{measured(high, unit)}"


def route_percentile(route: RouteRecord, q: float) -> str:
    """A route's response time at p50, p95 or p99, in milliseconds without the unit.

    Requests that failed or were not answered took longer than any other: where the rank reaches them, the longest
    time known is a lower bound.
    """
    if route.response is None:
        return show.NOTHING
    if math.ceil(q * route.requests - 1e-9) > route.requests - route.failed - route.censored:
        return f"≥{show.NARROW}{show.milliseconds(route.response.max)}"
    return show.milliseconds(_at(route.response, q))


def _at(percentiles: Percentiles, q: float) -> float:
    return {0.5: percentiles.p50, 0.95: percentiles.p95, 0.99: percentiles.p99}[q]
