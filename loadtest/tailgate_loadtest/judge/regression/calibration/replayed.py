"""A gate as it is kept: what each look at its load comes to, and what it would have said when.

Every gate loads for its whole budget, and what it would have said is replayed from its logs look by look, by the same
rule that ends a real one. So one load tells both when a verdict would have come, and what more minutes would have
shown.
"""

from collections.abc import Sequence

from tailgate_loadtest.errors import ComparisonError
from tailgate_loadtest.judge.document import Outcome
from tailgate_loadtest.judge.regression.calibration.records import GateRecord, Seen, order
from tailgate_loadtest.judge.regression.decision import Judgement, decide
from tailgate_loadtest.judge.regression.document import ComparisonDocument, Measure
from tailgate_loadtest.judge.regression.statistics.looks import Looks
from tailgate_loadtest.judge.regression.terms.leeway import Leeway
from tailgate_loadtest.measure.hlog import LatencyLog
from tailgate_loadtest.shapes.sides import Design

_REASONS = 20


def replay(
    base: LatencyLog, candidate: LatencyLog, design: Design, looks: Looks, leeway: Leeway, *, until: float
) -> list[Judgement]:
    """What each look that was due by ``until`` seconds comes to, whether or not an earlier one had decided."""
    due = [look.at for look in looks.moments if look.at <= until]
    return [decide(base, candidate, design, looks, leeway, until=at)[0] for at in due]


def decided(judgements: Sequence[Judgement]) -> float | None:
    """Seconds of load after which the first look has decided; None: none has."""
    return next((each.look.at for each in judgements if each.look and each.verdict != "inconclusive"), None)


def gate_record(document: ComparisonDocument, judgements: Sequence[Judgement], seed: int) -> GateRecord:
    """A gate, of the document that it would have written and what each look came to."""
    known = [each for each in judgements if each.look is not None]
    visible: dict[tuple[str, Measure], dict[float, float | None]] = {}
    for each in known:
        for cell in each.cells:
            if cell.blocking and each.look is not None:
                none = 0.0 if cell.measure == "failures" else 1.0
                value = None if cell.visible is None else cell.visible - none
                visible.setdefault((cell.route, cell.measure), {})[each.look.at] = value
    times = tuple(each.look.at for each in known if each.look is not None)
    verdict, at = _outcome(document), decided(judgements)
    if verdict == "inconclusive" or document.aborted:
        at = None  # though statistics may have decided, the whole has not
    elif at is None:
        at = times[-1] if times else None  # what the probe found is said at the end
    return GateRecord(
        id=document.id,
        started=document.started,
        seed=seed,
        revision=document.candidate.revision,
        verdict=verdict,
        at=at,
        reasons=document.reasons[:_REASONS] if document.verdict != "pass" else (),
        looks=times,
        aborted=document.aborted,
        seen=tuple(
            Seen(route=route, measure=measure, visible=tuple(values.get(time) for time in times))
            for (route, measure), values in sorted(visible.items(), key=lambda item: order(*item[0]))
        ),
    )


def _outcome(document: ComparisonDocument) -> Outcome:
    if document.verdict == "interrupted":
        raise ComparisonError(f"{document.id}: was interrupted, and tells nothing")
    return document.verdict
