"""What people felt while a load was on: its browsers' visits against objectives of vitals, among the others."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tailgate_slo import Gate, Objectives

from tailgate_loadtest.browser.recording import Visit
from tailgate_loadtest.judge.document import Finding, LaneVerdict
from tailgate_loadtest.judge.kept import visits_kept
from tailgate_loadtest.judge.vitals.document import VitalFinding
from tailgate_loadtest.judge.vitals.verdict import judge_visits
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import RunDocument


@dataclass(frozen=True, kw_only=True)
class Felt:
    """What visits come to."""

    findings: Mapping[str, Finding] = field(default_factory=dict)
    """By the objective's name, of those whose page was visited."""
    unsound: tuple[str, ...] = ()
    """Why nothing may pass: visits that were to be are not there."""
    visits: int = 0
    failed: int = 0


def judged_visits(bundle: Bundle, run: RunDocument) -> list[Visit]:
    """The visits that began in the judged part of a run, in that order; none where no browser was part of it.

    Raises:
        BundleError: visits.jsonl is missing, damaged or cut short.
    """
    if run.browsers is None:
        return []
    return [visit for visit in visits_kept(bundle, run.browsers) if visit.began >= run.measured_from]


def judge_felt(bundle: Bundle, run: RunDocument, objectives: Objectives | None) -> Felt:
    """Judge a run's visits.

    Those beside a search for the highest rate are shown and not judged: its last steps are more than can be held.

    Raises:
        BundleError: visits.jsonl is missing, damaged or cut short.
    """
    if run.browsers is None or run.plan.steps:
        return Felt()
    visits = judged_visits(bundle, run)
    gate = objectives.gate(run.plan.profile or "closed") if objectives else Gate()
    judged = judge_visits(visits, run.browsers, objectives)
    return Felt(
        findings={found.name: finding(found, gate) for found in judged.objectives},
        unsound=judged.unsound,
        visits=len(visits),
        failed=sum(visit.failed is not None for visit in visits),
    )


def finding(found: VitalFinding, gate: Gate) -> Finding:
    """What an objective of vitals came to, as it is told of all others; its numbers are those of the lane worst off."""
    worst = found.worst
    return Finding(
        name=found.name,
        display_name=found.display_name,
        measure="vital",
        route=found.page,
        threshold=found.threshold,
        target=found.target,
        verdict=found.verdict,
        key=found.name in gate.keys,
        weight=float(gate.weight(found.name)),
        samples=worst.samples,
        bad=worst.bad,
        bad_share=worst.bad_share,
        bad_low=worst.bad_low,
        bad_high=worst.bad_high,
        unit="score" if found.vital == "cls" else "seconds",
        number=worst.number,
        low=worst.low,
        high=worst.high,
        at_least=worst.at_least,
        vital=found.vital,
        timing=found.timing,
        lanes=tuple(LaneVerdict(visit=each.visit, lane=each.lane, verdict=each.verdict) for each in found.lanes),
        why=found.why,
    )
