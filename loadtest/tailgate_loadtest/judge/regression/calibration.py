"""How often a gate errs here, measured: gates of two sides that are the same, and what each came to. In seconds.

Every gate loads for its whole budget, and what it would have said is replayed from its logs look by look, by the same
rule that ends a real one. So one load tells both when a verdict would have come, and what more minutes would have
shown. A verdict of worse is a false alarm, whether statistics or the probe found it.

How often that happens is a binomial share; its bounds are exact, each at 95 % (Clopper & Pearson, Biometrika 26, 1934).
They are wide: of n gates without an alarm one only knows that fewer than 1 - 0.05^(1/n) err, which are 13.9 % at 20
gates, and 1 % at 299.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Self

import numpy as np
from pydantic import Field, FiniteFloat, model_validator
from scipy.special import betaincinv
from tailgate_slo.model import Tolerance

from tailgate_loadtest.errors import ComparisonError
from tailgate_loadtest.judge.document import Outcome
from tailgate_loadtest.judge.regression.decision import MEASURES, Judgement, judge
from tailgate_loadtest.judge.regression.document import ComparisonDocument, Measure, Rates
from tailgate_loadtest.judge.regression.statistics.looks import Looks
from tailgate_loadtest.measure.hlog import LatencyLog
from tailgate_loadtest.run.document import Model
from tailgate_loadtest.shapes.sides import Design

SCHEMA: Literal["tailgate/calibration/v1"] = "tailgate/calibration/v1"
CONFIDENCE = 0.95
"""Of each bound."""
_REASONS = 20
_GIB = 2**30


class Machine(Model):
    """Where gates were made; cores are those that the command may use."""

    processor: str
    cores: int
    memory_bytes: int

    @property
    def memory(self) -> int:
        """In whole GiB: what a kernel keeps for itself differs from one start to the next."""
        return round(self.memory_bytes / _GIB)

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.processor or 'unknown processor'}, {self.cores} cores, {self.memory} GiB"


class File(Model):
    """A file that decides what is asked for, by its name and by what is in it."""

    name: str
    digest: str


class Setting(Model):
    """What gates must have in common: of others, their rates say nothing."""

    machine: Machine
    profile: File
    locustfile: File
    classes: tuple[str, ...]
    """User classes, where not all of the locustfile."""
    budget: FiniteFloat
    """The most seconds of load, warm-up included."""
    turn: int
    """Seconds for which a side is loaded alone."""
    relative: FiniteFloat
    """What is tolerated, as a fraction..."""
    absolute: FiniteFloat
    """... or in seconds, if that is more."""
    error_rate: FiniteFloat
    """What is promised."""
    db_rtt: FiniteFloat
    """Seconds of a round trip put between service and database."""
    tool: str
    """The version that judged."""

    def differences(self, other: "Setting") -> list[str]:
        """In which this is another than ``other``, in words."""
        found = [
            f"{what} {told(self)} instead of {told(other)}" for what, told in _TOLD.items() if told(self) != told(other)
        ]
        for what, mine, theirs in (
            ("profile", self.profile, other.profile),
            ("locustfile", self.locustfile, other.locustfile),
        ):
            if mine.name != theirs.name:
                found.append(f"{what} {mine.name} instead of {theirs.name}")
            elif mine != theirs:
                found.append(f"{what} {mine.name} as it was then")
        return found


_TOLD: Mapping[str, Callable[[Setting], str]] = {
    "processor": lambda each: each.machine.processor or "unknown",
    "cores": lambda each: f"{each.machine.cores}",
    "memory": lambda each: f"{each.machine.memory} GiB",
    "user classes": lambda each: ", ".join(each.classes) or "all",
    "budget": lambda each: f"{each.budget:g} s",
    "turns of": lambda each: f"{each.turn} s",
    "tolerance": lambda each: f"{each.relative:.4g} or {each.absolute * 1e3:.4g} ms",
    "error rate": lambda each: f"{each.error_rate:.4g}",
    "round trip to the database": lambda each: f"{each.db_rtt * 1e3:.4g} ms",
    "version": lambda each: each.tool,
}


class Seen(Model):
    """What one measure of one route would have shown in a gate."""

    route: str
    measure: Measure
    visible: tuple[FiniteFloat | None, ...]
    """At each look, the smallest change found nine times in ten, as a fraction of the base, or for failures in shares;
    None: no change would have been found."""


class GateRecord(Model):
    """One gate of two sides that are the same."""

    id: str
    started: str
    seed: int
    revision: str | None
    verdict: Outcome
    """Fail is a false alarm."""
    at: FiniteFloat | None
    """Seconds of load after which pass or fail would have been said; None: until the end it would not."""
    reasons: tuple[str, ...]
    """Why it was not a pass."""
    looks: tuple[FiniteFloat, ...]
    """Seconds of load, warm-up included, at which it was looked at."""
    seen: tuple[Seen, ...]
    """Of what can stop a change."""
    aborted: str | None = None
    """Which side gave out under the load, so that it was ended, and how."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if any(len(each.visible) != len(self.looks) for each in self.seen):
            raise ValueError(f"gate {self.id}: has not as many visible changes as looks")
        return self


class Calibration(Model):
    """Gates of one setting, the oldest first."""

    setting: Setting
    side: str
    """What was compared with itself; never a secret."""
    gates: tuple[GateRecord, ...]

    @property
    def judged(self) -> list[GateRecord]:
        """The gates that were verdicts on two sides that are the same: both lasted for the whole load."""
        return [gate for gate in self.gates if gate.aborted is None]

    @property
    def aborted(self) -> list[GateRecord]:
        """The others: what gives out on one side and not on the other is not the same, and says nothing of verdicts."""
        return [gate for gate in self.gates if gate.aborted is not None]


class CalibrationsDocument(Model):
    """The whole of calibration.json: a calibration for each setting, the latest continued last."""

    schema_: Literal["tailgate/calibration/v1"] = Field(default=SCHEMA, alias="schema")
    calibrations: tuple[Calibration, ...] = ()


def replay(
    base: LatencyLog, candidate: LatencyLog, design: Design, looks: Looks, tolerance: Tolerance, *, until: float
) -> list[Judgement]:
    """What each look that was due by ``until`` seconds comes to, whether or not an earlier one had decided."""
    return [
        judge(base, candidate, design, looks, tolerance, until=look.at) for look in looks.moments if look.at <= until
    ]


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
            for (route, measure), values in sorted(visible.items(), key=lambda item: _order(*item[0]))
        ),
    )


def bounds(times: int, of: int) -> tuple[float, float]:
    """The bounds of a rate that was met so many times of ``of``."""
    low = float(betaincinv(times, of - times + 1, 1 - CONFIDENCE)) if times else 0.0
    high = float(betaincinv(times + 1, of - times, CONFIDENCE)) if times < of else 1.0
    return low, high


def showing(rate: float, alarms: int = 0) -> int:
    """How many gates with so many alarms, and no more, would show that fewer than ``rate`` err."""
    few, many = alarms, alarms + 1
    while bounds(alarms, many)[1] >= rate:
        few, many = many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (middle, many) if bounds(alarms, middle)[1] >= rate else (few, middle)
    return many


def rates(calibration: Calibration) -> Rates | None:
    """What every later verdict repeats; None of no gate that both sides lasted for."""
    gates = calibration.judged
    if not gates:
        return None
    alarms = alarms_of(calibration)
    low, high = bounds(len(alarms), len(gates))
    return Rates(
        gates=len(gates),
        false_alarms=len(alarms),
        false_alarms_low=low,
        false_alarms_high=high,
        inconclusive=sum(gate.verdict == "inconclusive" for gate in gates),
        seconds=calibration.setting.budget,
        measured=max(gate.started for gate in gates),
        machine=calibration.setting.machine.name,
    )


def alarms_of(calibration: Calibration) -> list[GateRecord]:
    """The gates that called one of two equal sides worse."""
    return [gate for gate in calibration.judged if gate.verdict == "fail"]


class Least(Model):
    """The smallest visible change of one measure of one route, against the time spent."""

    route: str
    measure: Measure
    points: tuple[tuple[float, float | None], ...]
    """Seconds of load and, as the median over the gates, the change as in ``Seen``."""


def least(calibration: Calibration) -> list[Least]:
    """Of every measure that could stop a change in any gate; a gate in which none was visible counts as the worst."""
    found: dict[tuple[str, Measure], dict[float, list[float]]] = {}
    for gate in calibration.judged:
        for seen in gate.seen:
            at = found.setdefault((seen.route, seen.measure), {})
            for time, value in zip(gate.looks, seen.visible, strict=True):
                at.setdefault(time, []).append(math.inf if value is None else value)
    return [
        Least(
            route=route,
            measure=measure,
            points=tuple((time, _finite(float(np.median(values)))) for time, values in sorted(at.items())),
        )
        for (route, measure), at in sorted(found.items(), key=lambda item: _order(*item[0]))
    ]


def progress(calibration: Calibration) -> list[tuple[float, float]]:
    """Seconds of load, each with the share of gates that had said pass or fail by then."""
    gates = calibration.judged
    times = sorted({time for gate in gates for time in gate.looks})
    said = [gate.at for gate in gates if gate.at is not None]
    return [(time, sum(at <= time for at in said) / len(gates)) for time in times]


def _outcome(document: ComparisonDocument) -> Outcome:
    if document.verdict == "interrupted":
        raise ComparisonError(f"{document.id}: was interrupted, and tells nothing")
    return document.verdict


def _order(route: str, measure: Measure) -> tuple[str, int]:
    return route, MEASURES.index(measure)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
