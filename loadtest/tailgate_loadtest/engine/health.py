"""The generator watches itself: late arrivals, a stalled loop, and what the system gives it and takes away."""

import time
from array import array
from collections import Counter, deque

import gevent

from tailgate_loadtest.engine import machine
from tailgate_loadtest.engine.machine import Machine, Quota, Ticks
from tailgate_loadtest.engine.readings import LATE, Readings
from tailgate_loadtest.measure.histogram import Histogram

_BEAT = 0.02
"""Seconds between two looks at whether the loop still runs."""
_EVERY = 1.0
"""Seconds between two looks at the system."""
_BUSIEST = 10
"""Seconds over which the processor's share is taken where it was largest."""


class Health:
    """Measures one process from ``start`` on."""

    def __init__(self, target: str | None = None, system: Machine | None = None) -> None:
        """Be ready to measure.

        Args:
            target: the service's address; whether it is on this machine is a reading.
            system: where the looks at the system go.

        """
        self._target = target
        self._system = system or Machine()
        self._late = array("d")
        self._lag = Histogram()
        self._latest_lag = 0.0
        self._due: float | None = None
        self._stalled = self._longest_stall = 0.0
        self._refused: Counter[str] = Counter()
        self._target_here: bool | None = None
        self._most: Counter[str] = Counter()
        self._quotas: dict[str, tuple[Quota, Quota]] = {}
        self._used: deque[tuple[float, float]] = deque(maxlen=_BUSIEST + 1)
        self._busiest = 0.0
        self._start, self._cpu = time.perf_counter(), time.process_time()
        self._ticks: Ticks | None = None
        self._run_delay: float | None = None

    def start(self) -> None:
        """The load begins now."""
        self._start, self._cpu = time.perf_counter(), time.process_time()
        self._ticks, self._run_delay = self._system.ticks(), self._system.run_delay()
        self._look()
        gevent.spawn(self._watch)
        if self._target:
            gevent.spawn(self._locate)

    def late(self, seconds: float) -> None:
        """An arrival was begun this much after it was due."""
        self._late.append(seconds)

    def failed(self, error: BaseException) -> None:
        """A request failed; it may be the generator that lacked something."""
        if kind := machine.shortage(error):
            self._refused[kind] += 1

    def latest_lag(self) -> float:
        """The worst lag since this was last asked, in seconds."""
        self._fold()
        worst, self._latest_lag = self._latest_lag, 0.0
        return worst

    def readings(self) -> Readings:
        """What was seen until now: plain JSON, to be judged by ``assess``, together with that of other workers."""
        self._fold()
        self._look()
        passed = self._passed()
        bounds = [now.cores for _, now in self._quotas.values() if now.cores is not None]
        return Readings(
            seconds=time.perf_counter() - self._start,
            lag=[[bucket, count] for bucket, count in sorted(self._lag.counts.items())],
            due=self._due,
            cpu=time.process_time() - self._cpu,
            cpu_busiest=self._busiest,
            stalled=self._stalled,
            longest_stall=self._longest_stall,
            waited=self._waited(),
            throttled=max((now.throttled - then.throttled for then, now in self._quotas.values()), default=None),
            quota=min(bounds, default=None),
            cores=machine.cores(),
            machine=self._system.identity(),
            machine_cores=passed.cores if passed else None,
            machine_busy=1 - passed.idle / passed.total if passed else None,
            steal=passed.steal / passed.total if passed else None,
            target_here=self._target_here,
            open_files=self._most.get("open_files"),
            files_limit=machine.files_limit(),
            waiting_connections=self._most.get("waiting_connections"),
            local_ports=self._system.local_ports(),
            refused=dict(self._refused),
        )

    def _passed(self) -> Ticks | None:
        now = self._system.ticks()
        passed = now.since(self._ticks) if now and self._ticks else None
        return passed if passed and passed.total > 0 else None

    def _waited(self) -> float | None:
        now = self._system.run_delay()
        return None if now is None or self._run_delay is None else now - self._run_delay

    def _watch(self) -> None:
        due = self._start + _EVERY
        while True:
            before = time.perf_counter()
            gevent.sleep(_BEAT)
            now = time.perf_counter()
            stall = now - before - _BEAT
            self._longest_stall = max(self._longest_stall, stall)
            if stall > LATE:
                self._stalled += stall
            if now >= due:
                due = now + _EVERY
                self._fold()
                self._look()

    def _look(self) -> None:
        """At what must be seen while it lasts."""
        now, cpu = time.perf_counter(), time.process_time()
        self._used.append((now, cpu))
        before, used = self._used[0]
        if now - before >= _BUSIEST - 0.5:
            self._busiest = max(self._busiest, (cpu - used) / (now - before))
        for name, count in (
            ("open_files", self._system.open_files()),
            ("waiting_connections", self._system.waiting_connections()),
        ):
            if count is not None:
                self._most[name] = max(self._most[name], count)
        for path, quota in self._system.quotas().items():
            first, _ = self._quotas.get(path, (quota, quota))
            self._quotas[path] = (first, quota)

    def _fold(self) -> None:
        if self._late:
            self._latest_lag = max(self._latest_lag, max(self._late))
            self._lag.merge(Histogram.of(self._late))
            # That it came just now is right to the second, between two looks, and needs no clock for each arrival.
            self._due = max(time.perf_counter() - self._start - self._late[-1], 0.0)
            self._late = array("d")

    def _locate(self) -> None:
        self._target_here = machine.is_here(self._target or "")
