"""What requests leave among the events of their workspace, in every variant the same."""

import json

import asyncpg
import pytest


@pytest.fixture
def events(database, world):
    """``await events()``: number and kind of each event, and what it tells."""

    async def read() -> list[tuple[int, str, dict]]:
        rows = await database.fetch(
            "SELECT number, kind, body::text AS body FROM events WHERE workspace_id = $1 ORDER BY number", world.id
        )
        return [(row["number"], row["kind"], json.loads(row["body"])) for row in rows]

    return read


async def kinds(events) -> list[str]:
    return [kind for _, kind, _ in await events()]


async def test_a_change_is_one_event_however_many_rows_it_takes(client, world, events):
    conversation = await world.conversation(unread_count=3)
    other = await world.conversation()
    for name in ("vip", "lead", "late"):
        await world.tag(other, name)
    before = len(await events())
    answer = await client.patch(
        f"/api/conversations/{conversation}", json={"status": "pending", "domain": "sales", "tags": ["vip", "lead"]}
    )
    [(_, kind, body)] = (await events())[before:]
    assert (kind, body) == ("conversation", {"conversation": answer.json()})
    for change in ({"tags": ["lead", "late"]}, {"unread_count": 0}, {"metadata": {"a": 1}}):
        answer = await client.patch(f"/api/conversations/{conversation}", json=change)
        assert answer.status_code == 200, answer.text
        before += 1
        [(_, kind, body)] = (await events())[before:]
        assert (kind, body) == ("conversation", {"conversation": answer.json()})


async def test_what_changes_nothing_is_no_event(client, world, events, deliver):
    contact = await world.contact()
    conversation = await world.conversation(contact)
    await world.tag(conversation, "vip")
    before = await kinds(events)
    await client.patch(f"/api/conversations/{conversation}", json={"status": "open", "tags": ["vip"]})
    assert (await client.patch(f"/api/conversations/{conversation}", json={"tags": ["no such"]})).status_code == 422
    assert (await client.patch("/api/contacts/" + str(world.id), json={"name": "x"})).status_code == 404
    assert await kinds(events) == before
    # A message is one event, and brings its conversation along.
    assert (await deliver(world.delivery())).json() == {"status": "accepted"}
    await client.post("/api/messages/send", json={"conversation_id": str(conversation), "body": "x"})
    assert await kinds(events) == [*before, "message", "message"]


@pytest.mark.row("A13")
async def test_nothing_of_a_deleted_contact_is_kept_among_the_events(client, world, events, deliver, database):
    phones = "+49 30 1", "+49 30 2"
    for number in range(6):
        await deliver(world.delivery(id=str(number), phone=phones[number % 2], text=f"word {number}"))
    found = await client.get("/api/contacts/by-phone", params={"phone": phones[0]})
    contact = found.json()["contact"]["id"]
    await client.patch(f"/api/contacts/{contact}", json={"name": "Somebody"})
    assert (await client.delete(f"/api/contacts/{contact}")).status_code == 204
    left = await events()
    assert [number for number, _, _ in left] == list(range(1, 9)), "numbers have no gap"
    assert [kind for _, kind, _ in left] == ["erased", "message"] * 3 + ["erased", "contact_deleted"]
    assert all(body == {} for _, kind, body in left if kind == "erased")
    assert left[-1][2] == {"contact": {"id": contact}}
    everything = await database.fetchval(
        "SELECT string_agg(e::text, ' ') FROM events e WHERE workspace_id = $1", world.id
    )
    assert "word 0" not in everything
    assert "Somebody" not in everything
    assert "word 1" in everything


async def test_who_is_taken_out_of_a_workspace_or_it_altogether_leaves_what_is_right(world, events, database):
    user = await world.user()
    conversations = [await world.conversation(assigned_to=user) for _ in range(3)]
    await database.execute("DELETE FROM users WHERE id = $1", user)
    told = await events()
    assert {body["conversation"]["id"] for _, _, body in told} == set(map(str, conversations))
    assert [body["conversation"]["assigned_to"] for _, _, body in told] == [None] * 3
    await database.execute("DELETE FROM workspaces WHERE id = $1", world.id)
    assert await events() == []


async def test_the_service_may_prune_and_nothing_else(world, app, database, settings):
    conversation = await world.conversation()
    for _ in range(4):
        await world.message(conversation, "x")
    await database.execute(
        "UPDATE events SET created_at = now() - number * interval '1 day' WHERE workspace_id = $1", world.id
    )
    service = await asyncpg.connect(settings.database_url)
    try:
        for statement in (
            "DELETE FROM events",
            "UPDATE events SET kind = 'x'",
            f"SELECT tell_event('{world.id}', NULL, 'x', '{{}}')",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await service.execute(statement)
        await service.fetchval("SELECT prune_events(0, 3)")
    finally:
        await service.close()
