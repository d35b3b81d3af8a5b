"""From values to places on a chart, and which values to write at its edges."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight or logarithmic way from ``low``..``high`` to ``start``..``end``; values outside lie at the edges."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value."""
        value = min(max(value, self.low), self.high)
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def ticks(high: float, about: int) -> list[float]:
    """Round values from 0 up to the first that is not below ``high``, about so many; the last ends the axis."""
    step = _nice(high / max(about, 1)) if high > 0 else 1.0
    return [step * i for i in range(max(math.ceil(high / step - 1e-9), 1) + 1)]


def whole_ticks(high: float, about: int) -> list[float]:
    """As ``ticks``, for what can only be counted."""
    return ticks(high, min(about, max(math.ceil(high), 1)))


def log_bounds(low: float, high: float) -> tuple[float, float]:
    """The nearest of 1, 2, 5 times a power of ten below ``low`` and above ``high``, which differ."""
    bottom = max(value for value in _steps(low) if value <= low * (1 + 1e-9))
    top = min(value for value in _steps(high) if value >= high * (1 - 1e-9))
    return (bottom, top) if top > bottom else (bottom, bottom * 10)


def log_ticks(low: float, high: float) -> list[float]:
    """Values to write along a logarithmic axis: powers of ten, with 2 and 5 times them while there is room."""
    decades = math.log10(high / low)
    factors = (1, 2, 5) if decades <= 2.5 else (1,)
    found = [
        factor * 10.0**power
        for power in range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
        for factor in factors
    ]
    return [value for value in found if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]


def time_ticks(seconds: float, about: int) -> list[float]:
    """Round moments of a time axis from 0 to ``seconds``."""
    steps = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
    days = 86400 * math.ceil(seconds / 86400 / about)
    step = next((step for step in steps if seconds / step <= about), days)
    return [float(step * i) for i in range(math.floor(seconds / step + 1e-9) + 1)]


def spread(places: list[float], gap: float, low: float, high: float) -> list[float]:
    """The places, moved apart as little as is needed to lie ``gap`` from one another within ``low``..``high``."""
    order = sorted(range(len(places)), key=places.__getitem__)
    moved = list(places)
    edge = low
    for i in order:
        moved[i] = edge = max(moved[i], edge)
        edge += gap
    edge = high
    for i in reversed(order):
        moved[i] = edge = min(moved[i], edge)
        edge -= gap
    return moved


def _nice(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9)) * power


def _steps(value: float) -> list[float]:
    power = math.floor(math.log10(value))
    return [factor * 10.0**p for p in (power - 1, power, power + 1) for factor in (1, 2, 5)]
