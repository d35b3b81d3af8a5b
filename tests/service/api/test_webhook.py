"""The provider's webhook: nothing unsigned gets in, and what gets in gets in once."""

import json
import time

import pytest
from tailgate_service import webhook
from tailgate_service.limits import MAX_BODY

from tests.service.api.conftest import once

VERIFY = {"hub.mode": "subscribe", "hub.verify_token": "agreed with the provider", "hub.challenge": "12345"}


@pytest.mark.row("A10")
async def test_the_challenge_is_given_back_as_text(anybody):
    answer = await anybody.get("/api/webhook/kapso", params=VERIFY)
    assert (answer.status_code, answer.text) == (200, "12345")
    assert answer.headers["content-type"].startswith("text/plain")


async def test_a_wrong_verify_token_is_forbidden(anybody):
    answer = await anybody.get("/api/webhook/kapso", params=VERIFY | {"hub.verify_token": "a guess, ü"})
    assert answer.status_code == 403
    assert "12345" not in answer.text


@once
@pytest.mark.parametrize("missing", VERIFY)
async def test_an_incomplete_verification_is_refused_by_name(anybody, missing):
    params = {name: value for name, value in VERIFY.items() if name != missing}
    answer = await anybody.get("/api/webhook/kapso", params=params)
    assert [error["field"] for error in answer.json()["errors"]] == [missing]


@pytest.mark.row("A10")
async def test_a_signed_message_is_visible_in_the_inbox_at_once(client, deliver, world):
    body = world.delivery(id="wamid.7", phone="+49 30 777", text="Where is it?", name="Cora")
    answer = await deliver(body)
    assert (answer.status_code, answer.json()) == (200, {"status": "accepted"})

    [conversation] = (await client.get("/api/conversations")).json()["conversations"]
    assert conversation["contact"]["name"] == "Cora"
    assert (conversation["status"], conversation["unread_count"]) == ("open", 1)
    assert conversation["last_message_preview"] == "Where is it?"
    card = (await client.get("/api/contacts/by-phone", params={"phone": "4930777"})).json()
    [message] = card["messages"]
    assert (message["direction"], message["provider_message_id"]) == ("in", "wamid.7")
    assert (message["body"], message["status"]) == ("Where is it?", "received")
    assert message["created_at"] == conversation["last_message_at"]


@pytest.mark.parametrize("spell", [str, str.upper, "sha256={}".format])
async def test_the_signature_may_be_spelt_with_its_algorithm_or_in_capitals(deliver, world, spell):
    body = world.delivery()
    answer = await deliver(body, spell(webhook.sign("shared with the provider", body)))
    assert answer.json() == {"status": "accepted"}


@pytest.mark.parametrize("signature", ["", "sha256=", "0" * 64, "x" * 64, "ü" * 64])
async def test_a_wrong_signature_is_refused_and_leaves_nothing(deliver, world, signature):
    answer = await deliver(world.delivery(), signature.encode())
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert [await world.count(table) for table in ("contacts", "conversations", "messages")] == [0, 0, 0]


async def test_a_body_changed_by_one_byte_is_refused(deliver, world):
    body = world.delivery(text="pay 10")
    answer = await deliver(body.replace(b"10", b"99"), webhook.sign("shared with the provider", body))
    assert answer.status_code == 401
    assert await world.count("messages") == 0


async def test_size_is_judged_before_the_signature(deliver):
    assert (await deliver(b"x" * (MAX_BODY + 1), "wrong")).status_code == 413
    assert (await deliver(b"x" * MAX_BODY, "wrong")).status_code == 401


@once
@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", [""]),
        (b"{", [""]),
        (b"[]", [""]),
        (b"{}", ["message", "conversation", "phone_number_id"]),
        (
            b'{"phone_number_id": "1", "message": {"id": "", "timestamp": "soon"}, "conversation": {}}',
            ["message.id", "message.timestamp", "conversation.phone_number"],
        ),
        (
            (
                b'{"phone_number_id": "1", "conversation": {"phone_number": "call me"}, "message": {"id": "1",'
                b' "timestamp": "0", "text": {"body": "a\\u0000"}, "kapso": {"direction": "outbound"}}}'
            ),
            ["message.timestamp", "message.text.body", "message.kapso.direction", "conversation.phone_number"],
        ),
    ],
)
async def test_a_signed_body_that_is_no_message_is_refused_by_its_fields(deliver, body, fields):
    answer = await deliver(body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == fields


async def test_a_number_that_is_not_ours_is_not_found(deliver, world):
    answer = await deliver(world.delivery().replace(world.phone_number_id.encode(), b"another"))
    assert answer.status_code == 404
    assert await world.count("contacts") == 0


async def test_a_message_that_is_no_text_shows_what_the_provider_made_of_it(client, deliver, world):
    plain = world.delivery(phone="4930777")
    rendered = b'"type": "image", "kapso": {"content": "a cat"}'
    await deliver(plain.replace(b'"type": "text", "text": {"body": "Hello"}', rendered))
    bare = plain.replace(b"wamid.1", b"wamid.2")
    await deliver(bare.replace(b'"type": "text", "text": {"body": "Hello"}', b'"type": "sticker"'))
    card = (await client.get("/api/contacts/by-phone", params={"phone": "4930777"})).json()
    assert {message["body"] for message in card["messages"]} == {"a cat", "[sticker]"}


@pytest.mark.row("A10")
async def test_what_the_provider_says_beside_is_kept_as_metadata_where_it_fits(client, deliver, world, database):
    payload = json.loads(world.delivery(phone="4930777"))
    payload["message"] |= {
        "context": {"id": "wamid.0", "from": "49"},
        "kapso": {"direction": "inbound", "origin": "cloud_api", "has_media": False, "type": "forged", "Odd Key": 1},
    }
    payload["conversation"]["metadata"] = {"campaign": "spring", "nested": {"a": 1}, "score": 7, "long": "x" * 5000}
    assert (await deliver(json.dumps(payload).encode())).json() == {"status": "accepted"}
    [item] = (await client.get("/api/conversations")).json()["conversations"]
    assert item["metadata"] == {"campaign": "spring", "score": 7}
    [message] = (await client.get(f"/api/conversations/{item['id']}/messages")).json()["messages"]
    expected = {"type": "text", "reply_to": "wamid.0", "origin": "cloud_api", "has_media": False}
    assert message["metadata"] == expected

    # What goes on in a conversation does not change what was said when it was opened.
    payload["message"]["id"], payload["conversation"]["metadata"] = "wamid.2", {"campaign": "summer"}
    await deliver(json.dumps(payload).encode())
    [item] = (await client.get("/api/conversations")).json()["conversations"]
    assert (item["metadata"]["campaign"], item["unread_count"]) == ("spring", 2)


@pytest.mark.parametrize("beside", [None, [], "text", 7, {f"k{number}": "x" * 40 for number in range(1500)}])
async def test_what_does_not_fit_beside_a_message_does_not_keep_it_out(client, deliver, world, beside):
    payload = json.loads(world.delivery(phone="4930777"))
    payload["message"]["context"] = payload["conversation"]["metadata"] = beside
    if isinstance(beside, dict):
        payload["message"]["kapso"] = {"numbers": 1e308, "deep": [[[]]]}
    assert (await deliver(json.dumps(payload).encode())).json() == {"status": "accepted"}
    assert len((await client.get("/api/conversations")).json()["conversations"]) == 1


async def test_a_duplicate_changes_nothing_at_all(client, deliver, world):
    await deliver(world.delivery(text="first"))
    before = (await client.get("/api/conversations")).json()
    again = await deliver(world.delivery(text="altered", phone="+1 555 0100", name="Somebody else"))
    assert again.json() == {"status": "duplicate"}
    assert (await client.get("/api/conversations")).json() == before
    assert await world.count("contacts") == 1


async def test_the_same_message_id_in_two_workspaces_is_two_messages(deliver, world, elsewhere):
    for one in (world, elsewhere):
        assert (await deliver(one.delivery())).json() == {"status": "accepted"}
        assert await one.count("messages") == 1


async def test_a_message_that_comes_late_does_not_turn_the_inbox_back(client, deliver, world):
    now = time.time()
    await deliver(world.delivery(id="second", text="second", sent_at=now - 10))
    [before] = (await client.get("/api/conversations")).json()["conversations"]
    await deliver(world.delivery(id="first", text="first", sent_at=now - 20))
    [conversation] = (await client.get("/api/conversations")).json()["conversations"]
    assert conversation["last_message_at"] == before["last_message_at"]
    assert (conversation["last_message_preview"], conversation["unread_count"]) == ("second", 2)
    thread = (await client.get(f"/api/conversations/{conversation['id']}/messages")).json()
    assert [message["body"] for message in thread["messages"]] == ["second", "first"]


async def test_a_clock_that_runs_ahead_does_not_keep_its_message_on_top(client, deliver, world):
    await deliver(world.delivery(id="ahead", text="ahead", sent_at=time.time() + 86_400))
    [conversation] = (await client.get("/api/conversations")).json()["conversations"]
    body = {"conversation_id": conversation["id"], "body": "answer"}
    await client.post("/api/messages/send", json=body)
    [conversation] = (await client.get("/api/conversations")).json()["conversations"]
    assert conversation["last_message_preview"] == "answer"


async def test_an_active_conversation_goes_on_and_a_resolved_one_stays_closed(deliver, world, database):
    contact = await world.contact(phone="4930777", name="Cora")
    closed = await world.conversation(contact, status="resolved")
    await deliver(world.delivery(id="1", phone="+49 30 777", name="Another name"))
    await deliver(world.delivery(id="2", phone="+49 30 777"))
    rows = await database.fetch(
        "SELECT conversation_id, count(*) FROM messages WHERE workspace_id = $1 GROUP BY 1", world.id
    )
    assert [row["count"] for row in rows] == [2]
    assert rows[0]["conversation_id"] != closed
    assert await database.fetchval("SELECT name FROM contacts WHERE id = $1", contact) == "Cora"


@once
async def test_what_the_provider_brings_need_not_be_seen(client, world, deliver):
    await deliver(world.delivery(phone="+49 30 777", text=" ", name="\u202e"))
    card = (await client.get("/api/contacts/by-phone", params={"phone": "+49 30 777"})).json()
    assert (card["contact"]["name"], card["messages"][0]["body"]) == ("\u202e", " ")
