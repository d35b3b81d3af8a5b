"""Keeps Locust's own statistics for locustfiles that read them, a second at a time instead of a request at a time.

Locust counts every request into them by its request event, which costs a third of what a request costs altogether. Here
they are fed what goes to the log; so they are a few seconds behind, and whole when the load has ended. Only the counts
of each single second are kept for the last minutes alone: memory must not grow with the length of a run.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from locust.env import Environment
from locust.runners import Runner
from locust.stats import RequestStats

from tailgate_loadtest.measure import buckets
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.kinds import Kind

AnyRunner = TypeVar("AnyRunner", bound=Runner)


def quiet(environment: Environment, create: Callable[[], AnyRunner]) -> AnyRunner:
    """A runner that leaves counting to the feed."""
    hook = environment.events.request
    before = list(hook._handlers)
    runner = create()
    for handler in [each for each in hook._handlers if each not in before]:
        hook.remove_listener(handler)
    return runner


_SECONDS_KEPT = 300


class StatsFeed:
    """Feeds an environment's statistics."""

    def __init__(self, stats: RequestStats) -> None:
        self._stats = stats
        self.began = 0.0
        """When the load began, in seconds since the epoch."""

    def written(self, second: int, route: str, kind: Kind, histogram: Histogram) -> None:
        """One second of a route has gone to the log."""
        failed = kind is Kind.FAILED
        if kind is not Kind.SERVICE and not failed:
            return
        method, _, name = route.partition(" ")
        for entry in (self._stats.get(name, method), self._stats.total):
            _add(entry, int(self.began) + second, histogram, failed=failed)


def _add(entry: Any, second: int, histogram: Histogram, *, failed: bool) -> None:
    count = histogram.total
    milliseconds = np.array([buckets.middle(bucket) / 1e6 for bucket in histogram.counts])
    times = np.array(list(histogram.counts.values()))
    least, most = float(milliseconds.min()), float(milliseconds.max())
    entry.num_requests += count
    entry.num_reqs_per_sec[second] += count
    _forget(entry.num_reqs_per_sec, second)
    entry.last_request_timestamp = max(entry.last_request_timestamp or 0.0, second + 1.0)
    entry.total_response_time += float(milliseconds @ times)
    entry.min_response_time = least if entry.min_response_time is None else min(entry.min_response_time, least)
    entry.max_response_time = max(entry.max_response_time, most)
    # Two significant digits, as Locust rounds them.
    digits = np.floor(np.log10(np.maximum(milliseconds, 1.0))) - 1
    steps = 10.0 ** np.maximum(digits, 0)
    for value, number in zip((np.rint(milliseconds / steps) * steps).tolist(), times.tolist(), strict=True):
        entry.response_times[int(value)] += number
    if failed:
        entry.num_failures += count
        entry.num_fail_per_sec[second] += count
        _forget(entry.num_fail_per_sec, second)


def _forget(per_second: dict[int, int], second: int) -> None:
    if len(per_second) > 2 * _SECONDS_KEPT:
        for old in [each for each in per_second if each < second - _SECONDS_KEPT]:
            del per_second[old]
