"""Documents follow every write: in its transaction in the database, at its answer in the process that wrote."""

import asyncio
import random

import orjson
import pytest
from tailgate_otel import recording
from tailgate_service.identity import Identity
from tailgate_service.routes import answer
from tailgate_service.store.base import Delivery, InboxQuery, Outgoing
from tailgate_service.store.parallel.contacts import ParallelContacts
from tailgate_service.store.parallel.conversations import ParallelConversations

NOT_AS_MADE = """
SELECT d.kind, d.key FROM documents d, LATERAL document_of(d.workspace_id, d.kind, d.key) made
WHERE d.workspace_id = $1
    AND (made.document IS NULL OR made.document::text <> d.document::text OR made.recent <> d.recent)
UNION ALL
SELECT 'card', phone_digits FROM contacts WHERE workspace_id = $1 AND phone_digits NOT IN (
    SELECT key FROM documents WHERE workspace_id = $1 AND kind = 'card')
UNION ALL
SELECT 'item', id::text FROM conversations WHERE workspace_id = $1 AND id::text NOT IN (
    SELECT key FROM documents WHERE workspace_id = $1 AND kind = 'item')
"""

WRITES = [
    "UPDATE contacts SET name = 'Dora' WHERE workspace_id = $1",
    "UPDATE contacts SET phone = '+1 206 ' || right(phone_digits, 4) WHERE workspace_id = $1",
    "DELETE FROM contacts WHERE id = (SELECT id FROM contacts WHERE workspace_id = $1 ORDER BY name, id LIMIT 1)",
    "INSERT INTO notes (workspace_id, contact_id, body) SELECT $1, id, 'n' FROM contacts WHERE workspace_id = $1",
    "UPDATE notes SET body = 'changed' WHERE workspace_id = $1",
    "DELETE FROM notes WHERE workspace_id = $1",
    "INSERT INTO conversations (workspace_id, contact_id) SELECT $1, id FROM contacts WHERE workspace_id = $1",
    """UPDATE conversations SET status = 'resolved', domain = 'x', metadata = '{"a": 1.50}' WHERE workspace_id = $1""",
    "UPDATE conversations SET last_message_at = now() - interval '1 year' WHERE workspace_id = $1 AND id::text > '9'",
    "DELETE FROM conversations WHERE id = (SELECT id FROM conversations WHERE workspace_id = $1 ORDER BY id LIMIT 1)",
    (
        "INSERT INTO messages (workspace_id, conversation_id, direction, body, status)"
        " SELECT $1, id, 'in', 'Grüße \"', 'received' FROM conversations WHERE workspace_id = $1"
    ),
    "UPDATE messages SET status = 'read' WHERE workspace_id = $1",
    "DELETE FROM messages WHERE workspace_id = $1",
    (
        "INSERT INTO conversation_tags (conversation_id, tag_id) SELECT c.id, t.id FROM conversations c, tags t"
        " WHERE c.workspace_id = $1 AND t.workspace_id = $1 ON CONFLICT DO NOTHING"
    ),
    "UPDATE tags SET name = name || 'x' WHERE workspace_id = $1",
    "DELETE FROM tags WHERE id = (SELECT id FROM tags WHERE workspace_id = $1 ORDER BY name LIMIT 1)",
    (
        "UPDATE conversations SET assigned_to = (SELECT id FROM users WHERE workspace_id = $1 ORDER BY id LIMIT 1)"
        " WHERE workspace_id = $1"
    ),
    "UPDATE users SET name = 'Zoe' WHERE workspace_id = $1",
    "DELETE FROM users WHERE id = (SELECT id FROM users WHERE workspace_id = $1 ORDER BY id LIMIT 1)",
]


async def populated(world):
    """Some of everything."""
    await world.user("Ada")
    await world.user("Uma")
    for number, name in enumerate(("Ana", "Ben", "Cora", "Dan")):
        contact = await world.contact(f"+49 30 {number:07}", name)
        await world.note(contact, "prefers mornings")
        conversation = await world.conversation(contact)
        await world.tag(conversation, f"tag {number}")
        await world.message(conversation, "Hello")


@pytest.mark.row("A8")
@pytest.mark.parametrize("order", range(4))
async def test_whatever_is_written_every_document_is_as_it_would_be_made(world, database, order):
    await populated(world)
    writes = [*WRITES, *WRITES]
    random.Random(order).shuffle(writes)
    for write in writes:
        await database.execute(write, world.id)
        assert await database.fetch(NOT_AS_MADE, world.id) == [], write
    assert await database.fetchval("SELECT count(*) FROM stale_documents") == 0


async def test_many_writes_of_one_transaction_are_told_once(world, database):
    await populated(world)
    number = "SELECT documents FROM event_counters WHERE workspace_id = $1"
    before = await database.fetchval(number, world.id)
    async with database.transaction():
        for write in WRITES[:2] * 3:
            await database.execute(write, world.id)
    assert await database.fetchval(number, world.id) == before + 1
    assert await database.fetch(NOT_AS_MADE, world.id) == []


async def test_what_is_the_same_as_before_is_not_told(world, database):
    await populated(world)
    told = []
    await database.add_listener("documents", lambda *said: told.append(said[-1]))
    for name in ("name", "name || 'x'"):
        before = len(told)
        await database.execute(f"UPDATE contacts SET name = {name} WHERE workspace_id = $1 AND name = 'Ana'", world.id)
        await database.fetchval("SELECT 1")
        said = [one for one in told[before:] if str(world.id) in one]
        assert len(said) == (0 if name == "name" else 2)
        assert " " not in told[-1]


async def test_a_workspace_goes_with_its_documents(world, database):
    await populated(world)
    await database.execute("DELETE FROM workspaces WHERE id = $1", world.id)
    assert await database.fetchval("SELECT count(*) FROM documents WHERE workspace_id = $1", world.id) == 0
    assert await database.fetchval("SELECT count(*) FROM stale_documents") == 0


async def test_writes_at_once_leave_no_document_behind(world, database, process):
    """Two transactions that change one card at the same time do not see each other's rows until one has committed."""
    contact = await world.contact()
    conversation = await world.conversation(contact)
    who = Identity(workspace_id=world.id)
    async with process(pool_size=8) as one:
        sending = [
            one.store.conversations.send(who, Outgoing(conversation_id=conversation, body=f"{number}"))
            for number in range(20)
        ]
        noting = [
            one.pool.execute(
                "WITH told AS MATERIALIZED (SELECT set_config('tailgate.workspace', $1, true)::uuid AS id)"
                " INSERT INTO notes (workspace_id, contact_id, body) SELECT id, $2, $3 FROM told",
                str(world.id),
                contact,
                f"{number}",
            )
            for number in range(20)
        ]
        await asyncio.gather(*sending, *noting)
        # The notes were written past it: it may hear of them a moment later.
        await one.model.catch_up()
        card = await one.card(world)
        assert len(card["messages"]) == len(card["notes"]) == 20
        assert not one.model.hearing._waiting
    assert await database.fetch(NOT_AS_MADE, world.id) == []


@pytest.mark.row("A8")
async def test_who_wrote_reads_it_from_memory_at_once(world, process):
    who = Identity(workspace_id=world.id)
    conversation = await world.conversation(await world.contact())
    async with process() as one:
        for number in range(20):
            await one.store.conversations.send(who, Outgoing(conversation_id=conversation, body=f"{number}"))
            with recording() as record:
                card, inbox = await one.card(world), await one.inbox(world)
            assert record.queries == 0
            assert card["messages"][0]["body"] == f"{number}"
            assert inbox["conversations"][0]["last_message_preview"] == f"{number}"
        contact = await one.store.contacts.create(who, {"name": "New", "phone": "1234567"})
        assert (await one.card(world, "1234567"))["contact"]["name"] == "New"
        await one.store.contacts.update(who, contact["id"], {"phone": "7654321"})
        assert (await one.card(world, "7654321"))["contact"]["name"] == "New"
        for gone in ("1234567", "7654321"):
            if gone == "7654321":
                await one.store.contacts.delete(who, contact["id"])
            with pytest.raises(Exception, match="No contact"):
                await one.card(world, gone)
        await one.store.conversations.change(who, conversation, {"status": "archived"})
        assert (await one.inbox(world, active=False))["conversations"][0]["status"] == "archived"
        assert (await one.inbox(world))["active_count"] == 0


@pytest.mark.row("A8")
async def test_others_read_it_when_they_have_heard_of_it(world, process):
    who = Identity(workspace_id=world.id)
    conversation = await world.conversation(await world.contact())
    async with process() as one, process() as other:
        await one.store.conversations.send(who, Outgoing(conversation_id=conversation, body="x" * 4000))
        await other.model.catch_up()
        with recording() as record:
            assert await other.card(world) == await one.card(world)
            assert await other.inbox(world) == await one.inbox(world)
        assert record.queries == 0


async def test_a_document_of_many_parts_and_every_script_arrives_whole(world, process):
    who = Identity(workspace_id=world.id)
    conversation = await world.conversation(await world.contact(name="Zoë Ünal"))
    async with process() as one:
        for body in ("ä" * 4000, "𝄞" * 4000, '"\\\n\t\x7f' * 800, "\x01\x1f" * 500):
            await one.store.conversations.send(who, Outgoing(conversation_id=conversation, body=body))
            assert (await one.card(world))["messages"][0]["body"] == body
            plain = await ParallelContacts(one.pool).card(who, "49301234567")
            assert [message["body"] for message in plain["messages"]] == [
                message["body"] for message in (await one.card(world))["messages"]
            ]


async def test_a_document_that_is_too_large_is_read_from_the_database(world, process):
    who = Identity(workspace_id=world.id)
    conversation = await world.conversation(await world.contact())
    async with process() as one:
        for _ in range(20):
            await one.store.conversations.send(who, Outgoing(conversation_id=conversation, body="\x01" * 4096))
        for _ in range(2):
            with recording() as record:
                assert len((await one.card(world))["messages"]) == 20
            assert record.queries == 1
        await one.store.conversations.change(who, conversation, {"status": "resolved"})
        assert (await one.card(world))["conversation"]["status"] == "resolved"


@pytest.mark.row("A7")
async def test_a_cold_read_is_one_statement(world, process):
    await world.message(await world.conversation(await world.contact()), "Hello")
    async with process(hot_bytes=0) as one:
        for read in (one.card(world), one.inbox(world), one.inbox(world, search="cora")):
            with recording() as record:
                await read
            assert record.queries == 1


async def test_a_duplicate_is_answered_when_what_it_repeats_is_known_here(world, process):
    async with process() as one, process() as other:
        for number in range(10):
            delivery = Delivery(
                phone_number_id=world.phone_number_id,
                provider_message_id=f"{number}",
                phone="4930",
                name=None,
                body=f"{number}",
                sent_at=world.at(number),
            )
            assert await other.store.conversations.take_in(delivery) == "accepted"
            with recording() as record:
                assert await one.store.conversations.take_in(delivery) == "duplicate"
            # One looks for it, the other is heard after it.
            assert record.queries == 2
            with recording() as record:
                assert (await one.card(world, "4930"))["messages"][0]["body"] == f"{number}"
            assert record.queries == 0


@pytest.mark.parametrize("room", [0, 50_000, 1 << 24])
async def test_memory_is_bounded_and_what_has_no_room_is_read_all_the_same(world, process, room):
    await populated(world)
    await world.conversation(status="resolved")
    who = Identity(workspace_id=world.id)
    async with process(hot_bytes=room) as one:
        assert (one.model.hot.size > 0) == (room > 0)
        for query in ({}, {"active": True, "per_page": 2}, {"tags": frozenset(["tag 1"])}, {"search": "cora"}):
            plain = await ParallelConversations(one.pool).inbox(who, InboxQuery(**query))
            assert await one.inbox(world, **query) == orjson.loads(answer.json(plain).body)
            assert one.model.hot.size <= room
