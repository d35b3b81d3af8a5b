"""Keeps the whole of a load: adds up deltas, and writes each second to the log once it is old enough.

By then few requests due in it are still open; what comes later for it gets a line of its own. So memory holds a few
seconds, whatever the length of a run.
"""

from collections import Counter, defaultdict
from collections.abc import Callable

from tailgate_otel.names import OTHER_ROUTE

from tailgate_loadtest.measure.delta import Delta
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import LogWriter
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.measure.recorder import MAX_ERRORS, MAX_EXAMPLES, MAX_ROUTES
from tailgate_loadtest.measure.slowest import Slowest
from tailgate_loadtest.measure.split import Split

_OPEN_SECONDS = 3

Written = Callable[[int, str, Kind, Histogram], None]
"""Called with every second, route and kind that goes to the log."""


class Ledger:
    """One load's counts."""

    def __init__(self, log: LogWriter, written: Written) -> None:
        self._log = log
        self._written = written
        self._open: dict[int, dict[tuple[str, Kind], Histogram]] = defaultdict(dict)
        self._routes: set[str] = set()
        self._fresh: dict[tuple[str, Kind], Histogram] = {}
        self._recent = Histogram()
        self.begun: Counter[str] = Counter()
        self.asked: dict[str, Counter[str]] = defaultdict(Counter)
        self.unstarted: dict[str, list[float]] = defaultdict(list)
        self.errors: dict[str, Counter[str]] = defaultdict(Counter)
        self.exceptions: Counter[str] = Counter()
        self.warmup_requests = 0
        self.folded: list[str] = []
        """Up to three routes that fell into (other), as examples."""
        self.splits: dict[str, Split] = defaultdict(Split)
        self.slowest = Slowest()

    @property
    def routes(self) -> list[str]:
        """Every route that was counted."""
        return sorted(self._routes)

    def add(self, delta: Delta) -> None:
        """Count what a delta has counted."""
        for (second, route, kind), histogram in delta.counts.items():
            self.count(second, route, kind, histogram)
        for route, errors in delta.errors.items():
            for error, count in errors.items():
                self._note(self._bounded(route), error, count)
        self.begun.update(delta.begun)
        for persona, asked in delta.asked.items():
            for route, count in asked.items():
                self.asked[persona][self._bounded(route)] += count
        for persona, dues in delta.unstarted.items():
            self.unstarted[persona] += dues
        self._recent.merge(delta.recent)
        for exception, count in delta.exceptions.items():
            known = exception in self.exceptions or len(self.exceptions) < MAX_ERRORS
            self.exceptions[exception if known else "others"] += count
        self.warmup_requests += delta.warmup_requests
        for route in delta.folded:
            self._example(route)
        for route, split in delta.splits.items():
            self.splits[self._bounded(route)].merge(split)
        self.slowest.merge(slow._replace(route=self._bounded(slow.route)) for slow in delta.slowest.sorted())

    def count(self, second: int, route: str, kind: Kind, histogram: Histogram) -> None:
        """Count the times of one route and kind in one second."""
        route = self._bounded(route)
        self._open[second].setdefault((route, kind), Histogram()).merge(histogram)
        if kind in (Kind.RESPONSE, Kind.SERVICE, Kind.FAILED, Kind.CENSORED):
            self._fresh.setdefault((route, kind), Histogram()).merge(histogram)

    def fresh(self) -> dict[tuple[str, Kind], Histogram]:
        """What was counted of judged requests since this was last asked."""
        fresh, self._fresh = self._fresh, {}
        return fresh

    def recent(self) -> Histogram:
        """The times that were seen since this was last asked."""
        recent, self._recent = self._recent, Histogram()
        return recent

    def fold(self, now: float) -> None:
        """Write out the seconds that are old enough."""
        self._write([second for second in self._open if second < now - _OPEN_SECONDS])

    def close(self) -> None:
        """Write out everything."""
        self._write(list(self._open))

    def _write(self, seconds: list[int]) -> None:
        for second in sorted(seconds):
            for (route, kind), histogram in sorted(self._open.pop(second).items()):
                self._log.write(second, route, kind, histogram)
                self._written(second, route, kind, histogram)
        self._log.flush()

    def _note(self, route: str, error: str, count: int) -> None:
        errors = self.errors[route]
        errors[error if error in errors or len(errors) < MAX_ERRORS else "other errors"] += count

    def _bounded(self, route: str) -> str:
        # Each recorder bounds its own routes; together they may still know more than that.
        if route in self._routes or route == OTHER_ROUTE:
            self._routes.add(route)
            return route
        if len(self._routes - {OTHER_ROUTE}) < MAX_ROUTES:
            self._routes.add(route)
            return route
        self._example(route)
        self._routes.add(OTHER_ROUTE)
        return OTHER_ROUTE

    def _example(self, route: str) -> None:
        if len(self.folded) < MAX_EXAMPLES and route not in self.folded:
            self.folded.append(route)
