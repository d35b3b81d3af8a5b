"""Counts requests as they end: while the load runs, times are only put aside, and counted when they are taken."""

from collections import Counter, defaultdict
from struct import Struct
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tailgate_otel.names import OTHER_ROUTE

from tailgate_loadtest.measure.delta import Delta
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.measure.server_timing import ServerTiming
from tailgate_loadtest.measure.slowest import Slow, Slowest
from tailgate_loadtest.measure.split import STEPS, TOLD, UNSAID, Split

MAX_ROUTES = 200
MAX_ERRORS = 20
MAX_EXAMPLES = 3

# Bytes, because that is the cheapest thing that can happen to a request: what is put aside now is an array at once when
# it is taken. Of what succeeded, the moment due, the response time and the service time, and the columns of a split.
_TIMES = 3
_PLAIN, _STEPS, _TOLD = (Struct(f"{columns}d").pack for columns in (_TIMES, STEPS, TOLD))

_Lane = tuple[int, str, str]
"""A number of columns, a persona and a route."""


class Opening(Protocol):
    """Seconds in which a connection was opened."""

    resolve: float
    connect: float
    secure: float


class Answer(Protocol):
    """What a client that times its steps says of an answer."""

    @property
    def opening(self) -> Opening | None:
        """What opening its connection took, if one was opened for it."""

    @property
    def wait(self) -> float:
        """Seconds from the send to its first byte."""

    @property
    def receive(self) -> float:
        """Seconds from there to its last."""

    @property
    def server_timing(self) -> ServerTiming | None:
        """What the server says of its own time."""


class Recorder:
    """Where the requests of one process go. Seconds count from the load's start; the warm-up's are only numbered."""

    def __init__(self, warmup: float) -> None:
        self._warmup = warmup
        self._good: dict[_Lane, bytearray] = {}
        self._rest: dict[tuple[Kind, str, str], list[float]] = defaultdict(list)
        self._errors: dict[str, Counter[str]] = defaultdict(Counter)
        self._begun: Counter[str] = Counter()
        self._unstarted: dict[str, list[float]] = defaultdict(list)
        self._exceptions: Counter[str] = Counter()
        self._routes: set[str] = set()
        self._folded: list[str] = []
        self._slowest = Slowest()
        self._slow = Slowest()
        """Of these, the ones that were not taken yet."""

    def success(
        self,
        persona: str,
        route: str,
        due: float,
        response: float,
        service: float,
        waited: float = 0.0,
        answer: Answer | None = None,
    ) -> None:
        """A request that succeeded; all times in seconds, ``due`` since the load's beginning.

        Args:
            persona: whose request.
            route: what was asked for.
            due: when it was due.
            response: from there to the last byte.
            service: from the send to the last byte.
            waited: of what it was late, how long its arrival waited for a user.
            answer: where its client times its steps, what came.

        """
        if answer is None:
            lane = self._good.get((_TIMES, persona, route)) or self._lane(_TIMES, persona, route)
            lane += _PLAIN(due, response, service)
            if response >= self._slowest.floor:
                self._offer(due, response, route, "", None)
            return
        opening, told = answer.opening, answer.server_timing
        opened = 0.0 if opening is None else opening.resolve + opening.connect + opening.secure
        wait, receive = answer.wait, answer.receive
        if told is None:
            lane = self._good.get((STEPS, persona, route)) or self._lane(STEPS, persona, route)
            lane += _STEPS(due, response, service, waited, opened, wait, receive)
        else:
            lane = self._good.get((TOLD, persona, route)) or self._lane(TOLD, persona, route)
            said = [UNSAID if seconds is None else seconds for seconds in (told.pool, told.db, told.app)]
            lane += _TOLD(due, response, service, waited, opened, wait, receive, *said)
        if response >= self._slowest.floor:
            self._offer(due, response, route, "", told)

    def failure(
        self, persona: str, route: str, due: float, response: float, error: str, answer: Answer | None = None
    ) -> None:
        """A request that failed, and how."""
        route = self._bounded(route)
        self._rest[Kind.FAILED, persona, route] += (due, response)
        if response >= self._slowest.floor:
            self._offer(due, response, route, error, None if answer is None else answer.server_timing)
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
            slowest=self._slow,
        )
        self._slow = Slowest()
        self._begun, self._exceptions, self._folded = Counter(), Counter(), []
        self._errors, self._unstarted = defaultdict(Counter), defaultdict(list)
        for (columns, persona, route), packed in good.items():
            samples = np.frombuffer(packed).reshape(-1, columns)
            delta.asked[persona][route] += len(samples)
            delta.recent.merge(Histogram.of(samples[:, 1]))
            judged = self._judged(samples, delta)
            self._count(delta, route, Kind.RESPONSE, judged[:, 0], judged[:, 1])
            self._count(delta, route, Kind.SERVICE, judged[:, 0], judged[:, 2])
            if columns > _TIMES and len(judged):
                delta.splits[route].merge(Split.of(judged))
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

    def _lane(self, columns: int, persona: str, route: str) -> bytearray:
        return self._good.setdefault((columns, persona, self._bounded(route)), bytearray())

    def _offer(self, due: float, response: float, route: str, error: str, told: ServerTiming | None) -> None:
        if due < self._warmup:
            return
        trace_id = told.trace_id if told is not None else None
        slow = Slow(response, due, self._bounded(route), error, trace_id or "")
        if self._slowest.offer(slow):
            self._slow.offer(slow)

    def _bounded(self, route: str) -> str:
        if route in self._routes:
            return route
        if len(self._routes) < MAX_ROUTES:
            self._routes.add(route)
            return route
        if len(self._folded) < MAX_EXAMPLES and route not in self._folded:
            self._folded.append(route)
        return OTHER_ROUTE
