"""Gates of sides that are the same, as if the slowest fifth of one route's requests took longer.

A route all of which is slower is found by its median, long before its p95 alone would prove anything. So what p95 finds
by itself is asked apart: of recorded gates, the candidate's times of one route beyond its p80 are made longer, as they
are read. Its p50 stays what it was; its p95 and p99 are longer by just so much.
"""

from collections.abc import Iterator
from dataclasses import replace

from tailgate_loadtest.measure import buckets
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import Interval, LatencyLog
from tailgate_loadtest.measure.kinds import Kind

from benchmarks.gate.real import Gate

BEYOND = 0.8
"""The percentile from which on times are longer."""


def longer_tail(gate: Gate, route: str, by: float) -> Gate:
    """The gate with the route's slowest requests of the candidate longer by a share ``by`` of what they took."""
    log = gate.candidate
    edge = round(log.whole(route, Kind.RESPONSE).quantile(BEYOND) * 1e9)

    def longer(histogram: Histogram) -> Histogram:
        made = Histogram()
        for bucket, count in histogram.counts.items():
            took = buckets.middle(bucket)
            made.add(round(took * (1 + by) if took >= edge else took), count)
        return made

    def intervals() -> Iterator[Interval]:
        for each in log.all_routes:
            for kind in Kind:
                changed = each == route and kind is Kind.RESPONSE
                for second, histogram in log.seconds(each, kind).items():
                    yield Interval(second, each, kind, longer(histogram) if changed else histogram)

    return replace(gate, candidate=LatencyLog(intervals()))
