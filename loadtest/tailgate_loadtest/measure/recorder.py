"""Counts requests as they end: while the load runs, times are only put on lists, and counted when they are taken."""

from collections import Counter, defaultdict

import numpy as np
from numpy.typing import NDArray
from tailgate_otel.names import OTHER_ROUTE

from tailgate_loadtest.measure.delta import Delta
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.kinds import Kind

MAX_ROUTES = 200
MAX_ERRORS = 20
MAX_EXAMPLES = 3

_Lane = tuple[str, str]
"""A persona and a route."""


class Recorder:
    """Where the requests of one process go. Seconds count from the load's start; the warm-up's are only numbered."""

    def __init__(self, warmup: float) -> None:
        self._warmup = warmup
        # Flat lists, because that is the cheapest thing that can happen to a request: of what succeeded, the moment
        # due, the response time and the service time; of the rest, the moment and a time.
        self._good: dict[_Lane, list[float]] = {}
        self._rest: dict[tuple[Kind, str, str], list[float]] = defaultdict(list)
        self._errors: dict[str, Counter[str]] = defaultdict(Counter)
        self._begun: Counter[str] = Counter()
        self._unstarted: dict[str, list[float]] = defaultdict(list)
        self._exceptions: Counter[str] = Counter()
        self._routes: set[str] = set()
        self._folded: list[str] = []

    def success(self, persona: str, route: str, due: float, response: float, service: float) -> None:
        """A request that succeeded; all times in seconds, ``due`` since the load's beginning."""
        lane = self._good.get((persona, route))
        if lane is None:
            lane = self._good.setdefault((persona, self._bounded(route)), [])
        lane += (due, response, service)

    def failure(self, persona: str, route: str, due: float, response: float, error: str) -> None:
        """A request that failed, and how."""
        route = self._bounded(route)
        self._rest[Kind.FAILED, persona, route] += (due, response)
        if due >= self._warmup:
            self._errors[route][error] += 1

    def censored(self, persona: str, route: str, due: float, at_least: float) -> None:
        """A request that was not answered when the drain ended, ``at_least`` seconds after it was due."""
        self._rest[Kind.CENSORED, persona, self._bounded(route)] += (due, at_least)

    def setup(self, route: str, at: float, service: float, error: str | None) -> None:
        """A request a user made before its first arrival; shown, never judged."""
        route = self._bounded(route)
        self._rest[Kind.SETUP, "", route] += (max(at, 0.0), service)
        if error is not None:
            self._errors[route][f"setup: {error}"] += 1

    def begun(self, persona: str) -> None:
        """A user begins an arrival."""
        self._begun[persona] += 1

    def unstarted(self, persona: str, due: float) -> None:
        """An arrival that never came to a request."""
        self._unstarted[persona].append(due)

    def raised(self, exception: str) -> None:
        """A task raised an exception of that class."""
        self._exceptions[exception] += 1

    def take(self) -> Delta:
        """What was counted since this was last asked."""
        good, self._good = self._good, {}
        rest, self._rest = self._rest, defaultdict(list)
        delta = Delta(
            begun=self._begun,
            errors=self._errors,
            unstarted=self._unstarted,
            exceptions=self._exceptions,
            folded=self._folded,
        )
        self._begun, self._exceptions, self._folded = Counter(), Counter(), []
        self._errors, self._unstarted = defaultdict(Counter), defaultdict(list)
        for (persona, route), flat in good.items():
            samples = np.array(flat).reshape(-1, 3)
            delta.asked[persona][route] += len(samples)
            delta.recent.merge(Histogram.of(samples[:, 1]))
            judged = self._judged(samples, delta)
            self._count(delta, route, Kind.RESPONSE, judged[:, 0], judged[:, 1])
            self._count(delta, route, Kind.SERVICE, judged[:, 0], judged[:, 2])
        for (kind, persona, route), flat in rest.items():
            samples = np.array(flat).reshape(-1, 2)
            if kind is not Kind.SETUP:
                delta.asked[persona][route] += len(samples)
                if kind is Kind.FAILED:
                    delta.recent.merge(Histogram.of(samples[:, 1]))
                samples = self._judged(samples, delta)
            self._count(delta, route, kind, samples[:, 0], samples[:, 1])
        return delta

    def _judged(self, samples: NDArray[np.float64], delta: Delta) -> NDArray[np.float64]:
        judged = samples[samples[:, 0] >= self._warmup]
        delta.warmup_requests += len(samples) - len(judged)
        return judged

    @staticmethod
    def _count(delta: Delta, route: str, kind: Kind, dues: NDArray[np.float64], times: NDArray[np.float64]) -> None:
        seconds = dues.astype(np.int64)
        for second in np.unique(seconds).tolist():
            found = Histogram.of(times[seconds == second])
            delta.counts.setdefault((second, route, kind), Histogram()).merge(found)

    def _bounded(self, route: str) -> str:
        if route in self._routes:
            return route
        if len(self._routes) < MAX_ROUTES:
            self._routes.add(route)
            return route
        if len(self._folded) < MAX_EXAMPLES and route not in self._folded:
            self._folded.append(route)
        return OTHER_ROUTE
