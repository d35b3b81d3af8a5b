"""Counts requests as they end: per second in which they were due, per route and kind.

While the load runs, a time is only put on a list; it is counted when its second is written to the log: once
that is old enough that few requests due in it are still open; what comes later for it gets a line of its own. So
memory holds a few seconds, whatever the length of a run.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tailgate_otel.names import OTHER_ROUTE

from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import LogWriter
from tailgate_loadtest.measure.kinds import Kind

MAX_ROUTES = 200

_MAX_ERRORS = 20
_OPEN_SECONDS = 3

Written = Callable[[int, str, Kind, Sequence[float]], None]
"""Called with every second, route and kind that goes to the log, and its times in seconds."""


@dataclass(slots=True)
class RouteTotals:
    """A route's counts over the judged part of a run."""

    requests: int = 0
    failed: int = 0
    censored: int = 0
    setup: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    def note(self, error: str) -> None:
        """Count an error by its name; of many names, the later ones together."""
        self.errors[error if error in self.errors or len(self.errors) < _MAX_ERRORS else "other errors"] += 1


class Recorder:
    """Where the engine's requests go. Seconds count from the load's start; those in the warm-up are only counted."""

    def __init__(self, log: LogWriter, warmup: float, written: Written | None = None) -> None:
        self._log = log
        self._written = written
        self._warmup = warmup
        self._open: dict[int, dict[tuple[str, Kind], list[float]]] = {}
        self.totals: dict[str, RouteTotals] = {}
        self.warmup_requests = 0
        self.folded_routes: list[str] = []
        """Up to three routes that fell into (other), as examples."""

    def success(self, route: str, due: float, response: float, service: float) -> None:
        """A request that succeeded; all times in seconds, ``due`` since the load's beginning."""
        totals = self._totals(route, due)
        if totals is None:
            return
        totals.requests += 1
        self._count(route, Kind.RESPONSE, due, response)
        self._count(route, Kind.SERVICE, due, service)

    def failure(self, route: str, due: float, response: float, error: str) -> None:
        """A request that failed, and how."""
        totals = self._totals(route, due)
        if totals is None:
            return
        totals.requests += 1
        totals.failed += 1
        totals.note(error)
        self._count(route, Kind.FAILED, due, response)

    def censored(self, route: str, due: float, at_least: float) -> None:
        """A request that was not answered when the drain ended, ``at_least`` seconds after it was due."""
        totals = self._totals(route, due)
        if totals is None:
            return
        totals.requests += 1
        totals.censored += 1
        self._count(route, Kind.CENSORED, due, at_least)

    def setup(self, route: str, at: float, service: float, error: str | None) -> None:
        """A request a user made before its first arrival; shown, never judged."""
        totals = self.totals.setdefault(self._bounded(route), RouteTotals())
        totals.setup += 1
        if error is not None:
            totals.note(f"setup: {error}")
        self._count(route, Kind.SETUP, max(at, 0.0), service)

    def fold(self, now: float) -> None:
        """Write out the seconds that are old enough."""
        for second in sorted(self._open):
            if second < now - _OPEN_SECONDS:
                self._write(second)
        self._log.flush()

    def close(self) -> None:
        """Write out everything."""
        for second in sorted(self._open):
            self._write(second)
        self._log.flush()

    def _write(self, second: int) -> None:
        for (route, kind), times in sorted(self._open.pop(second).items()):
            self._log.write(second, route, kind, Histogram.of(times))
            if self._written is not None:
                self._written(second, route, kind, times)

    def _totals(self, route: str, due: float) -> RouteTotals | None:
        if due < self._warmup:
            self.warmup_requests += 1
            return None
        return self.totals.setdefault(self._bounded(route), RouteTotals())

    def _bounded(self, route: str) -> str:
        if route in self.totals or len(self.totals) < MAX_ROUTES:
            return route
        if len(self.folded_routes) < 3 and route not in self.folded_routes:
            self.folded_routes.append(route)
        return OTHER_ROUTE

    def _count(self, route: str, kind: Kind, due: float, seconds: float) -> None:
        self._open.setdefault(int(due), {}).setdefault((self._bounded(route), kind), []).append(seconds)
