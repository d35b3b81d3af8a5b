"""Connection pools, read when the metrics are: how full they are, and how many wait for them."""

from collections.abc import Iterator
from typing import Protocol
from weakref import WeakKeyDictionary

from tailgate_otel import names
from tailgate_otel.exposition import Labels, gauge
from tailgate_otel.guard import Guard


class Pool(Protocol):
    """What is read of a pool, as asyncpg's have it."""

    waiting: int
    """How many ask for a connection just now."""

    def get_size(self) -> int:
        """Open connections."""

    def get_idle_size(self) -> int:
        """Those of them that nobody uses."""

    def get_max_size(self) -> int:
        """Connections that may be open."""

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""


class Pools:
    """The pools of one process, but for those that are closed or gone. Pools of one name are added up."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._names: WeakKeyDictionary[Pool, str] = WeakKeyDictionary()

    def watch(self, pool: Pool, name: str) -> None:
        """Read the pool from now on."""
        self._names[pool] = name

    def text(self) -> Iterator[str]:
        """The gauges as they stand."""
        counts: dict[Labels, int] = {}
        most: dict[Labels, int] = {}
        pending: dict[Labels, int] = {}
        # A copy, and in one step: the event loop's thread adds pools.
        for watched in self._names.keyrefs():
            # Connections come and go while this thread counts them.
            with self._guard:
                pool = watched()
                if pool is None or pool.is_closing():
                    continue
                name = self._names[pool]
                idle, size, limit = pool.get_idle_size(), pool.get_size(), pool.get_max_size()
                _add(counts, (name, names.POOL_IDLE), idle)
                _add(counts, (name, names.POOL_USED), max(0, size - idle))
                _add(most, (name,), limit)
                _add(pending, (name,), pool.waiting)
        by_name = (names.LABEL_POOL,)
        yield gauge(
            names.DB_POOL_COUNT,
            "Open connections of the pool, by what they do.",
            (names.LABEL_POOL, names.LABEL_POOL_STATE),
            counts,
        )
        yield gauge(names.DB_POOL_MAX, "Connections that the pool may open.", by_name, most)
        yield gauge(names.DB_POOL_PENDING, "Requests that wait for a connection of the pool.", by_name, pending)


def _add(values: dict[Labels, int], key: Labels, value: int) -> None:
    values[key] = values.get(key, 0) + value
