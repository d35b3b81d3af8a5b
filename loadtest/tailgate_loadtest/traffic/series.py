"""How many requests came in each second, or in each longer step, and which stretch of it was the busiest."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Series:
    """Requests in steps of equal length, one after the other."""

    start: float
    """Seconds since 1970."""
    step: float
    """Seconds."""
    counts: Counts

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.step * len(self.counts)

    @property
    def requests(self) -> float:
        """All of them."""
        return float(self.counts.sum())

    @property
    def rate(self) -> float:
        """Requests per second on average."""
        return self.requests / self.seconds

    @property
    def peak(self) -> float:
        """Requests per second in the busiest step."""
        return float(self.counts.max()) / self.step


def busiest(series: Series, seconds: float) -> Series:
    """The stretch of that length with the most requests, the first of several; the whole when it is no longer."""
    steps = max(round(seconds / series.step), 1)
    if steps >= len(series.counts):
        return series
    before = np.concatenate(([0.0], np.cumsum(series.counts)))
    first = int(np.argmax(before[steps:] - before[:-steps]))
    return Series(
        start=series.start + first * series.step, step=series.step, counts=series.counts[first : first + steps]
    )


def moment(at: float) -> str:
    """A moment in seconds since 1970, as people read it."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
