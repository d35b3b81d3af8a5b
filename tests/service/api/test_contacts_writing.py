"""Contacts made, changed, listed and deleted."""

import asyncio
import uuid

import pytest
from tailgate_service.models.contacts import Contact, Contacts

from tests.service.api.conftest import once

NEW = {"name": "Cora Lind", "phone": "+49 (30) 123-4567", "email": "cora@example.com"}


async def made(client, **changes) -> Contact:
    answer = await client.post("/api/contacts", json=NEW | changes)
    assert answer.status_code == 201, answer.text
    return Contact.model_validate_json(answer.content)


def refused(answer, status: int) -> list[str]:
    """The fields that a refusal names."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    return [error["field"] for error in answer.json()["errors"]]


@pytest.mark.row("A13")
async def test_a_contact_that_is_made_is_found_by_its_id_and_its_number(client):
    contact = await made(client)
    assert (contact.name, contact.phone, contact.email) == tuple(NEW.values())
    assert contact.created_at == contact.updated_at
    shown = await client.get(f"/api/contacts/{contact.id}")
    assert Contact.model_validate_json(shown.content) == contact
    card = (await client.get("/api/contacts/by-phone", params={"phone": "49301234567"})).json()
    assert card["contact"] == shown.json()


@pytest.mark.row("A13")
async def test_a_number_that_is_taken_is_refused_however_it_is_written(client, world):
    await made(client)
    assert refused(await client.post("/api/contacts", json=NEW | {"phone": "49301234567"}), 409) == ["phone"]
    other = await made(client, phone="+1 555 0100")
    answer = await client.patch(f"/api/contacts/{other.id}", json={"name": "X", "phone": "0049 30 1234567"[2:]})
    assert refused(answer, 409) == ["phone"]
    assert (await client.get(f"/api/contacts/{other.id}")).json()["name"] == NEW["name"]
    assert await world.count("contacts") == 2


async def test_another_workspace_may_have_the_same_number(client, elsewhere):
    await elsewhere.contact(phone=NEW["phone"])
    await made(client)


async def test_of_many_who_make_the_same_contact_at_once_one_does(client, world):
    answers = await asyncio.gather(*(client.post("/api/contacts", json=NEW) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 11
    assert await world.count("contacts") == 1


@pytest.mark.row("A13")
async def test_what_a_change_does_not_name_stays(client):
    before = await made(client)
    answer = await client.patch(f"/api/contacts/{before.id}", json={"name": "Cora Berg"})
    after = Contact.model_validate_json(answer.content)
    assert after.name == "Cora Berg"
    assert (after.phone, after.email, after.created_at) == (before.phone, before.email, before.created_at)
    assert after.updated_at > before.updated_at
    emptied = await client.patch(f"/api/contacts/{before.id}", json={"email": None})
    assert (emptied.json()["email"], emptied.json()["name"]) == (None, "Cora Berg")
    same = await client.patch(f"/api/contacts/{before.id}", json={"phone": "49 30 1234567"})
    assert same.json()["phone"] == "49 30 1234567"
    assert (await client.get(f"/api/contacts/{before.id}")).json() == same.json()


@pytest.mark.row("A13")
async def test_a_deleted_contact_leaves_nothing_behind(client, world, database):
    contact, other = await world.contact(), await world.contact(phone="+1 555 0100")
    member = await world.user()
    conversation, kept = await world.conversation(contact), await world.conversation(other)
    await world.tag(conversation, "vip")
    await world.message(kept, "kept")
    await client.post("/api/messages/send", json={"conversation_id": str(conversation), "body": "x"})
    await world.note(contact, "n", author_id=member)
    await database.execute(
        "INSERT INTO calls (workspace_id, contact_id, outcome) VALUES ($1, $2, 'missed')", world.id, contact
    )
    answer = await client.delete(f"/api/contacts/{contact}")
    assert (answer.status_code, answer.content) == (204, b"")
    counts = {table: await world.count(table) for table in ("contacts", "conversations", "messages", "notes", "calls")}
    assert counts == {"contacts": 1, "conversations": 1, "messages": 1, "notes": 0, "calls": 0}
    assert not await database.fetchval(
        "SELECT EXISTS (SELECT FROM conversation_tags WHERE conversation_id = $1)", conversation
    )
    assert (await client.get(f"/api/contacts/{contact}")).status_code == 404
    assert (await client.delete(f"/api/contacts/{contact}")).status_code == 404
    [listed] = (await client.get("/api/conversations")).json()["conversations"]
    assert listed["id"] == str(kept)


async def test_the_contacts_of_another_workspace_can_be_neither_seen_nor_changed_nor_deleted(client, elsewhere):
    contact = await elsewhere.contact(name="Theirs")
    path = f"/api/contacts/{contact}"
    answers = [await client.get(path), await client.patch(path, json={"name": "Ours"}), await client.delete(path)]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert (await client.get("/api/contacts")).json() == {"contacts": [], "next_before": None}
    names = await elsewhere.database.fetch("SELECT name FROM contacts WHERE workspace_id = $1", elsewhere.id)
    assert [row["name"] for row in names] == ["Theirs"]


async def test_contacts_are_listed_newest_first_and_page_by_page(client, world, database):
    # Three have the same time: the id decides.
    contacts = [await world.contact(phone=f"+49 30 {number}", name=f"Nr {number}") for number in range(5)]
    for contact, minute in zip(contacts, (1, 2, 2, 2, 0), strict=True):
        await database.execute("UPDATE contacts SET created_at = $2 WHERE id = $1", contact, world.at(minute))
    seen: list[list[uuid.UUID]] = []
    before: dict[str, str] = {}
    while True:
        answer = await client.get("/api/contacts", params={"limit": 2} | before)
        page = Contacts.model_validate_json(answer.content)
        seen.append([contact.id for contact in page.contacts])
        if page.next_before is None:
            break
        before = {"before": page.next_before}
    first, second, third = sorted(contacts[1:4], reverse=True)
    assert seen == [[first, second], [third, contacts[0]], [contacts[4]]]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("cora", ["Cora Lind", "Cora Berg"]),
        ("co be", ["Cora Berg"]),
        ("+49 30-2", ["Cora Berg"]),
        ("lind 4930", ["Cora Lind"]),
        ("ora", []),
        ("!", []),
    ],
)
async def test_contacts_are_searched_by_beginnings_of_their_words_and_numbers(client, world, search, found):
    await world.contact(name="Cora Berg", phone="+49 30 2")
    await world.contact(name="Dora Berg", phone="+49 40 1")
    await world.contact(name="Cora Lind", phone="+49 30 1")
    contacts = (await client.get("/api/contacts", params={"search": search})).json()["contacts"]
    assert [contact["name"] for contact in contacts] == found


@once
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 257}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"phone": "12"}, "phone"),
        ({"phone": "four five six"}, "phone"),
        ({"phone": None}, "phone"),
        ({"phone": 49301234567}, "phone"),
        ({"email": "nobody"}, "email"),
        ({"email": "a\x00@b"}, "email"),
        ({"email": f"{'x' * 250}@x.de"}, "email"),
        ({"workspace_id": str(uuid.uuid4())}, "workspace_id"),
    ],
)
async def test_a_bad_value_is_refused_by_its_field_and_nothing_is_written(client, world, change, field):
    assert refused(await client.post("/api/contacts", json=NEW | change), 422) == [field]
    assert await world.count("contacts") == 0
    contact = await made(client)
    assert refused(await client.patch(f"/api/contacts/{contact.id}", json=change), 422) == [field]
    assert (await client.get(f"/api/contacts/{contact.id}")).json()["updated_at"] == (
        contact.model_dump(mode="json")["updated_at"]
    )


@once
@pytest.mark.parametrize(("params", "field"), [({"limit": 0}, "limit"), ({"before": "x"}, "before")])
async def test_a_bad_page_of_contacts_is_refused_by_name(client, params, field):
    assert refused(await client.get("/api/contacts", params=params), 422) == [field]


@once
async def test_a_change_must_change_something(client, world):
    answer = await client.patch(f"/api/contacts/{await world.contact()}", json={})
    assert refused(answer, 422) == [""]
    assert "name at least one field" in answer.json()["detail"]


@pytest.mark.parametrize("key", [None, "x", "x" * 1000])
async def test_nobody_unknown_may_write(anybody, world, key):
    contact = await world.contact()
    headers = {} if key is None else {"x-api-key": key}
    path = f"/api/contacts/{contact}"
    answers = [
        await anybody.post("/api/contacts", json=NEW | {"phone": "+1 555 0100"}, headers=headers),
        await anybody.patch(path, json={"name": "x"}, headers=headers),
        await anybody.delete(path, headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert await world.count("contacts") == 1


@once
@pytest.mark.parametrize("name", [" ", "\t\r\n", "\u202e", "\u200b \u2066", "\u00a0\u2028", "\x1b"])
async def test_a_name_of_which_nothing_can_be_seen_is_refused(client, world, name):
    assert refused(await client.post("/api/contacts", json=NEW | {"name": name}), 422) == ["name"]
    contact = await world.contact()
    assert refused(await client.patch(f"/api/contacts/{contact}", json={"name": name}), 422) == ["name"]


@once
@pytest.mark.parametrize("name", [".", "\u202eabc", " x ", "نور", "👩\u200d🔬", "ק"])
async def test_a_name_of_which_something_can_be_seen_is_kept_as_it_is(client, name):
    assert (await made(client, name=name)).name == name
