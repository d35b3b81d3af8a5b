"""What the tuned variant sends to the database, on the wire, at the seed's full size: narrow, and by indexes."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import httpx
import pytest
from tailgate_service import targets, webhook
from tailgate_service.app import create_app, create_store
from tailgate_service.seed.config import SeedConfig
from tailgate_service.server import open_pool
from tailgate_service.store.database import Pool
from tailgate_service.template import Clone, clone

INBOX, CONTACTS = "/api/conversations", "/api/contacts"
BEFORE = "1747000000000000-00000000000000000000000000000000"
# What is too large to be read whole.
LARGE = {"contacts", "conversations", "messages", "notes", "conversation_tags", "calls", "events"}
TABLES = LARGE | {"workspaces", "users", "tags", "agents", "event_counters"}
NAMED = re.compile(rf"(?:\b(?:from|join|update|into)|,)\s+({'|'.join(TABLES)})\b(?:\s+as)?(?:\s+(\w+))?", re.IGNORECASE)

pytestmark = pytest.mark.xdist_group("full seed")

Sent = list[tuple[str, tuple[Any, ...]]]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Clone, dict[str, Any]]]:
    """A tuned database with the default seed, and what is to be known of one workspace in it."""
    # The template that the command's own runs make and keep: to seed so much takes long.
    cloned = clone("parallel", SeedConfig())
    with cloned.cluster:
        path = tmp_path_factory.mktemp("targets") / "targets.json"
        asyncio.run(targets.write(path, cloned.cluster.dsn, targets.Webhook()))
        yield cloned, json.loads(path.read_text())["workspaces"][3]


@pytest.fixture
async def api(full, settings_for, client_of) -> AsyncIterator[tuple[httpx.AsyncClient, Sent, Pool]]:
    """A client of the tuned variant, the statements that its requests send, and the pool of one connection."""
    cloned, workspace = full
    settings, sent = settings_for("parallel", cloned.dsn, pool_size=1), []
    async with open_pool(settings) as pool:
        async with pool.acquire() as connection:
            connection.add_query_logger(lambda one: sent.append((one.query, tuple(one.args or ()))))
        app = create_app(settings, create_store("parallel", pool))
        async with client_of(app, workspace["api_key"]) as client:
            yield client, sent, pool


@pytest.fixture
async def ours(full) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the service has it, bound by the policies."""
    connection = await asyncpg.connect(full[0].dsn)
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
    yield connection
    await connection.close()


@pytest.fixture
async def owner(full) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(full[0].cluster.dsn)
    yield connection
    await connection.close()


def requests(workspace: dict[str, Any]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """A request of each kind."""
    conversation, user = workspace["conversations"][0], workspace["users"][0]
    body = json.dumps(
        {
            "phone_number_id": workspace["phone_number_id"],
            "message": {"id": "wamid.x", "timestamp": "1700000000", "text": {"body": "x"}},
            "conversation": {"phone_number": workspace["phones"][1]},
        }
    ).encode()
    signed = {"x-webhook-signature": webhook.sign("shared with the provider", body)}
    filters: dict[str, dict[str, Any]] = {
        "inbox": {},
        "page": {"page": 40},
        "keyset": {"before": BEFORE},
        "status": {"status": "open"},
        "active": {"active": True},
        "resolved": {"active": False},
        "assigned": {"assigned_to": user},
        "unassigned": {"assigned_to": "unassigned"},
        "tags": {"tag": ["vip", "billing"]},
        "domain": {"domain": "sales"},
        "search": {"search": "ana thank"},
        "all": {"search": "an", "status": "open", "tag": "vip", "assigned_to": user, "before": BEFORE},
    }
    thread = f"{INBOX}/{conversation}/messages"
    return {name: ("GET", INBOX, {"params": params}) for name, params in filters.items()} | {
        "card": ("GET", f"{CONTACTS}/by-phone", {"params": {"phone": workspace["phones"][0]}}),
        "thread": ("GET", thread, {}),
        "older": ("GET", thread, {"params": {"before": BEFORE}}),
        "contacts": ("GET", CONTACTS, {}),
        "older contacts": ("GET", CONTACTS, {"params": {"before": BEFORE}}),
        "found contacts": ("GET", CONTACTS, {"params": {"search": "ana"}}),
        "create": ("POST", CONTACTS, {"json": {"name": "x", "phone": "+99 9999"}}),
        "send": (
            "POST",
            "/api/messages/send",
            {"json": {"conversation_id": conversation, "body": "x", "sender_id": user}},
        ),
        "change": ("PATCH", f"{INBOX}/{conversation}", {"json": {"assigned_to": user, "tags": ["vip"]}}),
        "webhook": ("POST", "/api/webhook/kapso", {"content": body, "headers": signed}),
    }


def asks_for_whole_rows(query: str) -> bool:
    """Whether a star stands for a table's columns; of a subquery with a name, they were chosen."""
    tables = {name for match in NAMED.findall(query) for name in match}
    starred = re.findall(r"(\w+)\.\*", query)
    return bool(re.search(r"(?:select|returning|,)\s*\*", query, re.IGNORECASE)) or not tables.isdisjoint(starred)


async def all_statements(api: tuple[httpx.AsyncClient, Sent, Pool], workspace: dict[str, Any]) -> dict[str, Sent]:
    client, sent, _ = api
    found = {}
    for name, (method, path, request) in requests(workspace).items():
        sent.clear()
        answer = await client.request(method, path, **request)
        assert answer.status_code < 300, answer.text
        found[name] = [one for one in sent if not one[0].startswith(("BEGIN", "COMMIT"))]
    sent.clear()
    made = f"{CONTACTS}/{(await client.get(CONTACTS)).json()['contacts'][0]['id']}"
    for name, request in (("contact", "GET"), ("update", "PATCH"), ("delete", "DELETE")):
        sent.clear()
        await client.request(request, made, **({"json": {"email": None}} if name == "update" else {}))
        found[name] = list(sent)
    return found


@pytest.mark.row("A7")
async def test_no_statement_asks_for_whole_rows(api, full):
    for name, statements in (await all_statements(api, full[1])).items():
        assert statements, name
        for query, _ in statements:
            assert not asks_for_whole_rows(query), f"{name}: {query}"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM contacts",
        "select c.* from conversations c where true",
        "SELECT x, m.* FROM a JOIN messages AS m ON true",
        "SELECT id FROM (SELECT k.id, k.* FROM contacts k) x",
        "WITH a AS (SELECT 1) SELECT a.x, conversations.* FROM a, conversations",
        "INSERT INTO contacts (name) VALUES ($1) RETURNING *",
    ],
)
def test_whole_rows_are_seen_for_what_they_are(query):
    assert asks_for_whole_rows(query)


def scans(plan: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """How each table is reached: kind of scan, table, index."""
    yield plan["Node Type"], plan.get("Relation Name", ""), plan.get("Index Name", "")
    for below in plan.get("Plans", ()):
        yield from scans(below)


# Of those that may do it as well, any.
INDEXES = {
    "inbox": ["conversations_inbox"],
    "page": ["conversations_inbox"],
    "keyset": ["conversations_inbox"],
    "status": ["conversations_by_status"],
    "assigned": ["conversations_by_assignee"],
    "domain": ["conversations_by_domain"],
    "tags": ["conversation_tags_tag_id_idx"],
    "card": ["contacts_workspace_id_phone_digits_key", "messages_thread", "notes_of_contact"],
    "thread": ["messages_thread"],
    "older": ["messages_thread"],
    "contacts": ["contacts_recent"],
    "older contacts": ["contacts_recent"],
    "contact": ["contacts_pkey"],
}


@pytest.mark.row("A6")
@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_no_statement_reads_a_large_table_whole_and_the_hot_ones_use_their_index(api, full, ours, mode):
    await ours.execute(f"SET plan_cache_mode = {mode}")
    for name, statements in (await all_statements(api, full[1])).items():
        used = set()
        for query, arguments in statements:
            [plan] = json.loads(await ours.fetchval(f"EXPLAIN (FORMAT JSON) {query}", *arguments))
            for kind, table, index in scans(plan["Plan"]):
                assert not (kind == "Seq Scan" and table in LARGE), f"{name} reads all of {table}: {query}"
                used.add(index)
        assert used >= set(INDEXES.get(name, ())), name


@pytest.mark.row("A12")
async def test_searches_are_answered_by_their_indexes_under_the_policies(api, full, owner):
    """Plans do not show what a function does; the counters of the indexes do."""
    client, _, pool = api

    async def counted() -> dict[str, int]:
        # In the one connection there is, and so told at once.
        await pool.fetchval("SELECT pg_stat_force_next_flush()")
        rows = await owner.fetch(
            "SELECT indexrelname, idx_scan FROM pg_stat_user_indexes WHERE indexrelname LIKE '%\\_search'"
        )
        return {row["indexrelname"]: row["idx_scan"] for row in rows}

    before = await counted()
    # More often than a statement is planned anew for its arguments.
    for _ in range(12):
        assert (await client.get(INBOX, params={"search": "ana th"})).json()["conversations"]
        assert (await client.get(CONTACTS, params={"search": "an"})).json()["contacts"]
    after = await counted()
    # The inbox asks both for each of two words, the contacts theirs once.
    used = {name: after[name] - count for name, count in before.items()}
    assert used == {"contacts_search": 12 * 3, "conversations_search": 12 * 2}
