"""What the gate, as users have it, says of a recorded load: look after look, until it is decided."""

from collections.abc import Collection
from dataclasses import dataclass

from tailgate_loadtest.judge.document import Outcome
from tailgate_loadtest.judge.regression.decision import judge
from tailgate_loadtest.judge.regression.together import looks_of
from tailgate_slo.model import Tolerance

from benchmarks.gate.real import Gate

ERROR_RATE = 0.01


@dataclass(frozen=True, kw_only=True)
class Said:
    """One gate's verdict."""

    verdict: Outcome
    at: float
    """Seconds of load after which it was decided, or all."""
    worse: Collection[str]
    """The routes that are called worse."""


def said_of(gate: Gate, tolerance: Tolerance) -> Said:
    """The verdict of the first look that decides, or of the last."""
    looks = looks_of(gate.design, ERROR_RATE)
    for look in looks.moments:
        found = judge(gate.base, gate.candidate, gate.design, looks, tolerance, until=look.at)
        if found.verdict != "inconclusive" or look == looks.moments[-1]:
            break
    worse = {cell.route for cell in found.cells if cell.blocking and cell.verdict == "fail"}
    return Said(verdict=found.verdict, at=look.at - gate.design.warmup, worse=worse)
