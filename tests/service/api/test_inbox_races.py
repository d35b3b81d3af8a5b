"""An inbox that is read step by step while others write."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tailgate_service.identity import Identity
from tailgate_service.server import open_pool
from tailgate_service.store.base import InboxQuery
from tailgate_service.store.sequential.conversations import SequentialConversations


class Interrupted:
    """A pool, and a connection of it, with something happening elsewhere after the first step of a reading."""

    def __init__(self, asked: Any, meanwhile: Callable[[], Awaitable[object]]) -> None:
        self._asked = asked
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._asked, name)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator["Interrupted"]:
        async with self._asked.acquire() as connection:
            yield Interrupted(connection, self._meanwhile)

    async def fetch(self, query: str, *arguments: Any) -> Any:
        rows = await self._asked.fetch(query, *arguments)
        if "FROM conversations" in query:
            await self._meanwhile()
        return rows


@pytest.fixture
def variant() -> str:
    return "sequential"


async def test_a_contact_deleted_between_two_steps_is_there_to_the_last(settings, database, world):
    contact = await world.contact(name="Cora")
    conversation = await world.conversation(contact)

    async def delete() -> None:
        await database.execute("DELETE FROM contacts WHERE id = $1", contact)

    async with open_pool(settings) as pool:
        page = await SequentialConversations(Interrupted(pool, delete)).inbox(
            Identity(workspace_id=world.id), InboxQuery()
        )
    [item] = page["conversations"]
    assert (item["id"], item["contact"]["name"], page["active_count"]) == (conversation, "Cora", 1)
    assert await world.count("conversations") == 0
