"""What the findings come to: one verdict, one exit code, one score."""

from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from tailgate_slo import SLO, Gate, Objectives

from tailgate_loadtest.judge.document import SCHEMA, Finding, Outcome, StepFinding, Verdict, VerdictDocument
from tailgate_loadtest.judge.felt import Felt, judge_felt
from tailgate_loadtest.judge.kept import check_log
from tailgate_loadtest.judge.objective import Evidence, judge
from tailgate_loadtest.judge.statistics import CONFIDENCE
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import RunDocument
from tailgate_loadtest.run.server import SCHEMA as SERVER_SCHEMA
from tailgate_loadtest.run.server import ServerCounters

PASS, FAIL, INCONCLUSIVE = 0, 1, 3


def judge_bundle(bundle: Bundle, objectives: Objectives | None) -> VerdictDocument:
    """Judge a bundle, and write its verdict.json.

    Without objectives nothing is judged; as under Locust, a failed request or a task that raises fails the run.

    Raises:
        BundleError: the bundle is incomplete or damaged.
    """
    run = bundle.read_run()
    gate = objectives.gate(run.plan.profile or "closed") if objectives else Gate()
    slos = objectives.slos if objectives else ()
    server = ServerCounters.of(bundle.read_json("server.json", "tailgate/server/v", SERVER_SCHEMA))
    log = bundle.read_log()
    check_log(bundle, run, log)
    felt = judge_felt(bundle, run, objectives)

    def findings(start: float, end: float) -> list[Finding]:
        evidence = Evidence(
            log=log,
            queries=server.queries(),
            queries_missing=_why_no_queries(server),
            start=start,
            end=end,
        )
        judged = (felt.findings.get(slo.name) or judge(slo, gate, evidence) for slo in slos)
        return [found for found in judged if found is not None]

    steps: list[StepFinding] = []
    held: float | None = None
    if run.plan.steps and objectives:
        found, steps, held = _climb(run, findings)
    else:
        # An arrival near the end has its later requests due past it: they belong to the load, too.
        found = findings(run.measured_from, run.seconds)
    verdict, code, reasons = _conclude(run, found, felt, judged=objectives is not None)
    document = VerdictDocument(
        run=run.id,
        tool=version("tailgate-loadtest"),
        verdict=verdict,
        exit_code=code,
        reasons=tuple(reasons),
        score=_score(found),
        objectives=tuple(found),
        skipped=tuple(slo.name for slo in slos if _is_skipped(slo, felt)),
        steps=tuple(steps),
        rate_held=held,
        confidence=CONFIDENCE,
        slo=_name(run, objectives),
        slo_digest=objectives.digest if objectives else None,
    )
    bundle.write_model("verdict.json", document)
    return document


def _is_skipped(slo: SLO, felt: Felt) -> bool:
    """Whether the run could not answer it: no run can, or no browser visited its page."""
    return slo.measure is None or (slo.measure.kind == "vital" and slo.name not in felt.findings)


def read_verdict(bundle: Bundle) -> VerdictDocument:
    """The verdict that stands in a bundle. Raises BundleError when there is none, or a damaged one."""
    return bundle.read_model("verdict.json", "tailgate/verdict/v", SCHEMA, VerdictDocument, cure="judge it again")


def _climb(
    run: RunDocument, findings: Callable[[float, float], list[Finding]]
) -> tuple[list[Finding], list[StepFinding], float | None]:
    """Judge each step by itself; the run's findings are those of the highest step that held, else of the first."""
    start, steps = run.measured_from, []
    best: list[Finding] | None = None
    first: list[Finding] = []
    held: float | None = None
    for stage in run.plan.stages:
        end = min(start + stage.duration, run.measured_to)
        if end - start < stage.duration / 2:
            break
        # What the last arrivals still asked for while the load drained is theirs.
        found = findings(start, run.seconds if stage is run.plan.stages[-1] else end)
        first = first or found
        missed = [f for f in found if f.verdict == "fail"]
        undecided = [f for f in found if f.verdict == "inconclusive"]
        outcome: Outcome = "fail" if missed else "inconclusive" if undecided else "pass"
        why = ", ".join(f.display_name for f in missed or undecided) or "every objective held"
        steps.append(StepFinding(rate=stage.end, verdict=outcome, why=why))
        if missed:
            break
        if not undecided:
            best, held = found, stage.end
        start = end
    return best if best is not None else first, steps, held


def _conclude(
    run: RunDocument, found: Sequence[Finding], felt: Felt, *, judged: bool
) -> tuple[Verdict, int, list[str]]:
    """In the order of the exit codes: interrupted, aborted, no sound measurement, missed, undecided, kept."""
    if run.interrupted:
        return "interrupted", 143 if run.interrupted == "SIGTERM" else 130, [f"ended by {run.interrupted}"]
    missed = _reasons(found, "fail")
    if run.aborted and not run.generator.reasons:
        # What was not measured, then, the service is to blame for.
        return "fail", FAIL, [run.aborted, *missed]
    missing = [f"{f.name}: {f.why}" for f in found if f.missing]
    if unsound := [*run.generator.reasons, *lacking(run), *felt.unsound, *missing]:
        return "inconclusive", INCONCLUSIVE, unsound
    if not any(route.requests for route in run.routes):
        return "inconclusive", INCONCLUSIVE, ["no request was measured"]
    if not judged:
        return _without_objectives(run, felt)
    if missed:
        return "fail", FAIL, missed
    if undecided := _reasons(found, "inconclusive"):
        return "inconclusive", INCONCLUSIVE, undecided
    if not found:
        return "inconclusive", INCONCLUSIVE, ["the objectives file has no objective that a run can answer"]
    if exceptions := raised(run):
        # What a task was to do after it raised was never asked: the counts are kept, but not whole.
        return "inconclusive", INCONCLUSIVE, exceptions
    return "pass", PASS, [f"all {len(found)} objectives are kept"]


def _without_objectives(run: RunDocument, felt: Felt) -> tuple[Verdict, int, list[str]]:
    failed = sum(route.failed + route.censored for route in run.routes)
    bad = [f"{failed} of {sum(route.requests for route in run.routes)} requests failed"] if failed else []
    visits = [f"{felt.failed} of {felt.visits} visits failed"] if felt.failed else []
    if bad := [*bad, *raised(run), *visits]:
        return "fail", FAIL, [f"{each}; no objectives were given to judge by" for each in bad]
    return "unjudged", PASS, ["no objectives were given to judge by, and no request failed"]


def _name(run: RunDocument, objectives: Objectives | None) -> str | None:
    """The objectives' file name; the bundle's copy goes by the name that the original had."""
    if objectives is None or objectives.digest == run.plan.slo_digest:
        return run.plan.slo if objectives else None
    return Path(objectives.file).name


def _reasons(found: Sequence[Finding], verdict: Outcome) -> list[str]:
    return [_reason(finding) for finding in found if finding.verdict == verdict]


def _reason(finding: Finding) -> str:
    """The objective by name, its percentile and the interval of that where it has one, and why."""
    if finding.unit != "seconds" or finding.number is None:
        return f"{finding.name}: {finding.why}"
    number = ("at least " if finding.at_least else "") + _milliseconds(finding.number)
    if finding.low is not None:
        number += f" [{_milliseconds(finding.low)}, {_milliseconds(finding.high)}]"
    return f"{finding.name}: p{100 * finding.target:g} is {number}; {finding.why}"


def _milliseconds(seconds: float | None) -> str:
    return "open" if seconds is None else f"{seconds * 1e3:.{0 if seconds >= 0.1 else 1}f} ms"


def lacking(run: RunDocument) -> list[str]:
    """What is missing in every count of a run, in words."""
    if not run.arrivals.uncharged:
        return []
    return [f"{run.arrivals.uncharged} of {run.arrivals.arrived} arrivals never came to a request; see the warnings"]


def raised(run: RunDocument) -> list[str]:
    """What the locustfile's tasks raised, in words."""
    return [f"tasks of the locustfile raised {name} {count} times" for name, count in run.exceptions.items()]


def _score(found: Sequence[Finding]) -> float | None:
    """Weighted mean over the objectives of min(1, good share / target), times 100; unmeasured ones count 0."""
    weight = sum(f.weight for f in found)
    if not weight:
        return None
    reached = sum(f.weight * min(1.0, (1 - f.bad_share) / f.target) for f in found if f.bad_share is not None)
    return round(100 * reached / weight, 1)


def _why_no_queries(server: ServerCounters) -> str:
    if server.state == "lost":
        return "the service's counters could not be read at the end; it may have died"
    if server.state == "absent":
        return "the service's counters are not known; give its metrics page by --metrics"
    return "the service counts no queries per request"
