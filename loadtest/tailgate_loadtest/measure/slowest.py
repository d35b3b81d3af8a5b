"""The slowest requests of a load, so that each can be looked at by itself."""

import heapq
from collections.abc import Iterable
from typing import NamedTuple

SLOWEST = 50


class Slow(NamedTuple):
    """One request. In this order they compare, so that of equals the same are kept whoever adds them up."""

    response: float
    """Response time in seconds."""
    due: float
    """Seconds since the load began."""
    route: str
    error: str
    """How it failed; empty for one that succeeded."""
    trace_id: str
    """Its trace, where the server told; else empty."""


class Slowest:
    """The slowest of those that were offered, SLOWEST at most: however they are shared out, the same are left."""

    def __init__(self) -> None:
        self._heap: list[Slow] = []
        self.floor = 0.0
        """No request that took less than this is among them."""

    def offer(self, slow: Slow) -> bool:
        """Keep a request if it is one of the slowest so far. Whether it is."""
        if len(self._heap) < SLOWEST:
            heapq.heappush(self._heap, slow)
            kept = True
        else:
            kept = heapq.heappushpop(self._heap, slow) is not slow
        if len(self._heap) == SLOWEST:
            self.floor = self._heap[0].response
        return kept

    def merge(self, others: Iterable[Slow]) -> None:
        """Offer many."""
        for slow in others:
            self.offer(slow)

    def sorted(self) -> list[Slow]:
        """The slowest first."""
        return sorted(self._heap, reverse=True)
