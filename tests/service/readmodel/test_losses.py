"""The connection that hears of changes is lost: nothing old is shown, and what was kept is kept again."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from tailgate_otel import recording
from tailgate_service.errors import NotReadyError, UnknownError
from tailgate_service.identity import Identity
from tailgate_service.store.base import Outgoing

from tests.service.readmodel.conftest import relayed

WITHIN = 30.0
KILL = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE application_name = 'tailgate-service listens' AND datname = current_database()
"""


async def until(holds) -> None:
    async with asyncio.timeout(WITHIN):
        while not holds():  # noqa: ASYNC110 - what it waits for sets no event
            await asyncio.sleep(0.01)


@pytest.mark.row("A8")
async def test_a_lost_connection_makes_all_cold_and_its_return_all_hot(world, database, process):
    conversation = await world.conversation(await world.contact())
    async with process() as one:
        await one.model.catch_up()
        hot = one.model.hot
        assert hot.card(world.id, "49301234567") is not None
        lost = one.model.hearing
        await database.execute(KILL)
        await until(lambda: not lost.listening or hot.card(world.id, "49301234567") is None)
        assert hot.size == 0
        # Nobody hears of this one.
        await world.message(conversation, "meanwhile", created_at=world.at(0))
        with recording() as record:
            assert (await one.card(world))["messages"][0]["body"] == "meanwhile"
        assert record.queries <= 1
        await until(lambda: hot.inbox(world.id) is not None and hot.card(world.id, "49301234567") is not None)
        with recording() as record:
            assert (await one.card(world))["messages"][0]["body"] == "meanwhile"
        assert record.queries == 0


async def test_writes_are_answered_while_nothing_is_heard(world, database, process):
    who = Identity(workspace_id=world.id)
    conversation = await world.conversation(await world.contact())
    async with process() as one:
        for number in range(10):
            await database.execute(KILL)
            await one.store.conversations.send(who, Outgoing(conversation_id=conversation, body=f"{number}"))
            assert (await one.card(world))["messages"][0]["body"] == f"{number}"
            assert (await one.inbox(world))["conversations"][0]["last_message_preview"] == f"{number}"


async def test_who_cannot_hear_waits_for_nothing_and_keeps_nothing(world, documented, process, monkeypatch):
    who = Identity(workspace_id=world.id)
    conversation = await world.conversation(await world.contact())
    monkeypatch.setattr("tailgate_service.store.readmodel.writing._USUALLY", 2 * WITHIN)
    async with AsyncExitStack() as stack:
        ears = await stack.enter_async_context(relayed(documented.dsn, 0.0))
        async with process(ears=ears) as one:
            await stack.aclose()
            await until(lambda: not one.model.hearing.listening)
            async with asyncio.timeout(WITHIN):
                await one.store.conversations.send(who, Outgoing(conversation_id=conversation, body="unheard"))
            for _ in range(2):
                with recording() as record:
                    assert (await one.card(world))["messages"][0]["body"] == "unheard"
                    assert (await one.inbox(world))["conversations"][0]["last_message_preview"] == "unheard"
                assert record.queries == 2
            assert one.model.hot.size == 0


async def test_a_write_that_is_never_heard_of_makes_all_cold_and_then_hot_again(world, process, monkeypatch, caplog):
    """The mark is swallowed, as by a line that is dead without a word."""
    who = Identity(workspace_id=world.id)
    conversation = await world.conversation(await world.contact())
    monkeypatch.setattr("tailgate_service.store.readmodel.writing._USUALLY", 0.01)
    monkeypatch.setattr("tailgate_service.store.readmodel.writing._AT_MOST", 0.1)
    async with process() as one:
        reader = one.model.hearing._reader
        monkeypatch.setattr(reader, "read", lambda _: None)
        await one.store.conversations.send(who, Outgoing(conversation_id=conversation, body="unheard"))
        assert (await one.card(world))["messages"][0]["body"] == "unheard"
        await until(lambda: one.model.hot.card(world.id, "49301234567") is not None)
        assert (await one.card(world))["messages"][0]["body"] == "unheard"
    assert "forgotten and loaded anew" in caplog.text


async def test_a_write_that_was_broken_off_is_not_taken_for_the_next(world, process):
    """Its mark may come late: the next write of that connection asks for one of its own."""
    who = Identity(workspace_id=world.id)
    conversation = await world.conversation(await world.contact())
    async with process(pool_size=1) as one:
        with pytest.raises(ZeroDivisionError):  # noqa: PT012 - what is broken off has begun
            async with one.model.writing() as pool:
                await pool.fetchval("SELECT 1")
                raise ZeroDivisionError
        for queries in (2, 1):
            with recording() as record:
                await one.store.conversations.send(who, Outgoing(conversation_id=conversation, body="x"))
            assert record.queries == queries


async def test_a_write_that_was_refused_leaves_no_doubt_about_the_next(world, process):
    who = Identity(workspace_id=world.id)
    conversation = await world.conversation(await world.contact())
    async with process(pool_size=1) as one:
        with pytest.raises(UnknownError):
            await one.store.conversations.send(who, Outgoing(conversation_id=world.id, body="x"))
        with recording() as record:
            await one.store.conversations.send(who, Outgoing(conversation_id=conversation, body="x"))
        assert record.queries == 1


async def test_what_nobody_of_ours_says_makes_it_forget_all_and_load_again(world, database, process):
    await world.contact()
    async with process() as one:
        for nonsense in ("a b", f"9 {world.id} card", "ü ß"):
            await database.execute("SELECT pg_notify('documents', $1)", nonsense)
            await until(lambda: one.model.hot.card(world.id, "49301234567") is None)
            await until(lambda: one.model.hot.card(world.id, "49301234567") is not None)


async def test_far_from_its_database_it_starts_and_a_write_is_heard_with_its_answer(world, documented, process):
    who = Identity(workspace_id=world.id)
    conversation = await world.conversation(await world.contact())
    async with relayed(documented.dsn, 0.05) as dsn, process(dsn) as one:
        with recording() as record:
            await one.store.conversations.send(who, Outgoing(conversation_id=conversation, body="far"))
            assert (await one.card(world))["messages"][0]["body"] == "far"
        assert record.queries == 1


async def test_missing_documents_are_said_before_anybody_is_served(world, database, process):
    await world.conversation(await world.contact())
    for kind in ("team", "card", "item"):
        delete = "DELETE FROM documents WHERE kind = $1 AND workspace_id = $2 RETURNING workspace_id, kind, key"
        gone = [tuple(row) for row in await database.fetch(delete, kind, world.id)]
        try:
            with pytest.raises(NotReadyError, match="tailgate db backfill"):
                async with process():
                    pass
        finally:
            await database.executemany(
                "INSERT INTO stale_documents (workspace_id, kind, key) VALUES ($1, $2, $3)", gone
            )


@pytest.mark.row("B1")
async def test_documents_of_another_workspace_do_not_exist(world, process, database):
    await world.contact()
    async with process() as one, one.pool.acquire() as connection:
        for role in ("", str(world.id)):
            async with connection.transaction():
                await connection.execute("SELECT set_config('tailgate.workspace', $1, true)", role)
                for table in ("documents", "event_counters"):
                    seen = await connection.fetch(f"SELECT DISTINCT workspace_id FROM {table}")
                    assert [row["workspace_id"] for row in seen] == ([world.id] if role else [])
        for forbidden in (
            "INSERT INTO documents SELECT * FROM documents",
            "UPDATE documents SET key = ''",
            "DELETE FROM documents",
            "INSERT INTO stale_documents (workspace_id, kind, key) VALUES (gen_random_uuid(), 'card', '1')",
            "SELECT * FROM stale_documents",
            "UPDATE event_counters SET documents = 0",
            f"SELECT stale_cards(ARRAY['{world.id}'::uuid])",
        ):
            with pytest.raises(Exception, match="permission denied"):
                await connection.execute(forbidden)
        made = "SELECT document FROM document_of($1, 'card', '49301234567')"
        assert await connection.fetchval(made, world.id) is None
        assert await database.fetchval(made, world.id) is not None
