"""Sending a message."""

import json
import uuid

import pytest
from tailgate_service.models.messages import Message

from tests.service.api.conftest import once


async def test_a_sent_message_is_stored_and_leads_the_inbox(client, world):
    first = await world.conversation(last_message_at=world.at(0), last_message_preview="before")
    await world.conversation(last_message_at=world.at(1))
    member = await world.user()
    body = {"conversation_id": str(first), "body": "On its way", "sender_id": str(member)}

    answer = await client.post("/api/messages/send", json=body)
    assert answer.status_code == 201
    message = Message.model_validate_json(answer.content)
    assert (message.conversation_id, message.direction, message.status) == (first, "out", "queued")
    assert (message.body, message.sender_id) == ("On its way", member)

    thread = (await client.get(f"/api/conversations/{first}/messages")).json()["messages"]
    assert thread == [answer.json()]
    top = (await client.get("/api/conversations")).json()["conversations"][0]
    assert (top["id"], top["last_message_preview"]) == (str(first), "On its way")
    assert top["last_message_at"] == answer.json()["created_at"]
    assert top["unread_count"] == 0


async def test_a_long_message_is_stored_whole_and_previewed_in_part(client, world):
    conversation = await world.conversation()
    text = "ä" * 4096
    await client.post("/api/messages/send", json={"conversation_id": str(conversation), "body": text})
    thread = (await client.get(f"/api/conversations/{conversation}/messages")).json()
    assert thread["messages"][0]["body"] == text
    item = (await client.get("/api/conversations")).json()["conversations"][0]
    assert item["last_message_preview"] == text[:120]


async def test_an_unknown_conversation_is_not_found_and_nothing_is_stored(client, world):
    answer = await client.post("/api/messages/send", json={"conversation_id": str(uuid.uuid4()), "body": "x"})
    assert answer.status_code == 404
    assert await world.count("messages") == 0


@once
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"conversation_id": "1"}, "conversation_id"),
        ({"body": ""}, "body"),
        ({"body": " \n\t\u3000"}, "body"),
        ({"body": "\u200b\u202e\ufeff"}, "body"),
        ({"body": "x" * 4097}, "body"),
        ({"body": "a\x00b"}, "body"),
        ({"body": "\ud800"}, "body"),
        ({"sender_id": "me"}, "sender_id"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_bad_message_is_refused_by_the_field_at_fault(client, world, change, field):
    conversation = await world.conversation()
    body = json.dumps({"conversation_id": str(conversation), "body": "x"} | change)
    headers = {"content-type": "application/json"}
    answer = await client.post("/api/messages/send", content=body, headers=headers)
    assert answer.status_code == 422
    assert [(error["location"], error["field"]) for error in answer.json()["errors"]] == [("body", field)]
    assert await world.count("messages") == 0
