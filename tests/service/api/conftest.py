"""The API of each variant over a database of its own level, and workspaces that no other test touches."""

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from tailgate_service import webhook
from tailgate_service.app import create_app, open_store
from tailgate_service.server import open_pool
from tailgate_service.settings import VARIANTS, Settings
from tailgate_service.store.readmodel.contacts import ReadModelContacts

SECRET = "shared with the provider"
VERIFY_TOKEN = "agreed with the provider"
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def database_of(clone_of: Callable[[str], Any]) -> Callable[[str], Any]:
    """The database at the level of a variant's schema; one for the whole session."""
    made: dict[str, Any] = {}

    def database(variant: str) -> Any:
        if variant not in made:
            made[variant] = clone_of(variant)
        return made[variant]

    return database


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> str:
    return request.param


once = pytest.mark.parametrize("variant", ["parallel"], indirect=True)
"""Marks what is decided before a store is asked: variants do not differ in it."""


def settings_for(variant: str, dsn: str, **changes: Any) -> Settings:
    return Settings(
        **(
            {
                "database_url": dsn,
                "variant": variant,
                "webhook_secret": SECRET,
                "webhook_verify_token": VERIFY_TOKEN,
                "pool_size": 3,
            }
            | changes
        )
    )


@pytest.fixture
def settings(variant: str, database_of: Callable[[str], Any]) -> Settings:
    return settings_for(variant, database_of(variant).dsn)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[FastAPI]:
    """An API of its own."""
    async with open_pool(settings) as pool, open_store(settings, settings.variant, pool) as store:
        app = create_app(settings, store)
        async with app.state.desk.running():
            yield app


@pytest.fixture(scope="session")
async def served() -> AsyncIterator[Callable[[Settings], Awaitable[FastAPI]]]:
    """The API with certain settings, opened when it is first asked for: tests that change nothing of it share it."""
    made: dict[Settings, FastAPI] = {}
    async with AsyncExitStack() as opened:

        async def api(settings: Settings) -> FastAPI:
            if settings not in made:
                made[settings] = await opened.enter_async_context(serving(settings))
            return made[settings]

        yield api


@pytest.fixture
async def app(settings: Settings, served: Callable[[Settings], Awaitable[FastAPI]]) -> FastAPI:
    return await served(settings)


def client_of(app: FastAPI, key: str | None = None) -> httpx.AsyncClient:
    async def catch_up(_: httpx.Request) -> None:
        """What others write a process may show a moment later: a test does not race with that."""
        contacts = app.state.store.contacts
        if isinstance(contacts, ReadModelContacts):
            await asyncio.create_task(contacts.model.catch_up(), context=Context())

    headers = {} if key is None else {"x-api-key": key}
    # A failure inside is judged by its answer, as a client would.
    hooks: dict[str, Any] = {"request": [catch_up]}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers, event_hooks=hooks)


@pytest.fixture(name="client_of")
def _client_of() -> Callable[..., httpx.AsyncClient]:
    return client_of


@pytest.fixture(name="settings_for")
def _settings_for() -> Callable[..., Settings]:
    return settings_for


@pytest.fixture
async def anybody(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key."""
    async with client_of(app) as client:
        yield client


@pytest.fixture(scope="session")
async def owners() -> AsyncIterator[dict[str, asyncpg.Connection]]:
    """By address: connections that no policy binds."""
    opened: dict[str, asyncpg.Connection] = {}
    yield opened
    for connection in opened.values():
        await connection.close()


@pytest.fixture
async def database(
    settings: Settings, database_of: Callable[[str], Any], owners: dict[str, asyncpg.Connection]
) -> AsyncIterator[asyncpg.Connection]:
    """A connection that no policy binds."""
    dsn = database_of(settings.variant).owner_dsn
    if dsn not in owners or owners[dsn].is_closed():
        owners[dsn] = await asyncpg.connect(dsn)
    yield owners[dsn]
    await owners[dsn].reset()


@dataclass
class World:
    """One workspace, written straight into the database."""

    database: asyncpg.Connection
    key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    phone_number_id: str = field(default_factory=lambda: secrets.token_hex(8))
    id: UUID = field(init=False)

    async def settle(self) -> "World":
        digest = hashlib.sha256(self.key.encode()).digest()
        self.id = await self._insert(
            "workspaces", name="Test", api_key_sha256=digest, phone_number_id=self.phone_number_id
        )
        return self

    @staticmethod
    def at(minutes: float) -> datetime:
        """A moment so many minutes after a certain noon."""
        return NOON + timedelta(minutes=minutes)

    async def user(self, name: str = "Uma") -> UUID:
        return await self._insert("users", workspace_id=self.id, name=name, email=f"{name}@example.test", role="agent")

    async def contact(self, phone: str = "+49 30 1234567", name: str = "Cora") -> UUID:
        return await self._insert("contacts", workspace_id=self.id, name=name, phone=phone)

    async def note(self, contact_id: UUID, body: str, **columns: Any) -> UUID:
        return await self._insert("notes", workspace_id=self.id, contact_id=contact_id, body=body, **columns)

    async def conversation(self, contact_id: UUID | None = None, **columns: Any) -> UUID:
        contact_id = contact_id or await self.contact(phone=str(secrets.randbelow(10**12) + 10**12))
        return await self._insert("conversations", workspace_id=self.id, contact_id=contact_id, **columns)

    async def message(self, conversation_id: UUID, body: str, **columns: Any) -> UUID:
        columns = {"direction": "in", "status": "received"} | columns
        return await self._insert(
            "messages", workspace_id=self.id, conversation_id=conversation_id, body=body, **columns
        )

    async def tag(self, conversation_id: UUID, name: str) -> None:
        tag_id = await self._insert("tags", workspace_id=self.id, name=name, color="#000000")
        await self._insert("conversation_tags", "tag_id", conversation_id=conversation_id, tag_id=tag_id)

    async def count(self, table: str) -> int:
        return await self.database.fetchval(f"SELECT count(*) FROM {table} WHERE workspace_id = $1", self.id)

    def delivery(self, **changes: Any) -> bytes:
        """The body of a delivery to this workspace; ``changes`` are those of ``delivery``."""
        return delivery(phone_number_id=self.phone_number_id, **changes)

    async def _insert(self, table: str, answer: str = "id", **columns: Any) -> Any:
        names = ", ".join(columns)
        values = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
        return await self.database.fetchval(
            f"INSERT INTO {table} ({names}) VALUES ({values}) RETURNING {answer}", *columns.values()
        )


def delivery(
    *,
    phone_number_id: str,
    id: str = "wamid.1",  # noqa: A002 - the field's name
    phone: str = "+49 30 1234567",
    text: str = "Hello",
    sent_at: float | None = None,
    name: str | None = None,
) -> bytes:
    conversation: dict[str, Any] = {"phone_number": phone}
    if name is not None:
        conversation["kapso"] = {"contact_name": name}
    message = {"id": id, "timestamp": str(int(sent_at or time.time())), "type": "text", "text": {"body": text}}
    return json.dumps({"phone_number_id": phone_number_id, "message": message, "conversation": conversation}).encode()


@pytest.fixture
async def world(database: asyncpg.Connection) -> World:
    return await World(database).settle()


@pytest.fixture
async def elsewhere(database: asyncpg.Connection) -> World:
    """Another workspace."""
    return await World(database).settle()


@pytest.fixture
async def client(app: FastAPI, world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the key of ``world``."""
    async with client_of(app, world.key) as client:
        yield client


Deliver = Callable[..., Any]


@pytest.fixture
def deliver(anybody: httpx.AsyncClient) -> Deliver:
    """Post a delivery, signed unless ``signature`` says otherwise."""

    async def post(body: bytes, signature: str | None = None) -> httpx.Response:
        signature = webhook.sign(SECRET, body) if signature is None else signature
        headers = {"content-type": "application/json", "x-webhook-signature": signature}
        return await anybody.post("/api/webhook/kapso", content=body, headers=headers)

    return post
