"""Which traces are worth keeping, and how many of them."""

import time
from math import inf

from tailgate_otel import names
from tailgate_otel.config import Config

# The 56 random bits of a trace id: the same ids are sampled by everyone who uses the same ratio.
RANDOM_BITS = (1 << 56) - 1


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
    """What is worth keeping on which route, and no more of it than the cap allows."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.sampled_below = int(config.sample_ratio * (RANDOM_BITS + 1))
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def sampled(self, trace_id: int) -> bool:
        """The decision that can be taken at the head of a request, and is told downstream."""
        return (trace_id & RANDOM_BITS) < self.sampled_below

    def limits(self, route: str) -> tuple[float, float]:
        """Seconds and queries above which a request to ``route`` (``METHOD template``) is worth keeping."""
        config = self._config
        return config.thresholds.get(route, config.default_slow), config.budgets.get(route, inf)

    def admit(self, route: str, reason: str) -> bool:
        """Whether one more trace of the route is within the cap of the reason."""
        now = time.monotonic()
        bucket = self._buckets.get((route, reason))
        if bucket is None:
            bucket = self._buckets[route, reason] = Bucket(self._config.keep_per_second, now)
        return bucket.take(now)


def reason_to_keep(
    *, failed: bool, slow: bool, over_budget: bool, repeated: bool, forced: bool, sampled: bool
) -> str | None:
    """The most important reason to keep the trace of a request, if there is one."""
    if failed:
        return names.KEPT_ERROR
    if slow:
        return names.KEPT_SLOW
    if over_budget:
        return names.KEPT_BUDGET
    if repeated:
        return names.KEPT_N_PLUS_ONE
    if forced:
        return names.KEPT_FORCED
    return names.KEPT_SAMPLE if sampled else None
