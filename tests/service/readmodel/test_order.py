"""What comes late, or in another order than it happened: nobody is shown what was before what he was told is done."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest
from tailgate_otel import recording
from tailgate_service.errors import UnknownError
from tailgate_service.identity import Identity
from tailgate_service.store.base import Delivery, Outgoing

from tests.service.readmodel.conftest import relayed
from tests.service.readmodel.test_losses import KILL, until

PHONE = "49301234567"
NUMBER = "SELECT documents FROM event_counters WHERE workspace_id = $1"


@pytest.fixture
async def far(documented) -> AsyncIterator[str]:
    """The database's address, for who hears of everything 30 ms after it was told."""
    async with relayed(documented.dsn, 0.03) as dsn:
        yield dsn


async def from_memory(read: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    with recording() as record:
        found = await read
    assert record.queries == 0
    return found


@pytest.mark.row("A8")
async def test_no_write_is_answered_before_this_process_has_heard_of_it(world, process, far):
    who = Identity(workspace_id=world.id)
    conversation = await world.conversation(await world.contact())
    delivery = Delivery(
        phone_number_id=world.phone_number_id,
        provider_message_id="1",
        phone=PHONE,
        name=None,
        body="delivered",
        sent_at=world.at(0),
    )
    async with process(ears=far) as one:
        contacts, conversations = one.store.contacts, one.store.conversations
        await conversations.send(who, Outgoing(conversation_id=conversation, body="sent"))
        assert (await from_memory(one.card(world)))["messages"][0]["body"] == "sent"
        await conversations.take_in(delivery)
        assert len((await from_memory(one.card(world)))["messages"]) == 2
        await conversations.change(who, conversation, {"status": "archived"})
        assert (await from_memory(one.inbox(world)))["active_count"] == 0
        contact = await contacts.create(who, {"name": "Before", "phone": "1234567"})
        assert (await from_memory(one.card(world, "1234567")))["contact"]["name"] == "Before"
        await contacts.update(who, contact["id"], {"name": "After"})
        assert (await from_memory(one.card(world, "1234567")))["contact"]["name"] == "After"
        await contacts.delete(who, contact["id"])
        with pytest.raises(UnknownError):
            await one.card(world, "1234567")


async def test_a_write_during_which_the_connection_was_lost_and_found_is_heard_before_it_is_answered(
    world, database, process, far
):
    who = Identity(workspace_id=world.id)
    conversation = await world.conversation(await world.contact())
    async with process(ears=far) as one:
        hot = one.model.hot
        async with database.transaction():
            await database.execute("SELECT FROM conversations WHERE id = $1 FOR UPDATE", conversation)
            message = Outgoing(conversation_id=conversation, body="x")
            sending = asyncio.create_task(one.store.conversations.send(who, message))
            await until(lambda: one.model.hearing._waiting)
            await database.execute(KILL)
            await until(lambda: hot.card(world.id, PHONE) is None)
            await until(lambda: hot.card(world.id, PHONE) is not None and hot.inbox(world.id) is not None)
        await sending
        assert (await from_memory(one.card(world)))["messages"][0]["body"] == "x"


class Late:
    """A pool by which, once it is armed, what is read of a kind of document arrives when it is let."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._kind: str | None = None
        self.read = asyncio.Event()
        self.arrives = asyncio.Event()

    def arm(self, kind: str) -> None:
        self._kind = kind

    async def fetchrow(self, query: str, *args: Any) -> Any:
        return await self._late(await self._pool.fetchrow(query, *args), query)

    async def fetch(self, query: str, *args: Any) -> Any:
        return await self._late(await self._pool.fetch(query, *args), *args)

    async def _late(self, found: Any, *said: Any) -> Any:
        if self._kind is not None and any(self._kind in one for one in said if isinstance(one, str)):
            self.read.set()
            await self.arrives.wait()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)


async def test_a_card_that_was_deleted_while_it_was_read_is_not_brought_back(world, process):
    who = Identity(workspace_id=world.id)
    contact = await world.contact()
    async with process(over=Late) as one:
        one.model.hot.clear()
        one.pool.arm("card")
        reading = asyncio.create_task(one.card(world))
        await one.pool.read.wait()
        await one.store.contacts.delete(who, contact)
        one.pool.arrives.set()
        # Who asked before it was deleted may be shown it; nobody else.
        await reading
        with pytest.raises(UnknownError):
            await one.card(world)


async def test_a_conversation_that_was_deleted_while_its_inbox_was_loaded_is_not_brought_back(world, database, process):
    contact = await world.contact()
    kept, deleted = await world.conversation(contact), await world.conversation(contact)
    async with process(over=Late) as one:
        one.model.hot.clear()
        one.pool.arm("item")
        one.model.want(world.id)
        await one.pool.read.wait()
        await database.execute("DELETE FROM conversations WHERE id = $1", deleted)
        await one.model.catch_up()
        one.pool.arrives.set()
        await until(lambda: one.model.hot.inbox(world.id) is not None)
        inbox = await from_memory(one.inbox(world))
        assert [item["id"] for item in inbox["conversations"]] == [str(kept)]
        assert inbox["active_count"] == 1


async def test_what_is_read_is_kept_as_of_the_change_that_it_shows(world, database, process):
    conversation = await world.conversation(await world.contact())
    await world.message(conversation, "Hello")
    async with process() as one:
        number = await database.fetchval(NUMBER, world.id)
        assert one.model.hot.inbox(world.id).number(str(conversation)) == number
        assert one.model.hot.number((world.id, PHONE)) == number
        one.model.hot.clear()
        await one.card(world)
        assert one.model.hot.number((world.id, PHONE)) == number


async def test_what_was_read_once_is_hot(world, process):
    await world.conversation(await world.contact())
    async with process() as one:
        one.model.hot.clear()
        card, inbox = await one.card(world), await one.inbox(world)
        assert await from_memory(one.card(world)) == card
        await until(lambda: one.model.hot.inbox(world.id) is not None)
        assert await from_memory(one.inbox(world)) == inbox


async def test_an_inbox_that_could_not_be_loaded_is_loaded_when_it_is_asked_for_again(
    world, process, monkeypatch, caplog
):
    conversation = await world.conversation(await world.contact())
    async with process(over=Late) as one:

        async def away(query: str, *args: Any) -> Any:
            raise OSError("away")

        one.model.hot.clear()
        with monkeypatch.context() as broken:
            broken.setattr(one.pool, "fetch", away)
            await one.inbox(world)
            await until(lambda: "could not be loaded" in caplog.text)
        assert (await one.inbox(world))["conversations"][0]["id"] == str(conversation)
        await until(lambda: one.model.hot.inbox(world.id) is not None)


async def test_what_could_not_be_loaded_anew_is_tried_again(world, database, process, monkeypatch, caplog):
    monkeypatch.setattr("tailgate_service.store.readmodel.model._AGAIN_AFTER", 0.01)
    await world.conversation(await world.contact())
    async with process(over=Late) as one:

        async def away(query: str, *args: Any) -> Any:
            raise OSError("away")

        with monkeypatch.context() as broken:
            broken.setattr(one.pool, "fetch", away)
            await database.execute(KILL)
            await until(lambda: "from the database alone" in caplog.text)
            assert (await one.card(world))["contact"]["name"] == "Cora"
        await until(lambda: one.model.hot.inbox(world.id) is not None)
