"""Burn-rate alerts over a history of events: arithmetic alone.

The rules ask Prometheus for each window's ratio at every evaluation. Here the events of each step are summed up once,
and a window is the difference of two sums: 90 days of four pairs of windows cost one pass, not one each.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray
from tailgate_slo.budget import AlertWindow, Severity, alert_windows, error_budget

from tailgate_dashboards.rules.windows import LONGEST_RAW

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_SAME_ALERT = 300.0
"""Seconds within which an alert that is back tells nobody anew: Alertmanager's own group_interval."""
_NO_EVENT = 1e-6
"""Below so many events a difference of sums is only rounding."""


@dataclass(frozen=True, kw_only=True)
class History:
    """Bad and all events in each of the steps of ``step`` seconds that follow one another from ``start`` on.

    Before ``known`` nothing is known of them, as it is for the rules before they are loaded.
    """

    start: float
    step: float
    bad: Floats
    all: Floats
    known: float = -math.inf

    @property
    def ends(self) -> Floats:
        """When each step ends, in seconds since 1970."""
        return self.start + self.step * np.arange(1, len(self.all) + 1, dtype=np.float64)

    @property
    def end(self) -> float:
        """When the last step ends."""
        return self.start + self.step * len(self.all)

    def since(self, moment: float) -> "History":
        """The steps that begin at ``moment`` or later."""
        first = max(0, int(np.ceil((moment - self.start) / self.step - 1e-9)))
        start = self.start + first * self.step
        return History(start=start, step=self.step, bad=self.bad[first:], all=self.all[first:], known=self.known)

    def part_known(self, window: float) -> Floats:
        """The part of the last ``window`` seconds of which anything is known, at the end of each step."""
        return np.clip((self.ends - self.known) / window, 0.0, 1.0)

    def ratio(self, window: float) -> tuple[Floats, Floats]:
        """The bad share and the number of all events of the last ``window`` seconds, at the end of each step.

        The share is 0 where there was no event.
        """
        bad, every = (self._last(window, events) for events in (self.bad, self.all))
        some = every > _NO_EVENT
        return np.divide(bad, every, out=np.zeros_like(bad), where=some), np.where(some, every, 0.0)

    def _last(self, window: float, events: Floats) -> Floats:
        edges = np.arange(len(events) + 1) * self.step
        sums = np.concatenate(([0.0], np.cumsum(events)))
        # A window that begins within a step takes its share of the step's events.
        last: Floats = np.maximum(sums[1:] - np.interp(edges[1:] - window, edges, sums), 0.0)
        return last


@dataclass(frozen=True, kw_only=True)
class Firing:
    """One alert from ``start`` to ``end``, in seconds since 1970, or ``lasting`` beyond what is known.

    ``long`` and ``short`` are the windows, in seconds, of the pair that fired first; ``worst`` is the highest burn
    rate over the short one meanwhile.
    """

    severity: Severity
    start: float
    end: float
    lasting: bool
    long: int
    short: int
    worst: float


def replay(
    history: History, *, target: Decimal, period_days: int, begin: float, least: Mapping[Severity, int]
) -> tuple[Firing, ...]:
    """The alerts of an objective from ``begin`` on, by time; what is before only fills the windows.

    ``least`` has the severities that it alerts by, each with the events that the long window of a pair has to hold.
    """
    found = [
        firing
        for severity, events in least.items()
        for firing in _firings(history, severity, target, period_days, begin, events)
    ]
    return tuple(sorted(found, key=lambda firing: (firing.start, firing.severity)))


def _firings(
    history: History, severity: Severity, target: Decimal, period_days: int, begin: float, least: int
) -> Iterator[Firing]:
    budget = float(error_budget(target))
    pairs = [window for window in alert_windows(period_days) if window.severity == severity]
    burning = [_burning(history, pair, budget, least) for pair in pairs]
    ends = history.ends
    fires = np.logical_or.reduce([flags for flags, _ in burning]) & (ends > begin)
    for first, last in _runs(fires, round(_SAME_ALERT / history.step)):
        which = next(i for i, (flags, _) in enumerate(burning) if flags[first])
        yield Firing(
            severity=severity,
            start=float(ends[first]),
            end=float(ends[min(last + 1, len(ends) - 1)]),
            lasting=last == len(ends) - 1,
            long=pairs[which].long,
            short=pairs[which].short,
            worst=float(burning[which][1][first : last + 1].max()),
        )


def _burning(history: History, pair: AlertWindow, budget: float, least: int) -> tuple[Flags, Floats]:
    """Where a pair fires, and the burn rate over its short window."""
    short, _ = history.ratio(pair.short)
    long, events = history.ratio(pair.long)
    if pair.long > LONGEST_RAW:
        long = long * history.part_known(pair.long)
    limit = float(round(pair.factor, 4)) * budget
    return (short > limit) & (long > limit) & (events >= least), short / budget


def _runs(flags: Flags, gap: int) -> Iterator[tuple[int, int]]:
    """First and last index of each run of what is true; runs not more than ``gap`` apart are one."""
    where = np.flatnonzero(flags)
    if not len(where):
        return
    breaks = np.flatnonzero(np.diff(where) > gap + 1)
    for first, last in zip(np.concatenate(([0], breaks + 1)), np.concatenate((breaks, [len(where) - 1])), strict=True):
        yield int(where[first]), int(where[last])
