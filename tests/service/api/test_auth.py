"""An API key opens its own workspace and nothing else."""

import uuid
from dataclasses import replace

import pytest
from tailgate_service.app import create_app, create_store
from tailgate_service.store.access import DatabaseAccess
from tailgate_service.store.base import Workspace

from tests.service.api.conftest import once

GUARDED = [
    ("GET", "/api/contacts/by-phone?phone=123456"),
    ("GET", "/api/conversations"),
    ("GET", "/api/conversations/00000000-0000-0000-0000-000000000000/messages"),
]


@once
@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize("key", [None, "", "nobody's key", "k" * 10_000, "schlüssel"])
async def test_without_a_known_key_there_is_no_answer(anybody, method, path, key):
    headers = {} if key is None else {b"x-api-key": key.encode()}
    answer = await anybody.request(method, path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert "x-api-key" in answer.json()["detail"]


async def test_the_store_is_not_taken_at_its_word(settings_for, client_of):
    """What the store found must bear the key's digest: the comparison that decides is the constant-time one."""

    class Mistaken(DatabaseAccess):
        async def workspace_by_key(self, key_sha256: bytes) -> Workspace:
            return Workspace(id=uuid.uuid4(), name="Theirs", api_key_sha256=key_sha256[::-1])

    store = replace(create_store("parallel", None), access=Mistaken(None))
    async with client_of(create_app(settings_for("parallel", "postgresql://"), store), "key") as client:
        assert (await client.get("/api/conversations")).status_code == 401


async def test_a_bad_key_is_refused_before_the_request_is_judged(anybody):
    answer = await anybody.get("/api/conversations", params={"page": "none"})
    assert answer.status_code == 401


async def test_nothing_can_be_sent_without_a_key(anybody, world):
    conversation = await world.conversation()
    answer = await anybody.post("/api/messages/send", json={"conversation_id": str(conversation), "body": "x"})
    assert answer.status_code == 401
    assert await world.count("messages") == 0


@pytest.mark.row("A9")
async def test_the_rows_of_another_workspace_do_not_exist(client, world, elsewhere):
    contact = await elsewhere.contact(phone="+49 30 555")
    conversation = await elsewhere.conversation(contact)
    await elsewhere.message(conversation, "theirs")

    assert (await client.get("/api/contacts/by-phone", params={"phone": "+49 30 555"})).status_code == 404
    assert (await client.get(f"/api/conversations/{conversation}/messages")).status_code == 404
    assert (await client.get("/api/conversations")).json()["conversations"] == []
    sent = await client.post("/api/messages/send", json={"conversation_id": str(conversation), "body": "x"})
    assert sent.status_code == 404
    assert await elsewhere.count("messages") == 1


async def test_a_member_of_another_workspace_cannot_be_the_sender(client, world, elsewhere):
    conversation = await world.conversation()
    body = {"conversation_id": str(conversation), "body": "x", "sender_id": str(await elsewhere.user())}
    answer = await client.post("/api/messages/send", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"location": "body", "field": "sender_id", "detail": "no member of this workspace"}
    ]
    assert await world.count("messages") == 0
