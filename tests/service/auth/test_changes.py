"""What the database says of who may ask, through whatever becomes of the connection that brings it."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest
from tailgate_service.auth.changes import CHANNEL, remembering
from tailgate_service.auth.memory import RememberedAccess
from tailgate_service.listener import APPLICATION, Listener
from tailgate_service.server import open_pool
from tailgate_service.settings import Settings
from tailgate_service.store.access import DatabaseAccess

from tests.service.api.conftest import World

PERSON = "person of test_changes"


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - what is waited for is said in another process
            await asyncio.sleep(0.01)


@asynccontextmanager
async def hearing(dsn: str):
    """A memory that listens, and access through it."""
    settings = Settings(database_url=dsn, webhook_secret="s", webhook_verify_token="t", pool_size=2)
    listener = Listener(dsn)
    async with open_pool(settings) as pool, listener.running():
        with remembering(listener) as memory:
            await until(lambda: memory.trusted)
            yield memory, RememberedAccess(DatabaseAccess(pool), memory)


@pytest.fixture
async def owner(seeded_database):
    connection = await asyncpg.connect(seeded_database.owner_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def world(owner) -> World:
    return await World(owner).settle()


async def member(world: World, subject: str) -> None:
    user = await world.user()
    await world.database.execute("UPDATE users SET subject = $2 WHERE id = $1", user, subject)


@pytest.mark.row("A9")
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE users SET role = 'admin' WHERE workspace_id = $1",
        "UPDATE users SET subject = NULL WHERE workspace_id = $1",
        "UPDATE users SET subject = 'another' WHERE workspace_id = $1",
        "DELETE FROM users WHERE workspace_id = $1",
        "UPDATE workspaces SET name = 'Renamed' WHERE id = $1",
        "DELETE FROM workspaces WHERE id = $1",
    ],
)
async def test_a_change_of_a_member_is_known_as_soon_as_it_is_heard(seeded_database, world, owner, change):
    subject = f"{PERSON} {world.id}"
    await member(world, subject)
    async with hearing(seeded_database.dsn) as (memory, access):
        before = await access.memberships(subject)
        assert len(memory) == 1
        await owner.execute(change, world.id)
        await until(lambda: not len(memory))
        assert await access.memberships(subject) != before


@pytest.mark.row("A9")
async def test_a_new_membership_is_known_though_its_workspace_was_not(seeded_database, world, owner):
    subject = f"{PERSON} {world.id}"
    await member(world, subject)
    async with hearing(seeded_database.dsn) as (memory, access):
        assert len(await access.memberships(subject)) == 1
        await member(await World(owner).settle(), subject)
        await until(lambda: not len(memory))
        assert len(await access.memberships(subject)) == 2


@pytest.mark.row("A9")
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE workspaces SET api_key_sha256 = sha256(id::text::bytea) WHERE id = $1",
        "DELETE FROM workspaces WHERE id = $1",
    ],
)
async def test_a_key_that_was_replaced_opens_nothing_as_soon_as_it_is_heard(seeded_database, world, owner, change):
    digest = hashlib.sha256(world.key.encode()).digest()
    async with hearing(seeded_database.dsn) as (memory, access):
        assert await access.workspace_by_key(digest)
        assert len(memory) == 1
        await owner.execute(change, world.id)
        await until(lambda: not len(memory))
        assert await access.workspace_by_key(digest) is None


async def test_what_is_undone_was_not_said(seeded_database, world, owner):
    digest = hashlib.sha256(world.key.encode()).digest()
    async with hearing(seeded_database.dsn) as (memory, access):
        await access.workspace_by_key(digest)
        transaction = owner.transaction()
        await transaction.start()
        await owner.execute("DELETE FROM workspaces WHERE id = $1", world.id)
        await transaction.rollback()
        # What is said after it is heard after it.
        other = await World(owner).settle()
        await access.workspace_by_key(hashlib.sha256(other.key.encode()).digest())
        await owner.execute("DELETE FROM workspaces WHERE id = $1", other.id)
        await until(lambda: len(memory) == 1)
        assert await access.workspace_by_key(digest)


async def test_nonsense_said_on_the_channel_costs_no_more_than_asking_again(seeded_database, world, owner):
    digest = hashlib.sha256(world.key.encode()).digest()
    async with hearing(seeded_database.dsn) as (memory, access):
        for nonsense in ("", "nonsense", f"{world.id} nonsense"):
            await until(lambda: memory.trusted)
            await access.workspace_by_key(digest)
            assert len(memory) == 1
            await owner.execute("SELECT pg_notify($1, $2)", CHANNEL, nonsense)
            await until(lambda: not len(memory))


async def test_a_lost_connection_empties_memory_and_a_new_one_is_made(seeded_database, world, owner):
    digest = hashlib.sha256(world.key.encode()).digest()
    async with hearing(seeded_database.dsn) as (memory, access):
        await access.workspace_by_key(digest)
        begun = time.monotonic()
        await owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"
            " AND datname = current_database()",
            APPLICATION,
        )
        await until(lambda: not len(memory))
        await until(lambda: memory._heard is not None and memory._heard > begun)
        await access.workspace_by_key(digest)
        assert len(memory) == 1
        await owner.execute("DELETE FROM workspaces WHERE id = $1", world.id)
        await until(lambda: not len(memory))


async def test_a_database_that_is_not_there_is_asked_for_each_time_and_nothing_fails():
    listener = Listener("postgresql://nobody@127.0.0.1:1/none")
    async with listener.running():
        with remembering(listener) as memory:
            await asyncio.sleep(0)
            assert not memory.trusted
