"""One stand-in for each worker, behaving well again before each test, and workspaces without an agent."""

import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from tests.service.agents.voice import Provider, client_of, serving, settings_of, standing_in
from tests.service.api.conftest import World


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with standing_in(tmp_path_factory.mktemp("provider") / "log") as provider:
        yield provider


@pytest.fixture
def provider(stand_in: Provider) -> Provider:
    stand_in.behave()
    return stand_in


@pytest.fixture
async def app(seeded_database: Any, provider: Provider) -> AsyncIterator[FastAPI]:
    async with serving(settings_of(seeded_database.dsn, voice_url=provider.url)) as app:
        yield app


@pytest.fixture
async def database(seeded_database: Any) -> AsyncIterator[asyncpg.Connection]:
    """A connection that no policy binds."""
    connection = await asyncpg.connect(seeded_database.owner_dsn)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def world(database: asyncpg.Connection) -> World:
    return await World(database).settle()


@pytest.fixture
async def client(app: FastAPI, world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, world.key) as client:
        yield client


@pytest.fixture
def number() -> str:
    """A phone number that no other agent answers."""
    return f"+{secrets.randbelow(10**12) + 10**12}"
