"""What Postgres' sessions wait for is told on the metrics page, from a real one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tailgate_otel import names
from tailgate_service.listener import Listener
from tailgate_service.waits import Waits, watching

WITHIN = 30
LOCK = "SELECT pg_advisory_xact_lock(4711)"


def page(waits: Waits) -> dict[tuple[str, ...], float]:
    """Name, and the values of its labels in the order of their names -> value."""
    families = text_string_to_metric_families("".join(waits.text(openmetrics=False)))
    return {(s.name, *(value for _, value in sorted(s.labels.items()))): s.value for f in families for s in f.samples}


@asynccontextmanager
async def watched(dsn: str) -> AsyncIterator[Waits]:
    listener, waits = Listener(dsn), Waits()
    async with listener.running(), watching(listener, waits, 0.01):
        yield waits


async def until(waits: Waits, *key: str, at_least: float = 1) -> dict[tuple[str, ...], float]:
    async with asyncio.timeout(WITHIN):
        while page(waits).get(key, -1) < at_least:  # noqa: ASYNC110 - the page is what is looked at
            await asyncio.sleep(0.01)
    return page(waits)


@pytest.fixture
async def two(seeded_database) -> AsyncIterator[tuple[asyncpg.Connection, asyncpg.Connection]]:
    connections = [await asyncpg.connect(seeded_database.dsn) for _ in range(2)]
    yield connections[0], connections[1]
    for connection in connections:
        connection.terminate()


async def test_who_waits_for_a_lock_is_seen_until_it_has_it(seeded_database, two):
    holder, waiter = two
    async with watched(seeded_database.dsn) as waits:
        async with holder.transaction():
            await holder.execute(LOCK)
            waiting = asyncio.create_task(waiter.execute(LOCK))
            found = await until(waits, names.POSTGRES_SESSIONS, "Lock")
            # The holder has answered and keeps its transaction open: it waits for its client.
            assert found[names.POSTGRES_SESSIONS, "Client"] >= 1
            assert found[names.POSTGRES_LOCKS, "ExclusiveLock", "awaited"] >= 1
            assert found[names.POSTGRES_LOCKS, "ExclusiveLock", "held"] >= 1
            await until(waits, names.POSTGRES_LOCK_WAIT, at_least=0.05)
        await waiting
        async with asyncio.timeout(WITHIN):
            while page(waits)[names.POSTGRES_LOCK_WAIT,]:  # noqa: ASYNC110 - the page is what is looked at
                await asyncio.sleep(0.01)
        # What is over is 0, and not gone.
        assert page(waits)[names.POSTGRES_LOCKS, "ExclusiveLock", "awaited"] == 0


async def test_a_database_that_does_not_answer_says_nothing_rather_than_what_it_last_said():
    async with watched("postgresql://nobody@127.0.0.1:1/none") as waits:
        waits.told([{"what": "session", "name": "Lock", "state": "", "value": 3.0}])
        assert page(waits)[names.POSTGRES_SESSIONS, "Lock"] == 3
        async with asyncio.timeout(WITHIN):
            while page(waits):  # noqa: ASYNC110 - the page is what is looked at
                await asyncio.sleep(0.01)
