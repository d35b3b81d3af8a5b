"""The generator watches itself: late arrivals, processor time, a stalled loop. Past its limits, no verdict is sound."""

import time

import gevent

from tailgate_loadtest.measure.histogram import Histogram

MAX_LAG = 0.050
"""Seconds by which at most 1 % of the arrivals may be begun late."""
MAX_CPU = 0.95
"""The most of one core that the engine may have used over the load."""
_BEAT = 0.05


class Health:
    """Measures from ``start`` to ``report``."""

    def __init__(self) -> None:
        self._lag = Histogram()
        self._stall = 0.0
        self._cpu = self._wall = 0.0
        self._latest_lag = 0.0

    def start(self) -> None:
        """The load begins now."""
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        gevent.spawn(self._watch)

    def late(self, seconds: float) -> None:
        """An arrival was begun this much after it was due."""
        self._lag.add(round(max(seconds, 0.0) * 1e9))
        self._latest_lag = max(self._latest_lag, seconds)

    def latest_lag(self) -> float:
        """The worst lag since this was last asked, in seconds."""
        worst, self._latest_lag = self._latest_lag, 0.0
        return worst

    def report(self) -> dict[str, object]:
        """What was seen, and every limit that was passed; no reasons means healthy."""
        wall = time.perf_counter() - self._wall
        cpu = (time.process_time() - self._cpu) / wall if wall > 0 else 0.0
        lag = self._lag.quantile(0.99) if self._lag.total else 0.0
        reasons = []
        if lag > MAX_LAG:
            reasons.append(
                f"1 % of the arrivals were begun more than {lag * 1e3:.0f} ms late (limit {MAX_LAG * 1e3:.0f} ms)"
            )
        if cpu > MAX_CPU:
            reasons.append(f"the engine used {cpu:.0%} of a core (limit {MAX_CPU:.0%})")
        return {
            "lag_p50": self._lag.quantile(0.5) if self._lag.total else 0.0,
            "lag_p99": lag,
            "lag_max": self._lag.maximum() if self._lag.total else 0.0,
            "cpu": cpu,
            "longest_stall": self._stall,
            "reasons": reasons,
        }

    def _watch(self) -> None:
        while True:
            before = time.perf_counter()
            gevent.sleep(_BEAT)
            self._stall = max(self._stall, time.perf_counter() - before - _BEAT)
