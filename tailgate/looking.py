"""What ends the load of a comparison before its time: the evidence is enough, or a side's service has died."""

import math
from collections.abc import Sequence

from tailgate_loadtest.judge.regression.decision import decide
from tailgate_loadtest.judge.regression.statistics.looks import Look, Looks
from tailgate_loadtest.judge.regression.terms.leeway import Leeway
from tailgate_loadtest.measure.hlog import LatencyLog
from tailgate_loadtest.run.brake import Ending
from tailgate_loadtest.run.comparison import Comparison
from tailgate_loadtest.shapes.sides import SIDES, Design, Side

from tailgate.console import say
from tailgate.sides.kept import last_lines
from tailgate.sides.opening import CACHE, Sides

_WRITTEN = 5.0
"""Seconds after which all that was due in a second is in the log."""


class Looker:
    """Asked each second whether the load may go on; the evidence is judged at each of the looks that are ``due``."""

    def __init__(
        self,
        comparison: Comparison,
        design: Design,
        looks: Looks,
        leeway: Leeway,
        *,
        due: Sequence[Look],
        sides: Sides,
    ) -> None:
        self._logs = [comparison.bundle(side).log for side in SIDES]
        self._design = design
        self._looks = looks
        self._leeway = leeway
        self._due = list(due)
        self._sides = sides
        self.until = math.inf
        """The look that ended the load: what came in while it drained is not judged."""

    def __call__(self, second: float) -> Ending | None:
        """Why the load must end so many seconds after it began, if it must."""
        return self._dead(second) or self._enough(second)

    def _dead(self, second: float) -> Ending | None:
        told = {side: told_dead(self._sides, side, f"{second:4.0f} s  ") for side in SIDES}
        died = {
            side: f"{side}: its service died {second:.0f} s into the load: {how}" for side, how in told.items() if how
        }
        return Ending(why="; ".join(died.values()), aborted=True, gave_out=tuple(died)) if died else None

    def _enough(self, second: float) -> Ending | None:
        if not self._due or second < self._due[0].at + _WRITTEN:
            return None
        look = self._due.pop(0)
        base, candidate = map(LatencyLog.so_far, self._logs)
        found, _ = decide(base, candidate, self._design, self._looks, self._leeway, until=look.at)
        if found.verdict == "inconclusive":
            stopping = [cell for cell in found.cells if cell.blocking]
            undecided = sum(cell.verdict == "inconclusive" for cell in stopping)
            open_still = f"{undecided} of {len(stopping)} measures not decided" if stopping else found.reasons[0]
            say(f"{second:4.0f} s  by the first {look.at:.0f} s: {open_still}")
            return None
        self.until = look.at
        # What the whole comparison comes to, it does not know.
        return Ending(why=f"the load was ended by what its first {look.at:.0f} s had shown", aborted=False)


def told_dead(sides: Sides, side: Side, when: str = "") -> str | None:
    """How a side's service has ended, if it has; whoever looks on is told so, with the end of its log."""
    live = sides[side]
    if (how := live.ended()) is None:
        return None
    # The log's lines are for a terminal alone: they may hold what nobody wants in a bundle, or in a pull request.
    ends = "" if live.log is None else f"; {last_lines(live.log)}"
    say(f"{when}the service of the {side} has ended: {how}{ends}")
    return how if live.log is None else f"{how}; its log is {CACHE / live.log.name}"
