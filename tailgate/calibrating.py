"""Gates of one thing against itself, one after the other, and what they tell, kept for the verdicts to come."""

import json
from dataclasses import asdict, replace
from enum import StrEnum
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import tailgate_slo
from tailgate_loadtest.data import locustfile as reference_locustfile
from tailgate_loadtest.errors import BundleError
from tailgate_loadtest.judge.regression.calibration.rates import rates
from tailgate_loadtest.judge.regression.calibration.records import (
    SCHEMA,
    Calibration,
    CalibrationsDocument,
    File,
    GateRecord,
    Machine,
    Setting,
)
from tailgate_loadtest.judge.regression.calibration.replayed import decided, gate_record, replay
from tailgate_loadtest.judge.regression.document import ComparisonDocument
from tailgate_loadtest.judge.regression.stored import write_document
from tailgate_loadtest.judge.regression.terms.asked import Terms
from tailgate_loadtest.judge.regression.terms.leeway import Leeway
from tailgate_loadtest.judge.regression.together import judge_pair, looks_of
from tailgate_loadtest.report import show
from tailgate_loadtest.report.calibration import words
from tailgate_loadtest.report.regression.write import write as write_report
from tailgate_loadtest.run import environment
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.comparison import Comparison
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.shapes.sides import SIDES, Side
from tailgate_slo import Gate, Objectives

from tailgate.comparing import Request, compare
from tailgate.console import say
from tailgate.errors import CommandError
from tailgate.sides.opening import COMMAND, WORKING_TREE

CALIBRATION = Path(".tailgate/calibration.json")
_OPTIONS = dict.fromkeys(SIDES, "--side")
_SHORT = 12
_LARGE = ("traces.jsonl", "server.json")
"""Of a bundle, what the rates do not need."""


class Keep(StrEnum):
    """What is left on disk of a gate, beside its numbers; of a false alarm everything is."""

    LOGS = "logs"
    """What its numbers were made of, and what they came to."""
    NONE = "none"


def calibrate(request: Request, path: Path, gates: int, keep: Keep) -> tuple[Calibration, int]:
    """Make gates until there are so many of this setting, each kept as soon as it is over.

    Returns what there is then, and the exit code: 0, or that of a signal, after which the next call goes on.

    Raises:
        CommandError, LoadtestError, ServiceError, SloError: a gate cannot be made, or not be kept.
    """
    setting, side = setting_of(request), side_of(request.candidate)
    _prepare(path)
    calibration = _find(read(path), setting, side)
    _announce(request, len(calibration.gates), gates)
    while (made := len(calibration.gates)) < gates:
        say(f"gate {made + 1} of {gates}")
        asked = replace(request, stops=False, options=_OPTIONS, seed=request.seed + made, out=path.with_suffix(""))
        # Each gate listens anew: what ends one before its load has begun must not go on to the next.
        with Interruption() as interruption:
            try:
                comparison, document = compare(asked, interruption)
            except KeyboardInterrupt:
                return calibration, interruption.exit_code
            if document.verdict == "interrupted":
                comparison.discard()
                return calibration, interruption.exit_code
            gate, document = _judged(asked, comparison, document)
            calibration = _add(path, setting, side, gate)
            _tidy(comparison, document, keep)
            say(f"gate {made + 1} of {gates}: {show.one_line(_said(gate))}")
            if interruption.name:
                return calibration, interruption.exit_code
    return calibration, 0


def with_rates(request: Request, path: Path) -> Request:
    """The request, with what is known of such gates on this machine, or why nothing is, though there are others."""
    try:
        stored = [each for each in read(path).calibrations if each.judged]
    except BundleError as error:
        # That a verdict's rates are not known is no reason to have no verdict.
        return replace(request, unrated=str(error))
    if not stored:
        return request
    setting, side = setting_of(request), side_of(request.candidate)
    # Of those that are as near, that of the same side, then the latest.
    differing = [(each.setting.differences(setting), each.side != side, each) for each in reversed(stored)]
    differences, _, nearest = min(differing, key=lambda found: (len(found[0]), found[1]))
    if not differences:
        return replace(request, rates=rates(nearest))
    return replace(request, unrated=f"`tailgate calibrate` was run with {', '.join(differences)}")


def setting_of(request: Request) -> Setting:
    """What other gates must have in common with this one."""
    facts = environment.facts()
    locustfile = request.locustfile or reference_locustfile()
    tolerance = _gate(request.objectives, request.profile.name).tolerance
    profile = json.dumps(asdict(request.profile), sort_keys=True)
    return Setting(
        machine=Machine(
            processor=str(facts["processor"] or ""),
            cores=int(facts["cores"] or 0),
            memory_bytes=int(facts["memory_bytes"] or 0),
        ),
        profile=File(name=request.profile.name, digest=_digest(profile.encode())),
        locustfile=File(name=locustfile.name, digest=_digest(locustfile.read_bytes())),
        classes=request.classes,
        budget=request.budget,
        turn=request.turn,
        relative=float(tolerance.relative),
        absolute=float(tolerance.absolute),
        error_rate=request.error_rate,
        db_rtt=request.db_rtt,
        tool=version("tailgate-loadtest"),
    )


def side_of(what: str | None) -> str:
    """A side by a name that can be kept; a command may hold secrets."""
    if what is None or what == WORKING_TREE:
        return "working tree"
    return f"{COMMAND}{_digest(what.encode())}" if what.startswith(COMMAND) else what


def read(path: Path) -> CalibrationsDocument:
    """What is kept; nothing where there is no such file.

    Raises:
        BundleError: it is damaged, or of a newer schema.
    """
    if not path.exists():
        return CalibrationsDocument()
    return Bundle(path.parent).read_model(
        path.name,
        "tailgate/calibration/v",
        SCHEMA,
        CalibrationsDocument,
        cure="move the file away to begin again",
    )


def _prepare(path: Path) -> None:
    """What cannot be written is known before the first gate, not after it."""
    if path.suffix != ".json":
        raise CommandError(f"--calibration {path}: give a name that ends with .json; pictures and gates go beside it")
    path.parent.mkdir(parents=True, exist_ok=True)
    ignored = path.parent / ".gitignore"
    # What lies in the working tree is part of it, and each gate would build its sides anew.
    if path.parent == CALIBRATION.parent and not ignored.exists():
        ignored.write_text("*\n", encoding="ascii")
    Bundle(path.parent).write_model(path.name, read(path))


def _find(document: CalibrationsDocument, setting: Setting, side: str) -> Calibration:
    for each in document.calibrations:
        if each.side == side and not each.setting.differences(setting):
            return each
    return Calibration(setting=setting, side=side, gates=())


def _add(path: Path, setting: Setting, side: str, gate: GateRecord) -> Calibration:
    """Keep a gate with those that are there by now."""
    document = read(path)
    before = _find(document, setting, side)
    grown = before.model_copy(update={"gates": (*before.gates, gate)})
    others = tuple(each for each in document.calibrations if each is not before)
    made = CalibrationsDocument(calibrations=(*others, grown))
    Bundle(path.parent).write_model(path.name, made)
    return grown


def _judged(
    request: Request, comparison: Comparison, document: ComparisonDocument
) -> tuple[GateRecord, ComparisonDocument]:
    """The gate as it would have been, had it ended as soon as it was decided; as it is, where a side gave out."""
    bundles = {side: comparison.bundle(side) for side in SIDES}
    runs = {side: bundle.read_run() for side, bundle in bundles.items()}
    files = {
        side: tailgate_slo.load(bundle.objectives) if bundle.objectives.exists() else None
        for side, bundle in bundles.items()
    }
    gates = {side: _gate(file, request.profile.name) for side, file in files.items()}
    judgements = replay(
        bundles[Side.BASE].read_log(),
        bundles[Side.CANDIDATE].read_log(),
        request.design,
        looks_of(request.design, request.error_rate),
        Leeway.of(gates, runs[Side.BASE].began),
        until=min(run.seconds for run in runs.values()),
    )
    if document.aborted is None and (at := decided(judgements)) is not None:
        document = judge_pair(comparison, replace(Terms.of(document), until=at))
    return gate_record(document, judgements, request.seed), document


def _gate(objectives: Objectives | None, profile: str) -> Gate:
    return objectives.gate(profile) if objectives else Gate()


def _tidy(comparison: Comparison, document: ComparisonDocument, keep: Keep) -> None:
    if document.verdict == "fail" or document.aborted:
        # Somebody will want to know why.
        write_document(comparison.directory, document)
        write_report(comparison.directory.path, document)
    elif keep is Keep.NONE:
        comparison.discard()
    else:
        write_document(comparison.directory, document)
        for side in SIDES:
            for name in _LARGE:
                (comparison.bundle(side).path / name).unlink(missing_ok=True)


def _announce(request: Request, made: int, gates: int) -> None:
    if made:
        say(f"{made} {'gate is' if made == 1 else 'gates are'} there already, of {gates}")
    if left := gates - made if gates > made else 0:
        seconds = show.plain(show.span(left * request.design.seconds))
        say(f"{left} to make, more than {seconds} of load; what is interrupted goes on with the next gate")


def _said(gate: GateRecord) -> str:
    when = f" after {gate.at:.0f} s" if gate.at is not None else ""
    why = f": {words.why(gate)}" if words.why(gate) else ""
    return f"{words.outcome(gate)}{when}{why}"


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()[:_SHORT]
