"""asyncpg's pool, recorded: the wait for a connection adds to the current record."""

# asyncpg is typed in part.
# mypy: disable-error-code="no-untyped-call"

from time import perf_counter_ns
from typing import Any

import asyncpg

from tailgate_otel.account import Sink
from tailgate_otel.call import ENDED, FOUND, RESET, WAIT
from tailgate_otel.connection import RecordedConnection
from tailgate_otel.record import CURRENT, Record

# Called by name, not by super(): it runs for every connection that is asked for.
_acquire = asyncpg.Pool._acquire

DEFAULT_POOL = "main"


class RecordedPool(asyncpg.Pool):
    """A pool that accounts the wait for a connection to the current record.

    What opening a connection takes, its ``init`` and ``setup`` callbacks included, is wait, no query.

    Attributes:
        name: what the pool is called in metrics.
        waiting: how many ask for a connection just now.

    """

    __slots__ = ("__weakref__", "_counted_by", "name", "waiting")

    def __init__(
        self, *args: Any, name: str = DEFAULT_POOL, setup: Any = None, reset: Any = None, **options: Any
    ) -> None:
        super().__init__(*args, setup=setup and _unrecorded(setup), reset=reset and _cleaning(reset), **options)
        self.name = name
        self.waiting = 0
        self._counted_by: Sink | None = None

    def _introduce(self, record: Record) -> None:
        """Show how full the pool is among the metrics of whoever counts the request, from its first request on."""
        self._counted_by = record.sink
        if record.sink is not None:
            with record.guard:
                record.sink.watch(self, self.name)

    async def _acquire(self, timeout: float | None) -> Any:  # noqa: ASYNC109 - asyncpg's signature
        record = CURRENT.get()
        self.waiting += 1
        if record is None or not record.open:
            try:
                return await _acquire(self, timeout)
            finally:
                self.waiting -= 1
        if record.sink is not self._counted_by:
            self._introduce(record)
        waits, started = record.waits, perf_counter_ns()
        if record.enclosing is not None:
            record.nest(started)
        at = len(waits)
        waits.extend((self.name, WAIT, started, 0, 0))
        try:
            return await _acquire(self, timeout)
        except BaseException as error:
            waits[at + FOUND] = error
            raise
        finally:
            waits[at + ENDED] = perf_counter_ns()
            self.waiting -= 1

    def _get_new_connection(self) -> Any:
        return _unrecorded(super()._get_new_connection)()


def _unrecorded(work: Any) -> Any:
    """Work that is no part of the request that happens to be the first to need it."""

    async def working(*args: Any) -> Any:
        token = CURRENT.set(None)
        try:
            return await work(*args)
        finally:
            CURRENT.reset(token)

    return working


def _cleaning(clean: Any) -> Any:
    """A pool's callback that cleans connections, which is no part of the request that happens to give one back."""

    async def cleaning(connection: Any) -> None:
        # isinstance would not do: asyncpg makes it true for any connection.
        if not issubclass(type(connection), RecordedConnection):
            await clean(connection)
            return
        previous = connection.serve(RESET)
        try:
            await clean(connection)
        finally:
            connection.serve(previous)

    return cleaning


def create_pool(dsn: str | None = None, **options: Any) -> RecordedPool:
    """A pool of recorded connections; takes, and is awaited or entered, like ``asyncpg.create_pool``."""
    defaults = dict(asyncpg.create_pool.__kwdefaults__ or {})
    return RecordedPool(dsn, **(defaults | {"connection_class": RecordedConnection} | options))
