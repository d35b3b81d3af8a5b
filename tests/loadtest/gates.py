"""The times of two sides, as a design would have loaded them, and what they had answered before, alike."""

from collections.abc import Iterable, Mapping

import numpy as np
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import Interval, LogWriter
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.measure.probe import PHASES, Account, Answered, line
from tailgate_loadtest.run.comparison import Comparison
from tailgate_loadtest.shapes.sides import SIDES, Design, Side

ROUTE = "GET /shop"


def intervals(design: Design, slower: float = 1.0, rate: int = 40) -> dict[Side, list[Interval]]:
    """Around 40 ms, the candidate's so many times as long, at so many requests a second."""
    rng = np.random.default_rng(11)
    found: dict[Side, list[Interval]] = {side: [] for side in SIDES}
    for segment in design.segments:
        for side in SIDES if segment.to is None else (segment.to,):
            for second in range(segment.start, segment.end):
                histogram = Histogram()
                times = rng.lognormal(np.log(0.04), 0.2, rate if segment.to else rate // 2)
                for time in times * (slower if side is Side.CANDIDATE else 1.0):
                    histogram.add(round(time * 1e9))
                found[side].append(Interval(second, ROUTE, Kind.RESPONSE, histogram))
    return found


def probed(comparison: Comparison) -> Comparison:
    """The comparison, in which both sides have answered the same requests alike, one after the other."""
    asked = [
        Answered(phase=phase, iteration=0, persona="Ada", route=ROUTE, status=200, queries=1, round_trips=1)
        for phase in PHASES
    ]
    text = "".join(map(line, (*asked, Account(iterations=1, cut_short=None))))
    for side in SIDES:
        comparison.probe(side).parent.mkdir(exist_ok=True)
        comparison.probe(side).write_text(text)
    return comparison


def logged(comparison: Comparison, found: Mapping[Side, Iterable[Interval]]) -> Comparison:
    """The comparison under its load, whose logs hold these, and a last line that is being written just now."""
    for side in SIDES:
        with comparison.bundle(side).log.open("w", encoding="ascii") as file:
            writer = LogWriter(file)
            writer.begin(1_700_000_000.0, "Logged by a test")
            for each in found[side]:
                writer.write(each.second, each.route, each.kind, each.histogram)
            file.write("Tag=")
    return comparison
