"""Windows, by their names and as ranges.

A window's name (``1h``) is part of what is recorded and stays what it is; its range shrinks when rules are rehearsed
at a greater pace, so that an hour's alert can be seen within a minute.
"""

from dataclasses import dataclass

SHORTEST = 300
"""Seconds of the shortest window, the range of the rates that are recorded."""

LONGEST_RAW = 21_600
"""Seconds up to which a window is counted from the raw series; longer ones add up what is recorded."""

WINDOWS = (SHORTEST, 1_800, 3_600, 7_200, LONGEST_RAW, 86_400, 259_200)

_DAY = 86_400
_UNITS = (("d", _DAY * 1_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """So many seconds, which pass ``pace`` times as fast as they do."""

    seconds: int
    pace: int = 1

    @property
    def name(self) -> str:
        """What it is called, in the largest unit that divides it: ``5m``."""
        return _spelt(self.seconds * 1_000)

    @property
    def range(self) -> str:
        """As a query asks for it."""
        return _spelt(self.milliseconds)

    @property
    def milliseconds(self) -> int:
        """How long it lasts."""
        return self.seconds * 1_000 // self.pace


def windows(period_days: int, pace: int = 1) -> tuple[Window, ...]:
    """Every window that is recorded, ascending, the period last."""
    period = period_days * _DAY
    return tuple(Window(seconds=seconds, pace=pace) for seconds in (*(w for w in WINDOWS if w != period), period))


def _spelt(milliseconds: int) -> str:
    return next(f"{milliseconds // length}{unit}" for unit, length in _UNITS if milliseconds % length == 0)
