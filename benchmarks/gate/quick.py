"""The same verdict of windows that are cut already, several times as quick, for gates by the thousand.

Nearly all of the time goes into how large differences are. Which tests reject is known without that, and so is which
cells can stop the change; what is sized are those of which the test rejects, and of the others one after the other
until one does not pass.
"""

from collections.abc import Iterator

from tailgate_loadtest.judge.document import Outcome
from tailgate_loadtest.judge.regression import cells
from tailgate_loadtest.judge.regression.cells import SUSPECT
from tailgate_loadtest.judge.regression.decision import Place, adjusted
from tailgate_loadtest.judge.regression.document import Cell, Measure
from tailgate_loadtest.judge.regression.measured import QUANTILES, gather, needed
from tailgate_loadtest.judge.regression.statistics import flips
from tailgate_loadtest.judge.regression.statistics.looks import Look
from tailgate_loadtest.judge.regression.together import looks_of
from tailgate_loadtest.shapes.sides import Design
from tailgate_slo.model import Tolerance

from benchmarks.gate.cycles import Windows, some
from benchmarks.gate.judged import ERROR_RATE, Said, elsewhere

_UNSURE: tuple[Measure, ...] = ("p99", "p95", "p50", "failures")
"""What rather keeps a gate undecided, first."""


def said_of_windows(windows: Windows, design: Design, tolerance: Tolerance) -> Said:
    """What ``judged.said_of`` says of a load of nothing but whole cycles, of which these are all windows."""
    count = (design.seconds - design.warmup) // design.cycle
    doubt: Place | None = None
    for look in looks_of(design, ERROR_RATE).moments:
        seconds = look.at - design.warmup
        over = int(seconds // design.cycle)
        so_far = {route: some(each, 0, over, count) for route, each in windows.items()}
        found = _Found(so_far, look, tolerance, count / over, seconds)
        worse = frozenset(place for place in found.rejected if found.cell(place).verdict == "fail")
        doubt = None if worse else found.doubt(doubt)
        verdict: Outcome = "fail" if worse else "inconclusive" if doubt or not found.stopping else "pass"
        if verdict != "inconclusive":
            break
    return Said(verdict=verdict, at=seconds, worse=worse, elsewhere=elsewhere(found.stopping, windows))


class _Found:
    """What a look finds, by the rules of ``decision.judge``."""

    def __init__(self, windows: Windows, look: Look, tolerance: Tolerance, more: float, seconds: float) -> None:
        self._windows = windows
        self._look = look
        self._tolerance = tolerance
        self._more = more
        self._seconds = seconds
        self._cells: dict[Place, Cell] = {}
        p: dict[Place, float] = {}
        planned: set[Place] = set()
        for place, each, blocking in self._tests():
            p[place] = each
            if blocking:
                planned.add(place)
        self._adjusted = adjusted(p, planned)
        self.rejected = [place for place, each in self._adjusted.items() if each <= look.alpha]
        """Those of which the test rejects; nothing else fails."""
        suspect = {place for place, each in self._adjusted.items() if each <= SUSPECT} - planned
        self.stopping = frozenset({*planned, *(place for place in suspect if self.cell(place).blocking)})
        """Those of which a pass is asked, or that fail."""

    def cell(self, place: Place) -> Cell:
        """One of them, whole."""
        if place not in self._cells:
            route, measure = place
            evidence = gather(route, measure, self._windows[route], self._tolerance, self._more)
            # The level says what would have been visible, and that is not asked.
            p, level = self._adjusted[place], self._look.alpha
            self._cells[place] = cells.judge(evidence, self._look, p, level, self._seconds)
        return self._cells[place]

    def doubt(self, before: Place | None) -> Place | None:
        """A cell that does not pass, of those that must; most often it is that of the look before."""
        for place in sorted(self.stopping, key=lambda place: (place != before, _UNSURE.index(place[1]), place)):
            if self.cell(place).verdict != "pass":
                return place
        return None

    def _tests(self) -> Iterator[tuple[Place, float, bool]]:
        """Every cell with its p, and whether so many requests are planned that a pass is asked of it."""
        for route, each in self._windows.items():
            failures = gather(route, "failures", each, self._tolerance, self._more)
            yield (route, "failures"), failures.p, failures.blocking
            for measure, q in QUANTILES.items():
                p = flips.worse([each.duet.latency, each.turns.latency], q)
                yield (route, measure), p, failures.planned >= needed(q)
