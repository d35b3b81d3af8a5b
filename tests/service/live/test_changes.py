"""What changes beside messages is told as well; and of a contact that was deleted nothing is told any more."""

import json

import httpx
import pytest
from tailgate_service.live.feed import Feed, told
from tailgate_service.store.base import Event

SECRET = "what only she and we know"


def client_of(served, world) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=served.url, headers={"x-api-key": world.key}, trust_env=False)


@pytest.mark.row("A14")
async def test_what_is_changed_is_told_as_the_inbox_shows_it(served, by):
    world = await served.world()
    contact, user = await world.contact(), await world.user()
    conversation = await world.conversation(contact)
    other = await world.conversation(contact)
    await world.tag(other, "vip")
    async with client_of(served, world) as client, served.follow(world, by=by) as follower:
        patched = await client.patch(
            f"/api/conversations/{conversation}", json={"status": "pending", "assigned_to": str(user), "tags": ["vip"]}
        )
        event = await follower.next()
        assert (event["kind"], event["body"]) == ("conversation", {"conversation": patched.json()})
        patched = await client.patch(f"/api/contacts/{contact}", json={"name": "Dora"})
        event = await follower.next()
        assert (event["kind"], event["body"]) == ("contact", {"contact": patched.json()})
        await client.delete(f"/api/contacts/{contact}")
        event = await follower.next()
        assert (event["kind"], event["body"]) == ("contact_deleted", {"contact": {"id": str(contact)}})


@pytest.mark.row("A14")
async def test_who_comes_back_is_told_nothing_of_a_contact_that_was_deleted_meanwhile(served, by):
    world = await served.world()
    kept, gone = await world.contact("1", "Kay"), await world.contact("2", SECRET)
    here, there = await world.conversation(kept), await world.conversation(gone)
    async with client_of(served, world) as client, served.follow(world, by=by) as follower:
        await world.message(there, SECRET)
        await world.message(here, "this stays")
        await client.patch(f"/api/conversations/{there}", json={"status": "resolved"})
        await client.patch(f"/api/contacts/{gone}", json={"email": "gone@example.test"})
        # Whoever follows has been told: all of it is in the memory of the process.
        assert await follower.numbers(4) == [1, 2, 3, 4]
        await client.delete(f"/api/contacts/{gone}")
        assert await follower.numbers(1) == [5]
        async with served.follow(world, after=0, by=by) as back:
            told = [await back.next() for _ in range(5)]
    assert SECRET not in str(told)
    assert "gone@example.test" not in str(told)
    assert [(event["number"], event["kind"]) for event in told] == [
        (1, "erased"), (2, "message"), (3, "erased"), (4, "erased"), (5, "contact_deleted"),
    ]  # fmt: skip
    assert told[0]["body"] == {}
    assert told[1]["body"]["message"]["body"] == "this stays"


def happened(number: int, kind: str, body: str):
    return told(Event(number=number, kind=kind, at="2026-01-02T03:04:05.5Z", body=body))


def test_what_names_a_deleted_contact_is_erased_in_whatever_order_it_comes_and_nothing_else():
    feed = Feed(0)
    hers, others = json.dumps({"contact": {"id": "a-1", "name": SECRET}}), json.dumps({"contact": {"id": "a-2"}})
    feed.hear(4, happened(4, "contact_deleted", '{"contact": {"id": "a-1"}}'))
    feed.hear(2, happened(2, "contact", others))
    feed.hear(1, happened(1, "contact", hers))
    feed.take([happened(3, "contact", hers)])
    kept = feed.after(0, 10)
    assert [(event.number, event.kind) for event in kept] == [
        (1, "erased"), (2, "contact"), (3, "erased"), (4, "contact_deleted"),
    ]  # fmt: skip
    assert SECRET not in str(kept)
    assert kept[0] == happened(1, "erased", "{}")


@pytest.mark.parametrize("body", ["nonsense", "{}", "[1]", '{"contact": "a-1"}', '{"contact": {"id": ""}}'])
def test_who_was_deleted_is_said_or_it_is_no_event(body):
    with pytest.raises(ValueError):
        happened(1, "contact_deleted", body)
