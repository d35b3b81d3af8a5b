"""Two sides that were loaded together, judged: the document of it all. The same bundles, the same document."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Literal

from tailgate_slo import Gate, Objectives

from tailgate_loadtest.errors import BundleError
from tailgate_loadtest.judge.document import Finding
from tailgate_loadtest.judge.kept import objectives_kept
from tailgate_loadtest.judge.listed import listed
from tailgate_loadtest.judge.regression import decision
from tailgate_loadtest.judge.regression.adoption import adoption
from tailgate_loadtest.judge.regression.decision import Judgement
from tailgate_loadtest.judge.regression.document import (
    Adoption,
    ComparisonDocument,
    DesignRecord,
    ExactFinding,
    SegmentRecord,
    SideRecord,
)
from tailgate_loadtest.judge.regression.document import Look as LookRecord
from tailgate_loadtest.judge.regression.exact.counted import under_load
from tailgate_loadtest.judge.regression.exact.probed import compare as compare_exactly
from tailgate_loadtest.judge.regression.statistics.looks import Looks
from tailgate_loadtest.judge.regression.statistics.size import LEAST_PAIRS
from tailgate_loadtest.judge.regression.terms.accept import Accepted
from tailgate_loadtest.judge.regression.terms.asked import Asked, Terms
from tailgate_loadtest.judge.regression.terms.leeway import Leeway
from tailgate_loadtest.judge.regression.terms.loosened import loosenings
from tailgate_loadtest.judge.regression.unseen import unseen
from tailgate_loadtest.judge.regression.why.evidence import evidence
from tailgate_loadtest.judge.regression.why.explained import Sides, explained
from tailgate_loadtest.judge.verdict import judge_bundle, lacking, raised
from tailgate_loadtest.measure.hlog import LatencyLog
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.comparison import Comparison
from tailgate_loadtest.run.document import RunDocument
from tailgate_loadtest.run.probe import read as read_probe
from tailgate_loadtest.run.recording import percentiles
from tailgate_loadtest.run.server import SCHEMA as SERVER_SCHEMA
from tailgate_loadtest.run.server import ServerCounters
from tailgate_loadtest.shapes.sides import SIDES, TURNS, Design, Side

Verdict = Literal["pass", "fail", "inconclusive", "interrupted"]
_BETWEEN = 30.0
"""Seconds from one look to the next: each takes some of what may be spent, and a second of a core."""
CYCLES = math.ceil(LEAST_PAIRS / TURNS)
"""The least number of cycles that can be judged."""
_CODES = {"pass": 0, "fail": 1, "inconclusive": 3}


def looks_of(design: Design, error_rate: float) -> Looks:
    """When a load of that design is looked at: once there are enough turns to say anything, then twice a minute."""
    first, every = design.warmup + CYCLES * design.cycle, design.cycle * math.ceil(_BETWEEN / design.cycle)
    return Looks(budget=design.seconds, first=first, every=every, alpha=error_rate)


def judge_pair(comparison: Comparison, terms: Terms) -> ComparisonDocument:
    """Judge a comparison whose bundles are written; entries that accept a regression hold until the day it was made.

    Raises:
        BundleError: a bundle is incomplete or damaged.
        SloError: the objectives that a bundle keeps are damaged.
    """
    bundles = {side: comparison.bundle(side) for side in SIDES}
    runs = {side: bundle.read_run() for side, bundle in bundles.items()}
    files = {side: objectives_kept(bundle, runs[side].plan.slo_digest) for side, bundle in bundles.items()}
    findings = {side: judge_bundle(bundle, files[Side.CANDIDATE]).objectives for side, bundle in bundles.items()}
    base, candidate = runs[Side.BASE], runs[Side.CANDIDATE]
    gates = {side: _gate(files[side], runs[side]) for side in SIDES}
    looks = looks_of(terms.design, terms.error_rate)
    logs = bundles[Side.BASE].read_log(), bundles[Side.CANDIDATE].read_log()
    leeway = Leeway.of(gates, base.began)
    tolerance = float(leeway.tolerance.relative)
    probes = (read_probe(comparison.probe(side)) for side in SIDES)
    exact = compare_exactly(*probes, fresh=terms.fresh, tolerance=tolerance)
    judgement, accepted = decision.decide(
        *logs,
        terms.design,
        looks,
        leeway,
        until=min(terms.until, *(run.seconds for run in runs.values())),
        exact=exact.findings,
        loosened=loosenings(files[Side.BASE], files[Side.CANDIDATE]),
    )
    accepted, untold = _explained(accepted, comparison)
    verdict, code, reasons = _conclude(runs, judgement, accepted, exact.reasons, terms)
    blind = unseen(judgement.cells, exact.asked, findings[Side.CANDIDATE])
    told = [*_missed(findings), *_told(base), *_told(candidate), *untold]
    warnings = [*judgement.warnings, *exact.remarks, *blind, *told]
    return ComparisonDocument(
        id=comparison.id,
        tool=version("tailgate-loadtest"),
        kind="ab",
        started=base.started,
        seconds=max(run.seconds for run in runs.values()),
        base=_record(Side.BASE, terms.sides[Side.BASE], bundles[Side.BASE]),
        candidate=_record(Side.CANDIDATE, terms.sides[Side.CANDIDATE], bundles[Side.CANDIDATE]),
        design=_design(terms.design),
        looks=_looks(judgement, looks),
        error_rate=terms.error_rate,
        confidence=judgement.look.confidence if judgement.look else 0.95,
        verdict=verdict,
        exit_code=code,
        reasons=tuple(reasons),
        aborted=candidate.aborted,
        gave_out=terms.gave_out,
        cells=accepted.cells,
        adoption=_adoption(gates[Side.BASE], logs, terms.design, judgement),
        exact=(*accepted.exact, *_under_load(bundles, tolerance)),
        loosened=accepted.loosened,
        objectives=findings[Side.CANDIDATE],
        accepts=accepted.entries,
        fresh=terms.fresh,
        on_inconclusive=terms.on_inconclusive,
        rates=terms.rates,
        unrated=terms.unrated,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _conclude(
    runs: Mapping[Side, RunDocument],
    judgement: Judgement,
    accepted: Accepted,
    unanswered: Sequence[str],
    terms: Terms,
) -> tuple[Verdict, int, list[str]]:
    """Interrupted; worse by what no load can disturb; no sound measurement; worse by it; undecided; not worse.

    Undecided by a sound measurement may be neutral, by the terms. That there is none never is, of not even one route.
    """
    base, candidate = runs[Side.BASE], runs[Side.CANDIDATE]
    if signal := base.interrupted or candidate.interrupted:
        return "interrupted", 143 if signal == "SIGTERM" else 130, [f"ended by {signal}"]
    # What was asked one by one, and what the files say, no load can disturb.
    worse = _counted_worse(accepted.exact)
    worse += [f"{each.objective} is loosened: {each.what}" for each in accepted.loosened if each.accepted is None]
    # Of one process there is one state of health.
    unsound = [*base.generator.reasons, *(f"{s}: {why}" for s, run in runs.items() for why in lacking(run))]
    gave_out = [candidate.aborted] if candidate.aborted else []
    if unsound and not worse:
        return "inconclusive", _CODES["inconclusive"], [*gave_out, *unsound]
    verdict, reasons = judgement.verdict, judgement.reasons
    of_candidate = gave_out if terms.gave_out == (Side.CANDIDATE,) else []
    if not unsound:
        worse += of_candidate
    if worse:
        return "fail", _CODES["fail"], [*worse, *unsound, *(reasons if verdict == "fail" and not unsound else ())]
    # A base that is out of order is nothing to be as good as; what a task was to do after it raised was never asked.
    doubts = [*gave_out, *unanswered, *(f"{side}: {why}" for side, run in runs.items() for why in raised(run))]
    if verdict == "fail" or (verdict == "pass" and not doubts):
        return verdict, _CODES[verdict], list(reasons)
    neutral = terms.on_inconclusive == "neutral" and not doubts and decision.answered(accepted.cells)
    code = 0 if neutral else _CODES["inconclusive"]
    return "inconclusive", code, [*doubts, *(reasons if verdict == "inconclusive" else ())]


def _under_load(bundles: Mapping[Side, Bundle], tolerance: float) -> list[ExactFinding]:
    """Queries per request of the whole load, which are only shown."""
    told = [
        ServerCounters.of(bundles[side].read_json("server.json", "tailgate/server/v", SERVER_SCHEMA)).queries()
        for side in SIDES
    ]
    return under_load(told[0], told[1], tolerance)


def _counted_worse(found: Iterable[ExactFinding]) -> list[str]:
    return [f"{each.route}: {each.why}" for each in found if each.worse and each.blocking and each.accepted is None]


def _explained(accepted: Accepted, comparison: Comparison) -> tuple[Accepted, list[str]]:
    """With the causes of what is worse, and a warning where they cannot be told; without them it is no less so."""

    def known() -> Sides:
        return evidence([comparison.bundle(Side.BASE)]), evidence([comparison.bundle(Side.CANDIDATE)])

    try:
        cells, exact = explained(accepted.cells, accepted.exact, known)
    except BundleError as error:
        return accepted, [f"why it is worse cannot be told: {error}"]
    return replace(accepted, cells=cells, exact=exact), []


def _adoption(gate: Gate, logs: tuple[LatencyLog, LatencyLog], design: Design, judgement: Judgement) -> Adoption | None:
    if gate.decision is None or judgement.look is None:
        return None
    look = judgement.look
    return adoption(gate.decision, *logs, design, until=look.at, confidence=look.confidence)


def _told(run: RunDocument) -> list[str]:
    """A side's warnings; that its load was ended by what it had shown is none: the looks tell."""
    return [warning for warning in run.warnings if warning != run.ended]


def _missed(findings: Mapping[Side, Sequence[Finding]]) -> list[str]:
    """Objectives that only the candidate misses; whether they stop the change is for a run of its own to say."""
    kept = {found.name for found in findings[Side.BASE] if found.verdict == "pass"}
    lost = [found.name for found in findings[Side.CANDIDATE] if found.verdict == "fail" and found.name in kept]
    if not lost:
        return []
    return [f"under this load the candidate misses objectives that the base keeps: {listed(lost)}"]


def _gate(objectives: Objectives | None, run: RunDocument) -> Gate:
    return objectives.gate(run.plan.profile or "closed") if objectives else Gate()


def _record(side: Side, asked: Asked, bundle: Bundle) -> SideRecord:
    return SideRecord(
        what=asked.what,
        revision=asked.revision,
        bundles=(side.value,),
        facts=dict(asked.facts),
        response=percentiles(bundle.read_log().whole(None, Kind.RESPONSE)),
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
