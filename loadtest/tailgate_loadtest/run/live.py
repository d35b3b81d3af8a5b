"""How a run stands while it lasts: what was counted so far, by route and by objective.

It is for display, and for ending a search early. The verdict is the judge's, who cuts the log into windows: the bounds
here take requests as independent, which requests in a queue are not, and are therefore too narrow.
"""

import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from scipy.special import betaincinv
from tailgate_slo import SLO, Gate, Objectives

from tailgate_loadtest.measure import buckets
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import LatencyLog
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run.document import Arrivals, Tick

CONFIDENCE = 0.95
"""Of each one-sided bound."""
_RECENT = 5
"""Seconds over which a rate is shown: a Poisson process's single second says little."""

Counts = Iterable[tuple[str, Kind, Iterable[tuple[int, int]]]]
"""Route, kind, and how many times fell into which bucket."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Beat:
    """What the engine says each second."""

    tick: Tick
    counts: Counts = ()
    """What came since the last beat, of judged requests only: responses, service times, failed and censored ones."""
    notes: tuple[str, ...] = ()
    """What befell the processes that put the load on."""

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Self:
        """The beat in one of the engine's messages."""
        counts = [(route, Kind(kind), pairs) for route, kind, pairs in message["counts"]]
        return cls(tick=Tick(**message["tick"]), counts=counts, notes=tuple(message["notes"]))


class State(StrEnum):
    """What the samples so far say of an objective."""

    KEPT = "kept"
    MISSED = "missed"
    UNDECIDED = "undecided"
    NO_SAMPLES = "no samples"


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """One objective's requests so far."""

    slo: SLO
    samples: int
    bad: int
    minimum: int
    """With fewer samples it is not kept, however good they are."""

    @property
    def allowed(self) -> float:
        """The share of requests that may be bad."""
        return float(1 - self.slo.target)

    @property
    def state(self) -> State:
        """By the exact binomial bounds of the bad share (Clopper & Pearson, Biometrika 26, 1934)."""
        k, n = self.bad, self.samples
        if not n:
            return State.NO_SAMPLES
        if k > 0 and betaincinv(k, n - k + 1, 1 - CONFIDENCE) > self.allowed:
            return State.MISSED
        if n >= self.minimum and k < n and betaincinv(k + 1, n - k, CONFIDENCE) <= self.allowed:
            return State.KEPT
        return State.UNDECIDED

    def since(self, earlier: "Standing") -> "Standing":
        """The requests that came after an earlier standing of the same objective."""
        samples, bad = self.samples - earlier.samples, self.bad - earlier.bad
        return Standing(slo=self.slo, samples=samples, bad=bad, minimum=self.minimum)


@dataclass(slots=True)
class RouteCounts:
    """One route's judged requests so far."""

    response: Histogram = field(default_factory=Histogram)
    """Response times of those that succeeded."""
    service: Histogram = field(default_factory=Histogram)
    """Service times of the same."""
    failed: int = 0
    censored: int = 0

    def copy(self) -> "RouteCounts":
        """The counts of this moment."""
        return RouteCounts(Histogram(self.response.counts), Histogram(self.service.counts), self.failed, self.censored)


class _Tally:
    """Good and bad requests of one objective."""

    __slots__ = ("bad", "limit", "samples", "slo")

    def __init__(self, slo: SLO) -> None:
        threshold = slo.measure.threshold if slo.measure is not None and slo.measure.kind == "latency" else None
        # The first bucket that reaches past the threshold, as the judge counts it; past the last one: none does.
        self.limit = buckets.LAST + 1 if threshold is None else buckets.index(round(float(threshold) * 1e9) + 1)
        self.slo = slo
        self.samples = self.bad = 0

    def add(self, kind: Kind, pairs: Sequence[tuple[int, int]], total: int) -> None:
        self.samples += total
        self.bad += sum(n for bucket, n in pairs if bucket >= self.limit) if kind is Kind.RESPONSE else total


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """A run at one moment."""

    run: str
    """Its id."""
    began: float
    """When its load began, in seconds since 1970, to about a hundredth."""
    tick: Tick
    routes: Mapping[str, RouteCounts]
    standings: tuple[Standing, ...]


class Live:
    """Accumulates beats. One thread adds, others may look; memory grows with routes, which the engine keeps few."""

    def __init__(self, objectives: Objectives | None = None, gate: Gate | None = None) -> None:
        self._minimum = (gate or Gate()).minimum_samples
        slos = objectives.slos if objectives is not None else ()
        self._known = objectives.routes() if objectives is not None else ()
        self._slos = tuple(s for s in slos if s.measure is not None and s.measure.kind in ("latency", "availability"))
        self._lock = threading.Lock()
        self._run = ""
        self._began = 0.0
        self.notes: list[str] = []
        """What befell the processes that put the load on."""
        self._recent: deque[Tick] = deque(maxlen=_RECENT + 1)
        self._forget()

    def _forget(self) -> None:
        # From 0 on: a rate over a series that begins at 7 misses these seven.
        self._routes = {route: RouteCounts() for route in self._known}
        self._tallies = [_Tally(slo) for slo in self._slos]

    def begin(self, run: str) -> None:
        """The run has its id."""
        self._run = run

    def add(self, beat: Beat) -> None:
        """One second has passed."""
        with self._lock:
            if not self._recent:
                self._began = time.time() - beat.tick.second
            self._recent.append(beat.tick)
            self._count(beat.counts)
            self.notes += beat.notes

    def settle(self, log: LatencyLog, arrivals: Arrivals) -> None:
        """The load is over: from now on say what the log and the account say, to the request."""
        kinds = (Kind.RESPONSE, Kind.SERVICE, Kind.FAILED, Kind.CENSORED)
        counts = [(r, kind, list(log.whole(r, kind).counts.items())) for r in log.routes for kind in kinds]
        with self._lock:
            self._forget()
            self._count(counts)
            if self._recent:
                final = {"started": arrivals.started, "completed": arrivals.completed, "waiting": arrivals.unstarted}
                self._recent.append(self._recent[-1].model_copy(update=final))

    @property
    def tick(self) -> Tick | None:
        """The latest; None before the first."""
        return self._recent[-1] if self._recent else None

    def rate(self) -> tuple[float, float]:
        """Arrivals started per second over the last seconds, and how many were planned."""
        if not self._recent:
            return 0.0, 0.0
        last = self._recent[-1]
        # The second before the first tick had nothing.
        first = self._recent[0] if len(self._recent) > 1 else None
        seconds = last.second - (first.second if first else 0.0)
        started = last.started - (first.started if first else 0.0)
        planned = last.planned - (first.planned if first else 0.0)
        return (started / seconds, planned / seconds) if seconds > 0 else (0.0, 0.0)

    def standings(self) -> tuple[Standing, ...]:
        """Each objective of latency or availability, in the file's order; the other measures are known at the end."""
        return tuple(Standing(slo=t.slo, samples=t.samples, bad=t.bad, minimum=self._minimum) for t in self._tallies)

    def snapshot(self) -> Snapshot | None:
        """All of it at this moment, for another thread; None before the first beat."""
        with self._lock:
            if not self._recent:
                return None
            routes = {route: counts.copy() for route, counts in self._routes.items()}
            return Snapshot(
                run=self._run, began=self._began, tick=self._recent[-1], routes=routes, standings=self.standings()
            )

    def _count(self, counts: Counts) -> None:
        for route, kind, raw in counts:
            pairs = [(bucket, n) for bucket, n in raw]
            total = sum(n for _, n in pairs)
            if not total:
                continue
            known = self._routes.setdefault(route, RouteCounts())
            if kind is Kind.RESPONSE:
                known.response.merge(Histogram(dict(pairs)))
            elif kind is Kind.FAILED:
                known.failed += total
            elif kind is Kind.CENSORED:
                known.censored += total
            elif kind is Kind.SERVICE:
                known.service.merge(Histogram(dict(pairs)))
                continue  # not judged
            else:
                continue  # nor is set-up
            for tally in self._tallies:
                if tally.slo.measure is not None and tally.slo.measure.route in (None, route):
                    tally.add(kind, pairs, total)
