"""Counters and histograms that cost a request a dictionary look-up, and become families when scraped.

Written by the event loop's thread and read by the scraper's: one cell is one Python object, and copying a
list is atomic, so a scrape sees each series as it was at one moment.
"""

import time
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from tailgate_otel import names

Labels = tuple[str, ...]


class Counter:
    """Totals by label values. ``name`` is without the suffix ``_total``."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str] = ()) -> None:
        self.name = name
        self.documentation = documentation
        self.labels = tuple(labels)
        self.totals: dict[Labels, int] = {}

    def add(self, key: Labels = (), amount: int = 1) -> None:
        """Add to one series, opening it when it is new; with ``amount`` 0 it only starts it."""
        self.totals[key] = self.totals.get(key, 0) + amount

    def family(self) -> CounterMetricFamily:
        """The totals as they stand."""
        family = CounterMetricFamily(self.name, self.documentation, labels=self.labels)
        for key, total in list(self.totals.items()):
            family.add_metric(key, total)
        return family


class Histogram:
    """Distributions by label values over fixed edges; a value equal to an edge belongs below it."""

    def __init__(self, name: str, documentation: str, edges: Iterable[float], labels: Sequence[str] = ()) -> None:
        self.name = name
        self.documentation = documentation
        self.labels = tuple(labels)
        self.edges = sorted(set(edges))
        self._bounds = [*map(floatToGoString, self.edges), "+Inf"]
        # A series is its buckets' counts, each bucket for itself, and the sum of the values at the end.
        self._series: dict[Labels, list[float]] = {}
        self._exemplars: dict[tuple[Labels, int], Exemplar] = {}

    def start(self, key: Labels) -> list[float]:
        """Open a series at 0."""
        return self._series.setdefault(key, [0] * (len(self._bounds) + 1))

    def observe(self, key: Labels, value: float) -> None:
        """Count one value."""
        series = self._series.get(key) or self.start(key)
        series[bisect_left(self.edges, value)] += 1
        series[-1] += value

    def exemplify(self, key: Labels, value: float, trace_id: str) -> None:
        """Point from the value's bucket to the trace that it came from."""
        labels = {names.LABEL_TRACE_ID: trace_id}
        self._exemplars[key, bisect_left(self.edges, value)] = Exemplar(labels, value, round(time.time(), 3))

    def family(self) -> HistogramMetricFamily:
        """The distributions as they stand."""
        family = HistogramMetricFamily(self.name, self.documentation, labels=self.labels)
        for key, series in list(self._series.items()):
            *counts, total = list(series)
            buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
            cumulative = 0.0
            for index, (bound, count) in enumerate(zip(self._bounds, counts, strict=True)):
                cumulative += count
                exemplar = self._exemplars.get((key, index))
                buckets.append((bound, cumulative, exemplar) if exemplar else (bound, cumulative))
            family.add_metric(key, buckets, total)
        return family
