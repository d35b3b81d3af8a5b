"""Visits against an objectives file: what its objectives of vitals come to, lane by lane and in all."""

from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from tailgate_slo import SLO, Objectives, nearest_route
from tailgate_slo.model import Vital

from tailgate_loadtest.browser.account import Account
from tailgate_loadtest.browser.recording import Visit
from tailgate_loadtest.judge.document import Outcome, Verdict
from tailgate_loadtest.judge.listed import listed
from tailgate_loadtest.judge.statistics import CONFIDENCE
from tailgate_loadtest.judge.vitals.cells import cells
from tailgate_loadtest.judge.vitals.document import LaneFinding, Setting, VitalFinding, VitalsDocument
from tailgate_loadtest.judge.vitals.objective import Lanes, judge

_CODES: dict[Verdict, int] = {"pass": 0, "unjudged": 0, "fail": 1, "inconclusive": 3}
_MOST_FAILURES = 20


def judge_visits(
    visits: Iterable[Visit], account: Account, objectives: Objectives | None, setting: Setting | None = None
) -> VitalsDocument:
    """Judge visits by the file's objectives of vitals; it has no others for them.

    Without one nothing is judged, and the verdict is a fail where a visit failed. The order of the visits is of no
    account; those that are not to be judged, such as a warm-up's, are left out by the caller.
    """
    ordered = sorted(visits, key=lambda visit: visit.number)
    lanes = _by_lane(ordered)
    slos = _of_vitals(objectives)
    found = [finding for slo in slos if (finding := judge(slo, lanes)) is not None]
    judged = {finding.name for finding in found}
    unsound = _unsound(lanes, account)
    verdict, reasons = _conclude(ordered, account, slos, found, unsound)
    failures = Counter(visit.failed for visit in ordered if visit.failed is not None)
    return VitalsDocument(
        tool=version("tailgate-loadtest"),
        setting=setting,
        verdict=verdict,
        exit_code=(143 if account.interrupted == "SIGTERM" else 130) if account.interrupted else _CODES[verdict],
        reasons=tuple(reasons),
        unsound=tuple(unsound),
        objectives=tuple(found),
        skipped=tuple(slo.name for slo in slos if slo.name not in judged),
        cells=cells(ordered),
        failures=dict(failures.most_common(_MOST_FAILURES)),
        account=account,
        confidence=CONFIDENCE,
        slo=Path(objectives.file).name if objectives else None,
        slo_digest=objectives.digest if objectives else None,
    )


def _by_lane(visits: Iterable[Visit]) -> Lanes:
    lanes: dict[tuple[str, str], list[Visit]] = {}
    for visit in visits:
        lanes.setdefault((visit.visit, visit.lane), []).append(visit)
    return lanes


def _of_vitals(objectives: Objectives | None) -> list[SLO]:
    slos = objectives.slos if objectives else ()
    return [slo for slo in slos if slo.measure is not None and slo.measure.kind == "vital"]


def _unsound(lanes: Lanes, account: Account) -> list[str]:
    """What was to be measured and was not, in words."""
    reasons = [account.died] if account.died else []
    if account.cut and not account.interrupted:
        reasons.append(f"{account.cut} visits were cut off before their end")
    for lane in account.lanes:
        own, name = lanes.get((lane.visit, lane.name), ()), f"{lane.visit} ({lane.name})"
        if not own:
            reasons.append(f"{name}: no visit was measured")
        elif all(visit.page is None for visit in own):
            reasons.append(f"{name}: no visit came to a page: {own[0].failed}")
        elif lane.visits is not None and lane.begun < lane.visits and not (account.died or account.interrupted):
            reasons.append(f"{name}: {lane.begun} of {lane.visits} visits were begun")
    return reasons


def _conclude(
    visits: Sequence[Visit], account: Account, slos: Sequence[SLO], found: Sequence[VitalFinding], unsound: list[str]
) -> tuple[Verdict, list[str]]:
    """In the order of the exit codes: interrupted, no sound measurement, missed, undecided, kept."""
    if account.interrupted:
        return "interrupted", [f"ended by {account.interrupted}"]
    if not slos:
        return _without_objectives(visits, unsound)
    if unsound:
        return "inconclusive", unsound
    if missed := _reasons(found, "fail"):
        return "fail", missed
    if undecided := _reasons(found, "inconclusive"):
        return "inconclusive", undecided
    if not found:
        return "inconclusive", [_elsewhere(visits, slos)]
    return "pass", [f"all {len(found)} objectives are kept"]


def _without_objectives(visits: Sequence[Visit], unsound: list[str]) -> tuple[Verdict, list[str]]:
    if failed := sum(visit.failed is not None for visit in visits):
        return "fail", [f"{failed} of {len(visits)} visits failed; no objectives of vitals were given to judge by"]
    if unsound:
        return "inconclusive", unsound
    return "unjudged", ["no objectives of vitals were given to judge by, and no visit failed"]


def _elsewhere(visits: Sequence[Visit], slos: Sequence[SLO]) -> str:
    """That all objectives are of pages that were not visited: somebody may have written one of them wrongly."""
    came = list(dict.fromkeys(visit.page for visit in visits if visit.page is not None))
    pages = sorted({slo.measure.route for slo in slos if slo.measure is not None and slo.measure.route is not None})
    near = next((found for page in came if (found := nearest_route(page, pages)) is not None), None)
    hint = f"did you mean {near}?" if near else f"they are of {listed(pages)}"
    return f"no objective is of a page that was visited, such as {listed(came)}; {hint}"


def _reasons(found: Iterable[VitalFinding], verdict: Outcome) -> list[str]:
    return [_reason(finding, lane) for finding in found for lane in finding.lanes if lane.verdict == verdict]


def _reason(finding: VitalFinding, lane: LaneFinding) -> str:
    """The objective by name, the lane where there are several, the percentile with its interval, and why."""
    name = f"{finding.name} ({lane.lane})" if len(finding.lanes) > 1 else finding.name
    if lane.number is None:
        return f"{name}: {lane.why}"
    number = ("at least " if lane.at_least else "") + _value(finding.vital, lane.number)
    interval = f"[{_value(finding.vital, lane.low)}, {_value(finding.vital, lane.high)}]"
    return f"{name}: p{100 * finding.target:g} is {number} {interval}; {lane.why}"


def _value(vital: Vital | None, value: float | None) -> str:
    if value is None:
        return "open"
    return f"{value:.3f}" if vital == "cls" else f"{value * 1e3:.{0 if value >= 0.1 else 1}f} ms"
