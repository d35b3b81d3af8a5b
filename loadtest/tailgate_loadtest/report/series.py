"""What a chart draws: a run's histograms and counts, over time and over percentiles. Seconds throughout."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tailgate_loadtest.measure import buckets
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import LatencyLog
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run.document import RunDocument, Tick

MAX_BINS = 240
"""The most points of a line over time; a longer run has seconds together in one."""


@dataclass(frozen=True, slots=True)
class Span:
    """The time axis that all charts of a run share."""

    seconds: float
    measured_from: float
    measured_to: float

    @classmethod
    def of(cls, run: RunDocument) -> "Span":
        """A run's whole load, warm-up and drain included."""
        ticked = run.timeline[-1].second if run.timeline else 0.0
        return cls(max(run.seconds, run.measured_to, ticked, 1.0), run.measured_from, run.measured_to)

    @property
    def bin(self) -> int:
        """Seconds per point."""
        return math.ceil(self.seconds / MAX_BINS)


@dataclass(frozen=True, slots=True)
class Bin:
    """Some seconds of a route, by when its requests were due."""

    start: float
    length: float
    p50: float
    p95: float
    p99: float
    requests: int
    bad: int
    """Failed or not answered."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Times by rank: (share of requests that took no longer, seconds), rising in both."""

    points: tuple[tuple[float, float], ...]
    total: int
    bad: int
    """Of the total, those without a good answer: the curve ends before them."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Arrivals per second over a stretch, and how many waited at its end."""

    start: float
    end: float
    planned: float
    started: float
    completed: float
    waiting: float


def over_time(log: LatencyLog, route: str | None, span: Span) -> list[Bin]:
    """A route's (None: all routes') percentiles over time.

    A request that was never answered counts with the time it had waited; one that failed counts as bad alone, since
    how fast it failed says nothing of how long an answer takes.
    """
    times: dict[int, Histogram] = defaultdict(Histogram)
    failed: Counter[int] = Counter()
    censored: Counter[int] = Counter()
    for kind in (Kind.RESPONSE, Kind.CENSORED, Kind.FAILED):
        for second, histogram in log.seconds(route, kind).items():
            number = second // span.bin
            if kind is Kind.FAILED:
                failed[number] += histogram.total
                continue
            times[number].merge(histogram)
            if kind is Kind.CENSORED:
                censored[number] += histogram.total
    return [
        Bin(
            start=float(number * span.bin),
            length=float(span.bin),
            p50=times[number].quantile(0.5),
            p95=times[number].quantile(0.95),
            p99=times[number].quantile(0.99),
            requests=times[number].total + failed[number],
            bad=failed[number] + censored[number],
        )
        for number in sorted({*times, *failed})
    ]


def curve(log: LatencyLog, route: str | None, kind: Kind) -> Curve:
    """A route's (None: all routes') times of a kind by rank, among all its requests."""
    times = log.whole(route, kind)
    bad = sum(log.whole(route, each).total for each in (Kind.FAILED, Kind.CENSORED))
    total = times.total + bad
    points, below = [], 0
    for bucket in sorted(times.counts):
        below += times.counts[bucket]
        # The middle of the last rank: the largest time has a place on a scale that never reaches 1.
        points.append(((below - 0.5) / total, buckets.middle(bucket) / 1e9))
    return Curve(tuple(points), total, bad)


def flows(timeline: Sequence[Tick], span: Span) -> list[Flow]:
    """What arrived, began and ended per second."""
    picked = [tick for i, tick in enumerate(timeline, 1) if i % span.bin == 0 or i == len(timeline)]
    found, last = [], None
    for tick in picked:
        start = last.second if last else 0.0
        length = tick.second - start
        if length <= 0:
            continue
        found.append(
            Flow(
                start=start,
                end=tick.second,
                planned=(tick.planned - (last.planned if last else 0.0)) / length,
                started=(tick.started - (last.started if last else 0.0)) / length,
                completed=(tick.completed - (last.completed if last else 0.0)) / length,
                waiting=tick.waiting,
            )
        )
        last = tick
    return found
