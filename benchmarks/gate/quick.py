"""The same verdict of windows that are cut already, several times as quick, for gates by the thousand.

Nearly all of the time goes into how large differences are. Which tests reject is known without that, and so is which
cells can stop the change; what is sized are those of which the test rejects, and of the others one after the other
until one does not pass.
"""

import math
from collections.abc import Iterator

from tailgate_loadtest.judge.document import Outcome
from tailgate_loadtest.judge.regression import cells
from tailgate_loadtest.judge.regression.decision import RARE
from tailgate_loadtest.judge.regression.document import Measure
from tailgate_loadtest.judge.regression.measured import BEYOND, QUANTILES, gather
from tailgate_loadtest.judge.regression.statistics import flips, holm, size
from tailgate_loadtest.judge.regression.statistics.looks import Look
from tailgate_loadtest.judge.regression.together import looks_of
from tailgate_loadtest.shapes.sides import Design
from tailgate_slo.model import Tolerance

from benchmarks.gate.cycles import Windows, some
from benchmarks.gate.judged import ERROR_RATE, Place, Said, elsewhere

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
        worse = frozenset(place for place in found.rejected if found.verdict(place) == "fail")
        doubt = None if worse else found.doubt(doubt)
        verdict: Outcome = "fail" if worse else "inconclusive" if doubt or not found.stopping else "pass"
        if verdict != "inconclusive":
            break
    return Said(verdict=verdict, at=seconds, worse=worse, elsewhere=elsewhere(found.stopping | worse, windows))


class _Found:
    """What a look finds, by the rules of ``decision.judge``."""

    def __init__(self, windows: Windows, look: Look, tolerance: Tolerance, more: float, seconds: float) -> None:
        self._windows = windows
        self._look = look
        self._tolerance = tolerance
        self._more = more
        self._seconds = seconds
        self._verdicts: dict[Place, Outcome] = {}
        p: dict[Place, float] = {}
        stopping: set[Place] = set()
        for place, each, blocking in self._tests():
            p[place] = each
            if blocking:
                stopping.add(place)
        self.stopping = frozenset(stopping)
        """Those of which a pass is asked."""
        self._adjusted: dict[Place, float] = {}
        for blocking, share in ((True, 1 - RARE), (False, RARE)):
            family = {place: each for place, each in p.items() if (place in stopping) == blocking}
            self._adjusted |= {place: min(each / share, 1.0) for place, each in holm.adjusted(family).items()}
        self.rejected = [place for place, each in self._adjusted.items() if each <= look.alpha]
        """Those of which the test rejects; nothing else fails."""

    def verdict(self, place: Place) -> Outcome:
        """Of one cell."""
        if place not in self._verdicts:
            route, measure = place
            evidence = gather(route, measure, self._windows[route], self._tolerance, self._more)
            # The level says what would have been visible, and that is not asked.
            cell = cells.judge(evidence, self._look, self._adjusted[place], self._look.alpha, self._seconds)
            self._verdicts[place] = cell.verdict
        return self._verdicts[place]

    def doubt(self, before: Place | None) -> Place | None:
        """A cell that does not pass, of those that must; most often it is that of the look before."""
        for place in sorted(self.stopping, key=lambda place: (place != before, _UNSURE.index(place[1]), place)):
            if self.verdict(place) != "pass":
                return place
        return None

    def _tests(self) -> Iterator[tuple[Place, float, bool]]:
        """Every cell with its p, and whether it can stop the change."""
        for route, each in self._windows.items():
            failures = gather(route, "failures", each, self._tolerance, self._more)
            yield (route, "failures"), failures.p, failures.blocking
            for measure, q in QUANTILES.items():
                needed = max(math.ceil(BEYOND / (1 - q) - 1e-9), size.LEAST_PAIRS * size.least_requests(q))
                p = flips.worse([each.duet.latency, each.turns.latency], q)
                yield (route, measure), p, failures.planned >= needed
