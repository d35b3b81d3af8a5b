"""What the gate, as users have it, says of a recorded load: look after look, until it is decided."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from tailgate_loadtest.judge.document import Outcome
from tailgate_loadtest.judge.regression.decision import judge
from tailgate_loadtest.judge.regression.measured import QUANTILES
from tailgate_loadtest.judge.regression.statistics.pairs import cut
from tailgate_loadtest.judge.regression.together import looks_of
from tailgate_slo.model import Tolerance

from benchmarks.gate.real import Gate
from benchmarks.rivals import RIVALS

ERROR_RATE = 0.01


@dataclass(frozen=True, kw_only=True)
class Said:
    """One gate's verdict."""

    verdict: Outcome
    at: float
    """Seconds of load after which it was decided, or all."""
    worse: Collection[str]
    """The routes that are called worse."""
    elsewhere: Collection[str]
    """What else would have called any of the routes worse, by the same turns."""


def said_of(gate: Gate, tolerance: Tolerance) -> Said:
    """The verdict of the first look that decides, or of the last."""
    looks = looks_of(gate.design, ERROR_RATE)
    for look in looks.moments:
        found = judge(gate.base, gate.candidate, gate.design, looks, tolerance, until=look.at)
        if found.verdict != "inconclusive" or look == looks.moments[-1]:
            break
    stopping = [cell for cell in found.cells if cell.blocking]
    worse = {cell.route for cell in stopping if cell.verdict == "fail"}
    blocking = [
        (cell.route, QUANTILES[cell.measure]) for cell in found.cells if cell.blocking and cell.measure in QUANTILES
    ]
    at = look.at - gate.design.warmup
    return Said(verdict=found.verdict, at=at, worse=worse, elsewhere=elsewhere(gate, blocking))


def elsewhere(gate: Gate, cells: Iterable[tuple[str, float]]) -> frozenset[str]:
    """The rivals that call any of these routes worse, by its turns over all of the load."""
    found = set()
    for route, q in cells:
        turns = cut(gate.base, gate.candidate, route, gate.design, gate.design.seconds).turns.latency
        found |= {name for name, rival in RIVALS.items() if name not in found and rival(turns, q)}
    return frozenset(found)
