"""What an expression was, step by step, over a long time: asked for in pieces that a Prometheus takes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from tailgate_slo.budget import alert_windows

from tailgate_dashboards.errors import OverloadError
from tailgate_dashboards.prometheus import Line, Prometheus

from .replay import Floats

_MOST_POINTS = 10_000
"""Of one answer; Prometheus itself refuses more than 11,000 of a series."""
_LEAST_POINTS = 100
_KEPT = 4
"""Answers kept for the next objective, which is often on the same route."""

_LONGEST_WINDOW = max(window.long for window in alert_windows(1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """Seconds of a step, and between two scrapes; 0 where nobody knows."""

    step: float
    scrape: float = 0.0


class Past:
    """The steps of a Prometheus's past up to ``end``, in seconds since 1970.

    They begin so early that the longest window of an alert is full at ``begin``.
    """

    def __init__(self, prometheus: Prometheus, *, begin: float, end: float, pace: Pace) -> None:
        step = pace.step
        self._prometheus = prometheus
        self._range = step + pace.scrape
        self.scrape = pace.scrape
        self._kept: dict[tuple[str, str], dict[str, Floats]] = {}
        self.step = step
        self.end = math.floor(end / step) * step
        self.steps = math.ceil((self.end - begin + _LONGEST_WINDOW) / step)
        self.start = self.end - self.steps * step

    @property
    def range(self) -> str:
        """What rates are asked over, as PromQL writes it: a step, and as much before as holds one scrape more.

        A rate knows nothing of what came between the last scrape before its range and the first one in it. So each
        scrape's increase is in one step, and in one only.
        """
        return f"{self._range:.0f}s"

    def lines(self, promql: str, label: str = "") -> dict[str, Floats]:
        """The expression at the end of each step, by the values of ``label``; NaN where it has no value.

        Raises PrometheusError.
        """
        asked = promql, label
        if asked not in self._kept:
            if len(self._kept) == _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[asked] = self._read(promql, label)
        return self._kept[asked]

    def _read(self, promql: str, label: str) -> dict[str, Floats]:
        found: dict[str, Floats] = {}
        for first, last, lines in self._pieces(promql):
            for line in lines:
                steps = np.rint((np.array(line.times) - self.start) / self.step).astype(int) - 1
                numbers = np.array(line.values)
                usable = np.isfinite(numbers) & (steps >= first) & (steps < last)
                values = found.setdefault(line.labels.get(label, ""), np.full(self.steps, np.nan))
                values[steps[usable]] = numbers[usable]
        return found

    def _pieces(self, promql: str) -> Iterator[tuple[int, int, list[Line]]]:
        first, size = 0, _MOST_POINTS
        while first < self.steps:
            last = min(first + size, self.steps)
            start, end = (self.start + step * self.step for step in (first + 1, last))
            try:
                lines = self._prometheus.query_range(promql, start, end, self.step)
            except OverloadError:
                if size <= _LEAST_POINTS:
                    raise
                size //= 2
                continue
            yield first, last, lines
            first = last
