"""Which traces are worth keeping, and how many of them."""

import time

from tailgate_otel import names
from tailgate_otel.config import Config

# The 56 random bits of a trace id: the same ids are sampled by everyone who uses the same ratio.
_RANDOM_BITS = (1 << 56) - 1


class Bucket:
    """A token bucket: ``rate`` per second in the long run, a second's worth at once, and at least one."""

    __slots__ = ("_at", "_rate", "_size", "_tokens")

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._size = max(1.0, rate)
        self._tokens = self._size
        self._at = now

    def take(self, now: float) -> bool:
        """One token, if there is one at ``now``, seconds of any steady clock."""
        self._tokens = min(self._size, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Keeper:
    """Decides after the end of a request whether its trace is kept, and why."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._sampled_below = int(config.sample_ratio * (_RANDOM_BITS + 1))
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def sampled(self, trace_id: int) -> bool:
        """The decision that can be taken at the head of a request, and is told downstream."""
        return (trace_id & _RANDOM_BITS) < self._sampled_below

    def reason(
        self, route: str, *, failed: bool, seconds: float, queries: int, repeated: bool, sampled: bool
    ) -> str | None:
        """The most important reason to keep the trace of a request to ``route`` (``METHOD template``)."""
        budget = self._config.budgets.get(route)
        if failed:
            return names.KEPT_ERROR
        if seconds > self._config.thresholds.get(route, self._config.default_slow):
            return names.KEPT_SLOW
        if budget is not None and queries > budget:
            return names.KEPT_BUDGET
        if repeated:
            return names.KEPT_N_PLUS_ONE
        return names.KEPT_SAMPLE if sampled else None

    def admit(self, route: str, reason: str) -> bool:
        """Whether one more trace of the route is within the cap of the reason."""
        now = time.monotonic()
        bucket = self._buckets.get((route, reason))
        if bucket is None:
            bucket = self._buckets[route, reason] = Bucket(self._config.keep_per_second, now)
        return bucket.take(now)
