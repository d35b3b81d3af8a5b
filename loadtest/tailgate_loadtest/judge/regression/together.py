"""Two sides that were loaded together, judged: the document of it all. The same bundles, the same document."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

import tailgate_slo
from tailgate_slo import Gate, Objectives

from tailgate_loadtest.judge.document import Finding
from tailgate_loadtest.judge.regression import counted, decision
from tailgate_loadtest.judge.regression.accept import Accepted, accept
from tailgate_loadtest.judge.regression.decision import Judgement
from tailgate_loadtest.judge.regression.document import (
    Cell,
    ComparisonDocument,
    DesignRecord,
    ExactFinding,
    Rates,
    SegmentRecord,
    SideRecord,
)
from tailgate_loadtest.judge.regression.document import Look as LookRecord
from tailgate_loadtest.judge.regression.evidence import evidence
from tailgate_loadtest.judge.regression.exact import Compared
from tailgate_loadtest.judge.regression.exact import compare as compare_exactly
from tailgate_loadtest.judge.regression.looks import Looks
from tailgate_loadtest.judge.regression.loosened import loosenings
from tailgate_loadtest.judge.regression.why import causes
from tailgate_loadtest.judge.verdict import judge_bundle, lacking, raised
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.comparison import Comparison
from tailgate_loadtest.run.document import RunDocument
from tailgate_loadtest.run.environment import Fact
from tailgate_loadtest.run.probe import read as read_probe
from tailgate_loadtest.run.server import SCHEMA as SERVER_SCHEMA
from tailgate_loadtest.run.server import ServerCounters
from tailgate_loadtest.shapes.sides import SIDES, Design, Side

Verdict = Literal["pass", "fail", "inconclusive", "interrupted"]
_CODES = {"pass": 0, "fail": 1, "inconclusive": 3}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A side as it was asked for."""

    what: str
    revision: str | None
    facts: Mapping[str, Fact]


def looks_of(design: Design, error_rate: float) -> Looks:
    """When a load of that design is looked at: after its second cycle, and then after each."""
    cycle = design.cycle
    return Looks(budget=design.seconds, first=design.warmup + 2 * cycle, every=cycle, alpha=error_rate)


def judge_pair(
    comparison: Comparison,
    asked: Mapping[Side, Asked],
    design: Design,
    *,
    error_rate: float,
    today: dt.date,
    fresh: bool,
    on_inconclusive: Literal["fail", "neutral"] = "fail",
    rates: Rates | None = None,
    warnings: Sequence[str] = (),
) -> ComparisonDocument:
    """Judge a comparison whose bundles are written.

    Args:
        comparison: where they are.
        asked: what the sides are.
        design: who got which arrivals.
        error_rate: how probable a verdict of worse may be for two sides that are the same.
        today: entries that accept a regression hold until their day.
        fresh: whether the probe, if there was one, found both with the data that they begin with.
        on_inconclusive: whether doubt stops the change.
        rates: what is known of such verdicts on this machine.
        warnings: what else is to be said.

    Raises:
        BundleError: a bundle is incomplete or damaged.
        SloError: the objectives that a bundle keeps are damaged.

    """
    bundles = {side: comparison.bundle(side) for side in SIDES}
    runs = {side: bundle.read_run() for side, bundle in bundles.items()}
    files = {side: tailgate_slo.load(b.objectives) if b.objectives.exists() else None for side, b in bundles.items()}
    findings = {side: judge_bundle(bundle, files[Side.CANDIDATE]).objectives for side, bundle in bundles.items()}
    base, candidate = runs[Side.BASE], runs[Side.CANDIDATE]
    gates = {side: _gate(files[side], runs[side]) for side in SIDES}
    judgement = decision.judge(
        bundles[Side.BASE].read_log(),
        bundles[Side.CANDIDATE].read_log(),
        design,
        looks_of(design, error_rate),
        # By the base's own objectives, so that no change can widen what it is measured by.
        gates[Side.BASE].tolerance,
        until=min(run.seconds for run in runs.values()),
    )
    tolerance = float(gates[Side.BASE].tolerance.relative)
    exact = _probed(comparison, fresh=fresh, tolerance=tolerance)
    accepted = accept(
        gates[Side.CANDIDATE].accept,
        today,
        cells=judgement.cells,
        exact=exact.findings,
        loosened=loosenings(files[Side.BASE], files[Side.CANDIDATE]),
    )
    verdict, code, reasons = _conclude(runs, judgement, accepted, exact.reasons)
    if verdict == "inconclusive" and on_inconclusive == "neutral":
        code = 0
    return ComparisonDocument(
        id=comparison.id,
        tool=version("tailgate-loadtest"),
        kind="ab",
        started=base.started,
        seconds=max(run.seconds for run in runs.values()),
        base=_record(Side.BASE, asked),
        candidate=_record(Side.CANDIDATE, asked),
        design=_design(design),
        looks=_looks(judgement, looks_of(design, error_rate)),
        error_rate=error_rate,
        confidence=judgement.look.confidence if judgement.look else 0.95,
        verdict=verdict,
        exit_code=code,
        reasons=tuple(reasons),
        cells=_explained(accepted.cells, comparison),
        exact=(*accepted.exact, *_under_load(bundles, tolerance)),
        loosened=accepted.loosened,
        objectives=findings[Side.CANDIDATE],
        accepts=accepted.entries,
        on_inconclusive=on_inconclusive,
        rates=rates,
        warnings=tuple(
            dict.fromkeys(
                (
                    *warnings,
                    *judgement.warnings,
                    *exact.remarks,
                    *_missed(findings),
                    *base.warnings,
                    *candidate.warnings,
                )
            )
        ),
    )


def _conclude(
    runs: Mapping[Side, RunDocument], judgement: Judgement, accepted: Accepted, unanswered: Sequence[str]
) -> tuple[Verdict, int, list[str]]:
    """In the order of the exit codes: interrupted, no sound measurement, worse, undecided, not worse."""
    base, candidate = runs[Side.BASE], runs[Side.CANDIDATE]
    if signal := base.interrupted or candidate.interrupted:
        return "interrupted", 143 if signal == "SIGTERM" else 130, [f"ended by {signal}"]
    # Of one process there is one state of health.
    unsound = [*base.generator.reasons, *(f"{s}: {why}" for s, run in runs.items() for why in lacking(run))]
    if unsound:
        return "inconclusive", _CODES["inconclusive"], unsound
    verdict, reasons = decision.conclude(accepted.cells)
    worse = _counted_worse(accepted.exact)
    worse += [f"{each.objective} is loosened: {each.what}" for each in accepted.loosened if each.accepted is None]
    if candidate.aborted and candidate.aborted.startswith(Side.CANDIDATE):
        worse.append(candidate.aborted)
    if worse:
        return "fail", _CODES["fail"], [*worse, *(reasons if verdict == "fail" else ())]
    # What a task was to do after it raised was never asked.
    doubts = [*unanswered, *(f"{side}: {why}" for side, run in runs.items() for why in raised(run))]
    if verdict == "fail" or (verdict == "pass" and not doubts):
        return verdict, _CODES[verdict], reasons
    undecided = judgement.reasons if judgement.look is None else reasons if verdict == "inconclusive" else ()
    return "inconclusive", _CODES["inconclusive"], [*doubts, *undecided]


def _probed(comparison: Comparison, *, fresh: bool, tolerance: float) -> Compared:
    """What the probe found, where there was one."""
    paths = [comparison.probe(side) for side in SIDES]
    if not any(path.exists() for path in paths):
        return Compared(findings=(), remarks=(), reasons=())
    return compare_exactly(*map(read_probe, paths), fresh=fresh, tolerance=tolerance)


def _under_load(bundles: Mapping[Side, Bundle], tolerance: float) -> list[ExactFinding]:
    """Queries per request of the whole load, which are only shown."""
    told = [
        ServerCounters.of(bundles[side].read_json("server.json", "tailgate/server/v", SERVER_SCHEMA)).queries()
        for side in SIDES
    ]
    found = counted.findings([told[0]], [told[1]], tolerance)
    return [each.model_copy(update={"blocking": False}) for each in found]


def _counted_worse(found: Iterable[ExactFinding]) -> list[str]:
    return [f"{each.route}: {each.why}" for each in found if each.worse and each.blocking and each.accepted is None]


def _explained(cells: Sequence[Cell], comparison: Comparison) -> tuple[Cell, ...]:
    """With the causes of what is worse, for which alone the traces are read."""
    if not any(cell.verdict == "fail" for cell in cells):
        return tuple(cells)
    base, candidate = (evidence([comparison.bundle(side)]) for side in SIDES)
    return tuple(
        cell.model_copy(update={"causes": causes(cell.measure, base[cell.route], candidate[cell.route])})
        if cell.verdict == "fail" and cell.route in base and cell.route in candidate
        else cell
        for cell in cells
    )


def _missed(findings: Mapping[Side, Sequence[Finding]]) -> list[str]:
    """Objectives that the candidate misses; a change is not stopped by what the base misses as well."""
    kept = {found.name for found in findings[Side.BASE] if found.verdict == "pass"}
    return [
        f"the candidate misses {found.name}{', which the base keeps' if found.name in kept else ''}: {found.why}"
        for found in findings[Side.CANDIDATE]
        if found.verdict == "fail"
    ]


def _gate(objectives: Objectives | None, run: RunDocument) -> Gate:
    return objectives.gate(run.plan.profile or "closed") if objectives else Gate()


def _record(side: Side, asked: Mapping[Side, Asked]) -> SideRecord:
    return SideRecord(
        what=asked[side].what, revision=asked[side].revision, bundles=(side.value,), facts=dict(asked[side].facts)
    )


def _design(design: Design) -> DesignRecord:
    return DesignRecord(
        seed=design.seed,
        warmup=design.warmup,
        block=design.block,
        segments=tuple(
            SegmentRecord(start=each.start, length=each.length, to=each.to.value if each.to else "both")
            for each in design.segments
        ),
    )


def _looks(judgement: Judgement, looks: Looks) -> tuple[LookRecord, ...]:
    if judgement.look is None:
        return ()
    return tuple(
        LookRecord(at=each.at, spent=each.spent, decided=judgement.verdict if each == judgement.look else None)
        for each in looks.moments
        if each.at <= judgement.look.at
    )
