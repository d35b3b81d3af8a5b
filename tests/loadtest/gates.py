"""The times of two sides, as a design would have loaded them."""

import numpy as np
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import Interval
from tailgate_loadtest.measure.kinds import Kind
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
