"""Three ways to the same answer: response for response equal, within their budgets of queries."""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest
from tailgate_otel import recording
from tailgate_service import webhook
from tailgate_service.app import create_app, open_store
from tailgate_service.server import open_pool
from tailgate_service.settings import VARIANTS

# Application statements a request may take, BEGIN and COMMIT apart.
QUERIES = {
    "sequential": {
        "card": 6,
        "inbox": 8,
        "found": 8,
        "thread": 4,
        "send": 6,
        "contacts": 3,
        "create": 3,
        "contact": 3,
        "update": 4,
        "delete": 4,
        "change": 7,
        "tagged": 10,
        "accepted": 6,
        "opened": 7,
        "duplicate": 5,
    },
    "parallel": {
        "card": 2,
        "inbox": 3,
        "found": 3,
        "thread": 2,
        "send": 2,
        "contacts": 2,
        "create": 2,
        "contact": 2,
        "update": 2,
        "delete": 2,
        "change": 3,
        "tagged": 3,
        "accepted": 3,
        "opened": 3,
        "duplicate": 1,
    },
}
# Cards and inboxes are in memory: the one statement is who asks. What was a duplicate is waited for.
QUERIES["readmodel"] = QUERIES["parallel"] | {"card": 1, "inbox": 1, "found": 2, "duplicate": 2}


@pytest.fixture
async def clients(settings_for, client_of, database_of, seeded) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """A client of each variant, over one database: that of the newest schema, which serves them all."""
    clients = {}
    dsn = database_of("readmodel").dsn
    async with AsyncExitStack() as running:
        for name in VARIANTS:
            settings = settings_for(name, dsn)
            pool = await running.enter_async_context(open_pool(settings))
            store = await running.enter_async_context(open_store(settings, name, pool))
            clients[name] = await running.enter_async_context(client_of(create_app(settings, store), seeded["api_key"]))
        yield clients


@pytest.fixture
def seeded(database_of) -> dict:
    """A seeded workspace as the targets file describes it."""
    return database_of("readmodel").targets["workspaces"][0]


async def alike(clients: dict[str, httpx.AsyncClient], path: str, **request) -> None:
    first, *others = [await client.get(path, **request) for client in clients.values()]
    for other in others:
        assert other.content == first.content
        assert other.status_code == first.status_code


@pytest.mark.row("A5")
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"page": 3, "per_page": 7},
        {"page": 10_000},
        {"status": "resolved"},
        {"active": True, "assigned_to": "unassigned"},
        {"active": False, "search": "a"},
        {"tag": "vip"},
        {"tag": ["vip", "billing"], "active": True},
        {"domain": "sales", "per_page": 5},
        {"before": "1748000000000000-00000000000000000000000000000000"},
        {"before": "1748000000000000-00000000000000000000000000000000", "page": 2, "per_page": 3, "search": "a"},
        {"search": "ana thank", "per_page": 100},
        {"search": "12"},
        {"search": "+1 (2"},
        {"search": "%"},
        {"status": "none"},
    ],
)
async def test_all_variants_list_the_same_inbox(clients, params):
    await alike(clients, "/api/conversations", params=params)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"limit": 7, "before": "1735000000000000-00000000000000000000000000000000"},
        {"search": "ana"},
        {"search": "an b", "limit": 2},
        {"search": "12", "limit": 100},
        {"search": "."},
        {"limit": 0},
    ],
)
async def test_all_variants_list_the_same_contacts(clients, params):
    await alike(clients, "/api/contacts", params=params)


async def test_all_variants_show_the_same_cards_and_threads(clients, seeded):
    paths = [str(httpx.URL("/api/contacts/by-phone", params={"phone": phone})) for phone in seeded["phones"]]
    paths += [f"/api/conversations/{one}/messages?limit=3" for one in seeded["conversations"]]
    for path in (*paths, "/api/contacts/by-phone?phone=000000", f"/api/conversations/{uuid.uuid4()}/messages"):
        await alike(clients, path)


async def test_all_variants_turn_the_same_pages_of_a_thread(clients, seeded):
    path = f"/api/conversations/{seeded['conversations'][0]}/messages"
    before = (await clients["parallel"].get(path, params={"limit": 1})).json()["next_before"]
    assert before is not None
    await alike(clients, path, params={"limit": 2, "before": before})


@pytest.mark.row("A3")
@pytest.mark.parametrize("name", VARIANTS)
async def test_each_request_takes_exactly_its_queries(clients, seeded, name):
    client, counted = clients[name], {}

    async def count(what: str, method: str, path: str, **request) -> httpx.Response:
        with recording() as record:
            answer = await client.request(method, path, **request)
        assert answer.status_code < 300, answer.text
        counted[what] = record.queries
        return answer

    def hook(number: str, phone: str) -> dict:
        body = json.dumps(
            {
                "phone_number_id": seeded["phone_number_id"],
                "message": {"id": number, "timestamp": "1700000000", "text": {"body": "x"}},
                "conversation": {"phone_number": phone},
            }
        ).encode()
        return {"content": body, "headers": {"x-webhook-signature": webhook.sign("shared with the provider", body)}}

    conversation = seeded["conversations"][0]
    send = {"conversation_id": conversation, "body": "x", "sender_id": seeded["users"][0]}
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    number = str(10**14 + uuid.uuid4().int % 10**14)
    stranger = str(10**14 + uuid.uuid4().int % 10**14)
    await count("card", "GET", "/api/contacts/by-phone", params={"phone": seeded["phones"][0]})
    await count("inbox", "GET", "/api/conversations", params={"active": True, "tag": "vip"})
    await count("found", "GET", "/api/conversations", params={"active": True, "search": "a"})
    await count("thread", "GET", f"/api/conversations/{conversation}/messages")
    await count("send", "POST", "/api/messages/send", json=send)
    await count("contacts", "GET", "/api/contacts", params={"search": "a"})
    made = await count("create", "POST", "/api/contacts", json={"name": "x", "phone": number})
    path = f"/api/contacts/{made.json()['id']}"
    await count("contact", "GET", path)
    await count("update", "PATCH", path, json={"name": "y", "email": None})
    await count("delete", "DELETE", path)
    path = f"/api/conversations/{conversation}"
    await count("change", "PATCH", path, json={"assigned_to": seeded["users"][0], "unread_count": 0})
    await count("tagged", "PATCH", path, json={"tags": ["billing", "vip"]})
    await count("opened", "POST", "/api/webhook/kapso", **hook(first, stranger))
    await count("accepted", "POST", "/api/webhook/kapso", **hook(second, stranger))
    await count("duplicate", "POST", "/api/webhook/kapso", **hook(first, stranger))
    assert counted == QUERIES[name]
