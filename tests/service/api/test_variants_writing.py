"""Writes by way of each variant, from the same beginning: answer for answer the same, but for ids and moments."""

import json
import re
from typing import Any

import httpx
import pytest
from tailgate_service import webhook
from tailgate_service.app import create_app, open_store
from tailgate_service.server import open_pool
from tailgate_service.settings import VARIANTS

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOMENT = re.compile(r'"2\d{3}-\d\d-\d\dT[0-9:.]+Z"|"\d{16}-[0-9a-f]{32}"')


class Story:
    """Requests whose answers are told as they came, ids numbered in the order in which they appear."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._known: dict[str, str] = {}
        self.told: list[tuple[str, int, Any]] = []

    async def ask(self, method: str, path: str, **request: Any) -> Any:
        answer = await self._client.request(method, path, **request)
        text = _MOMENT.sub('"moment"', _UUID.sub(self._number, answer.text))
        self.told.append((f"{method} {_UUID.sub(self._number, path)}", answer.status_code, text))
        return json.loads(answer.content or b"null")

    def _number(self, match: re.Match[str]) -> str:
        return self._known.setdefault(match[0], f"id {len(self._known)}")


async def story(client: httpx.AsyncClient, world: Any) -> list[Any]:
    member = await world.user()
    await world.tag(await world.conversation(await world.contact("+1 555 0100", "Ada")), "vip")
    one = Story(client)
    made = await one.ask("POST", "/api/contacts", json={"name": "Cora", "phone": "+49 30 1"})
    path = f"/api/contacts/{made['id']}"
    await one.ask("POST", "/api/contacts", json={"name": "Again", "phone": "49-301"})
    await one.ask("PATCH", path, json={"phone": "+1 555 0100"})
    await one.ask("PATCH", path, json={"email": "cora@example.com", "name": "Cora Lind"})
    await one.ask("PATCH", path, json={})
    for _ in range(2):
        body = world.delivery(id="1", phone="49301", text="Hello there")
        headers = {"x-webhook-signature": webhook.sign("shared with the provider", body)}
        await one.ask("POST", "/api/webhook/kapso", content=body, headers=headers)
    [item] = (await one.ask("GET", "/api/conversations", params={"search": "cora hel"}))["conversations"]
    conversation = f"/api/conversations/{item['id']}"
    await one.ask("POST", "/api/messages/send", json={"conversation_id": item["id"], "body": "x", "metadata": {"a": 1}})
    await one.ask("PATCH", conversation, json={"tags": ["vip"], "status": "pending", "assigned_to": str(member)})
    await one.ask("PATCH", conversation, json={"tags": ["none"], "status": "open"})
    await one.ask("PATCH", conversation, json={"assigned_to": made["id"], "tags": ["none"]})
    await one.ask("PATCH", conversation, json={"assigned_to": None, "metadata": {"b": 0.5}, "unread_count": 0})
    await one.ask("GET", "/api/contacts/by-phone", params={"phone": "49301"})
    await one.ask("GET", f"{conversation}/messages", params={"limit": 1})
    await one.ask("GET", "/api/conversations", params={"per_page": 1})
    await one.ask("GET", "/api/contacts", params={"limit": 1})
    for method in ("DELETE", "DELETE", "GET", "PATCH"):
        await one.ask(method, path, **({"json": {"name": "x"}} if method == "PATCH" else {}))
    await one.ask("PATCH", conversation, json={"domain": "x"})
    await one.ask("GET", "/api/conversations")
    return one.told


@pytest.fixture
def variant() -> str:
    """The database is that of the newest schema, which serves every variant."""
    return "readmodel"


@pytest.mark.row("A5")
@pytest.mark.parametrize("name", [name for name in VARIANTS if name != "sequential"])
async def test_each_variant_tells_the_same_story(settings_for, settings, client_of, world, elsewhere, name):
    told = []
    for which, place in ((name, world), ("sequential", elsewhere)):
        async with (
            open_pool(settings_for(which, settings.database_url)) as pool,
            open_store(settings, which, pool) as store,
            client_of(create_app(settings_for(which, settings.database_url), store), place.key) as client,
        ):
            told.append(await story(client, place))
    for ours, theirs in zip(*told, strict=True):
        assert ours == theirs
    assert [status for _, status, _ in told[0]].count(200) >= 10
