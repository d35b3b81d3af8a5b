"""A database with documents, and processes that keep them: stores that know of each other by the database alone."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import orjson
import pytest
from tailgate_service.app import open_store
from tailgate_service.identity import Identity
from tailgate_service.listener import Listener
from tailgate_service.relay import Address, listening
from tailgate_service.routes import answer
from tailgate_service.server import open_pool
from tailgate_service.store.base import InboxQuery, Store
from tailgate_service.store.database import Pool
from tailgate_service.store.readmodel.contacts import ReadModelContacts
from tailgate_service.store.readmodel.model import ReadModel

from tests.service.api.conftest import World, settings_for


@dataclass(frozen=True, kw_only=True)
class Process:
    """The store of one process, its pool, and what it keeps."""

    store: Store
    pool: Pool
    model: ReadModel

    async def card(self, world: World, phone: str = "49301234567") -> dict[str, Any]:
        """A card as it is sent."""
        found = await self.store.contacts.card(Identity(workspace_id=world.id), phone)
        return orjson.loads(answer.json(found).body)

    async def inbox(self, world: World, **query: Any) -> dict[str, Any]:
        """A page of the inbox as it is sent."""
        found = await self.store.conversations.inbox(Identity(workspace_id=world.id), InboxQuery(**query))
        return orjson.loads(answer.json(found).body)


@asynccontextmanager
async def relayed(dsn: str, delay: float) -> AsyncIterator[str]:
    """Another address of a database, from which everything comes so many seconds later."""
    parts = urlsplit(dsn)
    upstream = Address(host=parts.hostname, port=parts.port)
    async with listening(Address(host="127.0.0.1", port=0), upstream, delay) as at:
        yield urlunsplit(parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{at.port}"))


Open = Callable[..., AbstractAsyncContextManager[Process]]


@pytest.fixture(scope="session")
def documented(clone_of: Callable[[str], Any]) -> Any:
    """One database at the newest level for all tests here: each keeps to a workspace of its own."""
    return clone_of("readmodel")


@pytest.fixture
def process(documented: Any) -> Open:
    """``process()``: another one, in a context.

    ``ears`` is where it listens when that is not where it asks; ``over`` makes the pool that it is given.
    """

    @asynccontextmanager
    async def opened(
        dsn: str = documented.dsn, *, ears: str | None = None, over: Callable[[Any], Any] | None = None, **changes: Any
    ) -> AsyncIterator[Process]:
        settings = settings_for("readmodel", dsn, **changes)
        listener = Listener(ears or dsn)
        async with open_pool(settings) as opened, listener.running():
            pool = over(opened) if over else opened
            async with open_store(settings, "readmodel", pool, listener=listener) as store:
                assert isinstance(store.contacts, ReadModelContacts)
                yield Process(store=store, pool=pool, model=store.contacts.model)

    return opened


@pytest.fixture
async def database(documented: Any) -> AsyncIterator[asyncpg.Connection]:
    """A connection that no policy binds."""
    connection = await asyncpg.connect(documented.owner_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def world(database: asyncpg.Connection) -> World:
    return await World(database).settle()
