"""Keeps Locust's own statistics for locustfiles that read them, a second at a time instead of a request at a time.

Locust counts every request into them by its request event, which costs a third of what a request costs altogether. Here
they are fed what the recorder writes to the log; so they are a few seconds behind, and whole when the load has ended.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from locust.env import Environment
from locust.runners import LocalRunner
from locust.stats import RequestStats
from numpy.typing import NDArray

from tailgate_loadtest.measure.kinds import Kind


def create_runner(environment: Environment) -> LocalRunner:
    """A local runner that leaves counting to the feed."""
    hook = environment.events.request
    before = list(hook._handlers)
    runner = environment.create_local_runner()
    for handler in [each for each in hook._handlers if each not in before]:
        hook.remove_listener(handler)
    return runner


class StatsFeed:
    """Feeds an environment's statistics."""

    def __init__(self, stats: RequestStats) -> None:
        self._stats = stats
        self.began = 0.0
        """When the load began, in seconds since the epoch."""

    def written(self, second: int, route: str, kind: Kind, times: Sequence[float]) -> None:
        """One second of a route has gone to the log; its times are in seconds."""
        failed = kind is Kind.FAILED
        if kind is not Kind.SERVICE and not failed:
            return
        method, _, name = route.partition(" ")
        milliseconds = np.asarray(times) * 1e3
        for entry in (self._stats.get(name, method), self._stats.total):
            _add(entry, int(self.began) + second, milliseconds, failed=failed)


def _add(entry: Any, second: int, milliseconds: NDArray[np.float64], *, failed: bool) -> None:
    count = len(milliseconds)
    least, most = float(milliseconds.min()), float(milliseconds.max())
    entry.num_requests += count
    entry.num_reqs_per_sec[second] += count
    entry.last_request_timestamp = max(entry.last_request_timestamp or 0.0, second + 1.0)
    entry.total_response_time += float(milliseconds.sum())
    entry.min_response_time = least if entry.min_response_time is None else min(entry.min_response_time, least)
    entry.max_response_time = max(entry.max_response_time, most)
    # Two significant digits, as Locust rounds them.
    digits = np.floor(np.log10(np.maximum(milliseconds, 1.0))) - 1
    steps = 10.0 ** np.maximum(digits, 0)
    rounded, counts = np.unique(np.rint(milliseconds / steps) * steps, return_counts=True)
    for value, times in zip(rounded.tolist(), counts.tolist(), strict=True):
        entry.response_times[int(value)] += times
    if failed:
        entry.num_failures += count
        entry.num_fail_per_sec[second] += count
