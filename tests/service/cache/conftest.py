"""A Redis of its own for each test, caches as processes would have them, and a workspace with an agent."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tailgate_service.cache import shared
from tailgate_service.cache.cache import Cache
from tailgate_service.cache.entry import Key, Made
from tailgate_service.listener import Listener

from benchmarks.redisserver import RedisServer
from tests.service.agents.voice import until
from tests.service.api.conftest import World
from tests.service.cache.redis import running


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a Redis that is well takes longer than a service would wait for it."""
    monkeypatch.setattr(shared, "WITHIN", 1.0)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with running(tmp_path) as server:
        yield server


@pytest.fixture
async def database(seeded_database: Any) -> AsyncIterator[asyncpg.Connection]:
    """A connection that no policy binds."""
    connection = await asyncpg.connect(seeded_database.owner_dsn)
    try:
        yield connection
    finally:
        await connection.close()


class Row:
    """An agent's row, and how its name is read and changed."""

    def __init__(self, database: asyncpg.Connection, workspace: Any) -> None:
        self.database = database
        self.workspace = workspace
        self.key = Key(kind="agent", workspace=workspace)
        self.reads = 0

    async def write(self, name: str) -> int:
        """Change it, by whatever program; its revision."""
        return await self.database.fetchval(
            "UPDATE agents SET configuration = to_jsonb($2::text), version = version + 1 WHERE workspace_id = $1"
            " RETURNING revision",
            self.workspace,
            name,
        )

    async def saved(self, cache: Cache, name: str) -> None:
        """Change it as the service does: who is told that it is done may rely on it."""
        await cache.changed(self.workspace, await self.write(name))

    async def make(self) -> Made | None:
        """The row's body: its name."""
        self.reads += 1
        row = await self.database.fetchrow(
            "SELECT configuration #>> '{}' AS name, revision FROM agents WHERE workspace_id = $1", self.workspace
        )
        return None if row is None else Made(revision=row["revision"], body=row["name"].encode())

    async def seen(self, cache: Cache, ttl: float = 60) -> str | None:
        """What a request of the process of ``cache`` is answered."""
        body = await cache.get(self.key, ttl, self.make)
        return None if body is None else body.decode()


@pytest.fixture
async def row(database: asyncpg.Connection) -> Row:
    world = await World(database).settle()
    number = f"+{secrets.randbelow(10**12) + 10**12}"
    await database.execute(
        "INSERT INTO agents (workspace_id, phone_number, configuration) VALUES ($1, $2, '\"first\"')", world.id, number
    )
    return Row(database, world.id)


Process = Callable[..., Awaitable[Cache]]


@pytest.fixture
async def process(seeded_database: Any, redis: RedisServer) -> AsyncIterator[Process]:
    """``await process()``: the cache of another process, hearing; ``process(None)``: one without Redis."""
    async with AsyncExitStack() as opened:

        async def start(url: str | None = redis.url) -> Cache:
            listener = Listener(seeded_database.dsn)
            await opened.enter_async_context(listener.running())
            cache = Cache(listener, url)
            await opened.enter_async_context(cache.running())
            await until(lambda: cache.session is not None)
            return cache

        yield start


@pytest.fixture
async def cache(process: Process) -> Cache:
    return await process()


class Gate:
    """Reads a row and then waits to be let on: what was read grows old meanwhile."""

    def __init__(self, row: Row) -> None:
        self._row = row
        self.reading = asyncio.Event()
        self.open = asyncio.Event()

    async def make(self) -> Made | None:
        made = await self._row.make()
        self.reading.set()
        await self.open.wait()
        return made


@pytest.fixture
def gate(row: Row) -> Gate:
    return Gate(row)
