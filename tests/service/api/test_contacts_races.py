"""A contact deleted while others write to it: whoever comes too late is told so, and nothing fails."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from tailgate_service.settings import Settings

from tests.service.api.conftest import serving

ROUNDS = 14


@pytest.fixture
def settings(variant, database_of, settings_for) -> Settings:
    return settings_for(variant, database_of(variant).dsn, pool_size=10)


@pytest.fixture
async def app(settings) -> AsyncIterator[FastAPI]:
    async with serving(settings) as app:
        yield app


@pytest.mark.row("A13")
async def test_a_contact_deleted_while_others_write_to_it_is_gone_and_nothing_fails(client, deliver, world):
    await world.tag(await world.conversation(), "vip")
    for number in range(ROUNDS):
        phone = f"+49 30 {number}"
        await deliver(world.delivery(id=f"first {number}", phone=phone))
        card = (await client.get("/api/contacts/by-phone", params={"phone": phone})).json()
        contact, conversation = card["contact"]["id"], card["conversation"]["id"]
        requests = {
            "delete": client.delete(f"/api/contacts/{contact}"),
            "again": client.delete(f"/api/contacts/{contact}"),
            "send": client.post("/api/messages/send", json={"conversation_id": conversation, "body": "x"}),
            "tag": client.patch(f"/api/conversations/{conversation}", json={"tags": ["vip"]}),
            "name": client.patch(f"/api/contacts/{contact}", json={"name": "x", "phone": f"+1 {number:09}"}),
            "deliver": deliver(world.delivery(id=f"second {number}", phone=phone)),
            "look": client.get("/api/contacts/by-phone", params={"phone": phone}),
        }
        order = list(requests)
        order = order[number % len(order) :] + order[: number % len(order)]
        answers = await asyncio.gather(*(requests[name] for name in order))
        for name, answer in zip(order, answers, strict=True):
            assert answer.status_code in (200, 201, 204, 404), f"{name}: {answer.text}"
        assert sorted(answers[order.index(name)].status_code for name in ("delete", "again")) == [204, 404]
        assert (await client.get(f"/api/contacts/{contact}")).status_code == 404
