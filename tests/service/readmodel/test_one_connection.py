"""All parts of a process hear by one connection, and when that is killed all of them recover."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from tailgate_otel import recording
from tailgate_service.app import create_app, open_store
from tailgate_service.auth.changes import remembering
from tailgate_service.auth.memory import Memory
from tailgate_service.errors import NotReadyError
from tailgate_service.identity import Identity
from tailgate_service.listener import APPLICATION, Listener
from tailgate_service.server import open_pool
from tailgate_service.store.base import Outgoing
from tailgate_service.store.readmodel import model as model_module
from tailgate_service.store.readmodel.contacts import ReadModelContacts
from tailgate_service.store.readmodel.model import ReadModel
from tailgate_service.store.readmodel.writing import catch_up
from tailgate_service.switch import Switch

from tests.service.api.conftest import settings_for
from tests.service.readmodel.test_losses import KILL, until

POOL = 3
SESSIONS = """
SELECT application_name, count(*) FROM pg_stat_activity
WHERE usename = 'tailgate_api' AND datname = current_database() GROUP BY 1"""


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A process with all its parts."""

    app: FastAPI
    memory: Memory
    model: ReadModel
    switch: Switch

    @property
    def hears(self) -> bool:
        """Whether every part that says so hears."""
        return self.memory.trusted and self.model.hearing.listening and self.app.state.desk.cache.session is not None


@asynccontextmanager
async def whole(documented: Any) -> AsyncIterator[Whole]:
    settings = settings_for("readmodel", documented.dsn, pool_size=POOL)
    listener = Listener(settings.database_url)
    with remembering(listener) as memory:
        async with (
            open_pool(settings) as pool,
            listener.running(),
            Switch(
                settings.database_url,
                listener,
                "readmodel",
                lambda variant: open_store(settings, variant, pool, memory, listener=listener),
            ) as switch,
        ):
            app = create_app(settings, switch.store, listener)
            contacts = switch.store.contacts
            assert isinstance(contacts, ReadModelContacts)
            async with app.state.desk.running():
                yield Whole(app=app, memory=memory, model=contacts.model, switch=switch)
            await app.state.live.close()


async def test_a_process_has_its_pool_one_session_that_holds_the_schema_and_one_that_listens(documented, database):
    async with whole(documented) as process:
        await until(lambda: process.hears)
        assert dict(await database.fetch(SESSIONS)) == {"tailgate-service": POOL + 1, APPLICATION: 1}


async def test_when_the_connection_is_killed_every_part_recovers(documented, database, world):
    who = Identity(workspace_id=world.id, proof=hashlib.sha256(world.key.encode()).digest())
    conversation = await world.conversation(await world.contact())
    async with whole(documented) as process:
        await until(lambda: process.hears)
        access, live, cache = process.switch.store.access, process.app.state.live, process.app.state.desk.cache
        follower = await live.follow(who, None)
        assert await access.workspace_by_key(who.proof)
        session = cache.session

        assert await database.fetchval(KILL) == 1
        await until(lambda: cache.session not in (None, session) and process.hears)
        assert len(process.memory) == 0

        # The read model: what is written here is read here, from memory.
        await until(lambda: process.model.hot.card(world.id, "49301234567") is not None)
        await process.switch.store.conversations.send(who, Outgoing(conversation_id=conversation, body="after"))
        assert b"after" in process.model.hot.card(world.id, "49301234567")
        # Live connections.
        async with asyncio.timeout(10):
            assert [event.number for event in await follower.next()] == [1]
        follower.close()
        # The schema.
        process.switch._changed.clear()
        await database.execute("SELECT pg_notify('schema', '')")
        await until(process.switch._changed.is_set)
        # The cache.
        await cache.changed(world.id, session.number)
        assert cache.session.number > session.number
        # Who may ask.
        assert await access.workspace_by_key(who.proof)
        assert len(process.memory) == 1
        await database.execute(
            "UPDATE workspaces SET api_key_sha256 = sha256('x' || uuid_send(id)) WHERE id = $1", world.id
        )
        await until(lambda: len(process.memory) == 0)


async def test_documents_are_not_ready_while_nothing_is_heard(documented, monkeypatch):
    monkeypatch.setattr(model_module, "_HEARD_WITHIN", 0.05)
    settings = settings_for("readmodel", documented.dsn, pool_size=1)
    idle = Listener(settings.database_url)
    async with open_pool(settings) as pool:
        with pytest.raises(NotReadyError, match="nothing is heard"):
            async with open_store(settings, "readmodel", pool, listener=idle):
                pass


async def test_a_write_during_which_it_is_heard_anew_waits_for_a_word_of_its_own(process):
    """Its mark may have been said while nobody heard."""
    async with process() as one:
        with recording() as record:
            async with one.model.writing() as pool:
                await pool.execute("SELECT 1")
                one.model.hearing.give_up("for the test")
                await until(lambda: one.model.hearing.listening)
        assert record.queries == 2


async def test_a_word_that_cannot_be_said_fails_no_write(process):
    class Away:
        async def execute(self, query: str, *args: Any) -> str:
            raise OSError("away")

    async with process() as one:
        await catch_up(Away(), one.model.hearing)
        assert not one.model.hearing.listening
        await until(lambda: one.model.hearing.listening)
