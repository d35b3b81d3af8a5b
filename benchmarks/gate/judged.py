"""What the gate, as users have it, says of a recorded load: look after look, until it is decided."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tailgate_loadtest.judge.document import Outcome
from tailgate_loadtest.judge.regression.decision import Place, judge
from tailgate_loadtest.judge.regression.measured import QUANTILES
from tailgate_loadtest.judge.regression.statistics.pairs import cut
from tailgate_loadtest.judge.regression.together import looks_of
from tailgate_slo.model import Tolerance

from benchmarks.gate.cycles import Windows
from benchmarks.gate.real import Gate
from benchmarks.rivals import RIVALS

ERROR_RATE = 0.01


@dataclass(frozen=True, kw_only=True)
class Said:
    """One gate's verdict."""

    verdict: Outcome
    at: float
    """Seconds of load after which it was decided, or all."""
    worse: frozenset[Place]
    """What is called worse."""
    elsewhere: frozenset[str]
    """What else would have called any of the percentiles worse that can stop the change."""

    @property
    def routes(self) -> frozenset[str]:
        """Those that are called worse."""
        return frozenset(route for route, _ in self.worse)


Judged = Sequence[tuple[str, Said]]
"""Gates, each with the route that is worse of its candidate; none is the empty one."""


def said_of(gate: Gate, tolerance: Tolerance) -> Said:
    """The verdict of the first look that decides, or of the last."""
    looks = looks_of(gate.design, ERROR_RATE)
    for look in looks.moments:
        found = judge(gate.base, gate.candidate, gate.design, looks, tolerance, until=look.at)
        if found.verdict != "inconclusive":
            break
    stopping = [cell for cell in found.cells if cell.blocking]
    windows = {
        route: cut(gate.base, gate.candidate, route, gate.design, gate.design.seconds)
        for route in {cell.route for cell in stopping}
    }
    return Said(
        verdict=found.verdict,
        at=look.at - gate.design.warmup,
        worse=frozenset((cell.route, cell.measure) for cell in stopping if cell.verdict == "fail"),
        elsewhere=elsewhere(((cell.route, cell.measure) for cell in stopping), windows),
    )


def elsewhere(asked: Iterable[Place], windows: Windows) -> frozenset[str]:
    """The rivals that call any of these percentiles worse, by all turns in the windows; of failures none is asked."""
    turns = [(windows[route].turns.latency, QUANTILES[measure]) for route, measure in asked if measure in QUANTILES]
    return frozenset(name for name, rival in RIVALS.items() if any(rival(each, q) for each, q in turns))
