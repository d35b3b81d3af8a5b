"""calibration.json: gates of two sides that are the same, by the setting in which they were made. In seconds."""

from collections.abc import Callable, Mapping
from typing import Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from tailgate_loadtest.judge.document import Outcome
from tailgate_loadtest.judge.regression.decision import MEASURES
from tailgate_loadtest.judge.regression.document import Measure
from tailgate_loadtest.run.document import Model

SCHEMA: Literal["tailgate/calibration/v1"] = "tailgate/calibration/v1"
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


def order(route: str, measure: Measure) -> tuple[str, int]:
    """What cells are sorted by: their routes, and of each its measures as ever."""
    return route, MEASURES.index(measure)
