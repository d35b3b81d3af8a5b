"""Of two writes that wait for each other the database undoes one: who asked for it is none the wiser."""

import asyncio
import logging
from collections.abc import AsyncIterator

import asyncpg
import pytest
from fastapi import FastAPI
from tailgate_service.retries import TRIES, retrying
from tailgate_service.store.base import Store

from tests.service.api.conftest import serving
from tests.service.api.test_problems import store_of

# Who asks is the one to be undone: it looks for a deadlock at once, the others never.
AT_ONCE = "ALTER ROLE tailgate_api SET deadlock_timeout = '10ms'"
NEVER = "SET deadlock_timeout = '10min'"
WAITING = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $1"
SOMEBODY_WAITS = """
SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'tailgate-service'"""


@pytest.fixture
def variant() -> str:
    return "parallel"


@pytest.fixture
async def others(database_of, variant) -> AsyncIterator[list[asyncpg.Connection]]:
    """Two who write as well."""
    connections = [await asyncpg.connect(database_of(variant).owner_dsn) for _ in range(2)]
    for connection in connections:
        await connection.execute(NEVER)
    yield connections
    for connection in connections:
        await connection.close()


@pytest.fixture
async def impatient(database) -> AsyncIterator[None]:
    await database.execute(AT_ONCE)
    yield
    await database.execute("ALTER ROLE tailgate_api RESET deadlock_timeout")


async def until(database: asyncpg.Connection, query: str, *arguments: object) -> None:
    async with asyncio.timeout(30):
        while not await database.fetchval(query, *arguments):  # noqa: ASYNC110 - the database's word is all there is
            await asyncio.sleep(0.005)


@pytest.fixture
async def app(impatient, settings) -> AsyncIterator[FastAPI]:
    async with serving(settings) as app:
        yield app


async def test_a_write_that_a_deadlock_undid_is_written_after_all(client, world, database, others, caplog):
    """It has the conversation and needs the workspace's counter, another one has that and needs the conversation."""
    first, second = others
    sender, conversation = await world.user(), await world.conversation()
    await world.message(conversation, "makes the counter")
    message = {"conversation_id": str(conversation), "body": "once", "sender_id": str(sender)}
    async with asyncio.timeout(60):
        async with first.transaction():
            await first.execute("SELECT FROM event_counters WHERE workspace_id = $1 FOR UPDATE", world.id)
            async with second.transaction():
                # Lets it have the conversation and nothing more, until the first one waits for that.
                await second.execute("SELECT FROM users WHERE id = $1 FOR UPDATE", sender)
                sending = asyncio.create_task(client.post("/api/messages/send", json=message))
                await until(database, SOMEBODY_WAITS)
                wanting = asyncio.create_task(
                    first.execute("SELECT FROM conversations WHERE id = $1 FOR UPDATE", conversation)
                )
                await until(database, WAITING, first.get_server_pid())
            await wanting
        answer = await sending
    assert answer.status_code == 201, answer.text
    assert await world.count("messages") == 2
    assert caplog.messages[0].startswith("ParallelConversations.send is tried again: DeadlockDetectedError")


class Unlucky:
    """A part of a store whose calls are undone so many times."""

    def __init__(self, times: int, error: Exception) -> None:
        self.left = times
        self._error = error

    async def call(self, what: str) -> str:
        if self.left:
            self.left -= 1
            raise self._error
        return what


def part(unlucky: Unlucky) -> Unlucky:
    store: Store = retrying(store_of(unlucky))
    return store.contacts


@pytest.mark.parametrize("error", [asyncpg.DeadlockDetectedError("x"), asyncpg.SerializationError("x")])
async def test_a_call_is_tried_no_more_than_so_often(error, caplog):
    caplog.set_level(logging.WARNING)
    assert await part(Unlucky(TRIES - 1, error)).call("done") == "done"
    # What else is said meanwhile, others say who share this loop.
    assert [each.name for each in caplog.records].count(retrying.__module__) == TRIES - 1
    with pytest.raises(type(error)):
        await part(Unlucky(TRIES, error)).call("done")


async def test_a_call_that_fails_otherwise_is_made_once():
    unlucky = Unlucky(2, asyncpg.UniqueViolationError("x"))
    with pytest.raises(asyncpg.UniqueViolationError):
        await part(unlucky).call("done")
    assert unlucky.left == 1
