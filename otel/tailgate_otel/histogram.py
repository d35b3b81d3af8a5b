"""Counters and histograms that cost a request a dictionary look-up, or a list's index where the series is kept.

Written by the event loop's thread and read by the scraper's: one cell is one Python object, and copying a
list is atomic, so a scrape sees each series as it was at one moment.
"""

import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client.utils import floatToGoString

from tailgate_otel import names
from tailgate_otel.exposition import Labels, exemplar, head, labelled, line

# Series of one histogram, which is OpenTelemetry's own limit for an instrument; what comes later shares one.
MAX_SERIES = 2000


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

    def text(self, openmetrics: bool) -> Iterator[str]:
        """The totals as they stand."""
        total = f"{self.name}_total"
        yield head(self.name if openmetrics else total, "counter", self.documentation)
        for key, value in list(self.totals.items()):
            yield line(total, labelled(self.labels, key), value)


class Histogram:
    """Distributions of integers by label values over fixed edges; a value equal to an edge belongs below it.

    Args:
        name: with its unit.
        documentation: one line.
        edges: in that unit.
        labels: the labels' names; the last ones are left out of series whose values are fewer.
        other: the label values of the one series that is left when there are as many as there may be.
        scale: how many of what is counted make one of the unit: 1e9 when nanoseconds are counted, shown as seconds.

    Attributes:
        bounds: the edges as they are counted, ascending.

    """

    def __init__(
        self,
        name: str,
        documentation: str,
        edges: Iterable[float],
        labels: Sequence[str],
        other: Labels,
        *,
        scale: float = 1,
    ) -> None:
        self.name = name
        self.documentation = documentation
        self.labels = tuple(labels)
        scaled = {round(edge * scale): edge for edge in edges}
        self.bounds = sorted(scaled)
        self._shown = [*map(floatToGoString, (scaled[bound] for bound in self.bounds)), "+Inf"]
        self._other = other
        self._scale = scale
        self._series: dict[Labels, list[int]] = {}
        self._arrived: dict[int, tuple[list[int], list[int]]] = {}
        self._exemplars: dict[Labels, dict[int, str]] = {}

    def cells(self, key: Labels) -> list[int]:
        """The series, opened at 0: the counts of its buckets, each for itself, and at the end the sum of the values."""
        cells = self._series.get(key)
        if cells is None:
            if len(self._series) >= MAX_SERIES:
                key = self._other
            cells = self._series.setdefault(key, [0] * (len(self._shown) + 1))
        return cells

    def arrivals(self, key: Labels) -> list[int]:
        """Where values of a series are put to be counted later, by :meth:`count`: nothing costs less than to append."""
        cells = self.cells(key)
        return self._arrived.setdefault(id(cells), (cells, []))[1]

    def count(self) -> None:
        """Count the values that have arrived; nobody may put any meanwhile."""
        for cells, arrived in self._arrived.values():
            if arrived:
                arrived.sort()
                cells[-1] += sum(arrived)
                below = 0
                for index, bound in enumerate(self.bounds):
                    through = bisect_right(arrived, bound, below)
                    cells[index] += through - below
                    below = through
                cells[-2] += len(arrived) - below
                arrived.clear()

    def observe(self, key: Labels, value: int) -> None:
        """Count one value."""
        cells = self._series.get(key) or self.cells(key)
        cells[bisect_left(self.bounds, value)] += 1
        cells[-1] += value

    def exemplify(self, key: Labels, value: int, trace_id: str) -> None:
        """Point from the bucket of a value that was counted to the trace that it came from."""
        if key not in self._series:
            key = self._other
        shown = exemplar({names.LABEL_TRACE_ID: trace_id}, value / self._scale, time.time())
        self._exemplars.setdefault(key, {})[bisect_left(self.bounds, value)] = shown

    def __contains__(self, key: Labels) -> bool:
        return key in self._series

    def text(self, openmetrics: bool) -> Iterator[str]:
        """The distributions as they stand; exemplars are OpenMetrics' alone."""
        yield head(self.name, "histogram", self.documentation)
        ends = [f',le="{bound}"}} ' if self.labels else f'le="{bound}"}} ' for bound in self._shown]
        for key, cells in list(self._series.items()):
            *counts, total = list(cells)
            labels = labelled(self.labels[: len(key)], key)
            pointers = self._exemplars.get(key, {}) if openmetrics else {}
            start, count, lines = f"{self.name}_bucket{{{labels}", 0, []
            for index, (end, cell) in enumerate(zip(ends, counts, strict=True)):
                count += cell
                lines.append(f"{start}{end}{count}{pointers.get(index, '')}\n")
            yield "".join(lines)
            yield line(f"{self.name}_count", labels, count) + line(f"{self.name}_sum", labels, total / self._scale)
