"""A view that is dropped while the service serves, and comes back; what each panel costs; all variants alike."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest
from tailgate_otel import recording
from tailgate_service.app import create_app, create_store
from tailgate_service.server import open_pool

from tests.service.api.test_analytics import PANELS

VIEWS = {"/api/analytics/leads": "view_actionable_leads", "/api/analytics/domains": "view_conversation_volume"}
# Statements that each panel takes: with the one that finds the key's workspace and, in sequential, that which tells it.
QUERIES = {
    "sequential": {
        "/api/analytics/leads": 5,
        "/api/analytics/dashboard-pulse": 10,
        "/api/analytics/recent-activity": 5,
        "/api/calls-dashboard": 5,
        "/api/analytics/hourly-volume": 3,
        "/api/analytics/domains": 3,
    },
    "parallel": {
        "/api/analytics/leads": 2,
        "/api/analytics/dashboard-pulse": 5,
        "/api/analytics/recent-activity": 3,
        "/api/calls-dashboard": 3,
        "/api/analytics/hourly-volume": 2,
        "/api/analytics/domains": 2,
    },
}
QUESTIONS = [
    ("/api/analytics/leads", {"limit": 100}),
    ("/api/analytics/leads", {"limit": 1}),
    ("/api/analytics/recent-activity", {"limit": 100}),
    *((path, {"today": "2025-05-31"}) for path in PANELS if path not in VIEWS and "activity" not in path),
    *((path, {"today": "2025-06-01", "days": 90}) for path in PANELS if "hourly" in path or "calls" in path),
    ("/api/analytics/domains", {"today": "2025-05-31", "days": 90}),
    ("/api/analytics/domains", {"today": "2025-03-31", "days": 1}),
]


@pytest.fixture
async def clients(settings_for, client_of, seeded_database) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """A client of each variant with ways of its own, over one database: that of the tuned schema."""
    made = {}
    key = seeded_database.targets["workspaces"][0]["api_key"]
    sequential, parallel = (settings_for(name, seeded_database.dsn) for name in QUERIES)
    async with open_pool(sequential) as one, open_pool(parallel) as other:
        for settings, pool in ((sequential, one), (parallel, other)):
            made[settings.variant] = client_of(create_app(settings, create_store(settings.variant, pool)), key)
        yield made
        for client in made.values():
            await client.aclose()


@pytest.fixture
async def owner(seeded_database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(seeded_database.owner_dsn)
    yield connection
    await connection.close()


@asynccontextmanager
async def without(owner: asyncpg.Connection, view: str) -> AsyncIterator[str]:
    """A database that lacks ``view``, which is there again at the end; yields the statements that make it."""
    options = await owner.fetchval("SELECT array_to_string(reloptions, ',') FROM pg_class WHERE relname = $1", view)
    definition = await owner.fetchval("SELECT pg_get_viewdef($1::regclass)", view)
    made = f"CREATE VIEW {view} WITH ({options}) AS {definition}; GRANT SELECT ON {view} TO tailgate_api;"
    await owner.execute(f"DROP VIEW {view}")
    try:
        yield made
    finally:
        await owner.execute(f"DROP VIEW IF EXISTS {view}; {made}")


async def asked(client: httpx.AsyncClient, path: str) -> tuple[bytes, int]:
    """The answer, and how many statements it took."""
    with recording() as record:
        answer = await client.get(path, params={"today": "2025-05-31"})
    assert answer.status_code == 200, answer.text
    return answer.content, record.queries


@pytest.mark.row("C1")
@pytest.mark.row("B6")
@pytest.mark.parametrize(("path", "view"), VIEWS.items())
async def test_a_missing_view_is_done_without_and_read_again_when_it_returns(clients, owner, caplog, path, view):
    parallel = clients["parallel"]
    answer, queries = await asked(parallel, path)
    assert queries == QUERIES["parallel"][path]
    assert b'"name"' in answer or b'"domain"' in answer
    async with without(owner, view):
        # A statement more: the view is asked for first, each time.
        assert [await asked(parallel, path) for _ in range(2)] == [(answer, queries + 1)] * 2
        assert await asked(clients["sequential"], path) == (answer, QUERIES["sequential"][path])
    assert [await asked(parallel, path) for _ in range(2)] == [(answer, queries)] * 2
    gone, back = [record.message for record in caplog.records if "analytics" in record.name]
    assert f'relation "{view}" does not exist; until it is there again' in gone
    assert f"{view} is there again" in back


@pytest.mark.row("C1")
async def test_a_view_that_is_not_ours_to_read_or_has_other_columns_is_done_without(clients, owner):
    path, view = "/api/analytics/leads", "view_actionable_leads"
    answer, _ = await asked(clients["parallel"], path)
    async with without(owner, view) as made:
        await owner.execute(made.partition("; GRANT")[0])
        assert (await asked(clients["parallel"], path))[0] == answer
        await owner.execute(
            f"DROP VIEW {view}; CREATE VIEW {view} AS SELECT 1 AS other; GRANT SELECT ON {view} TO public"
        )
        assert (await asked(clients["parallel"], path))[0] == answer


@pytest.mark.row("C1")
@pytest.mark.parametrize(("path", "view"), VIEWS.items())
async def test_a_view_that_comes_and_goes_under_load_fails_no_request(clients, owner, path, view):
    expected, _ = await asked(clients["parallel"], path)
    done, answers = asyncio.Event(), set()

    async def ask() -> None:
        while not done.is_set():
            answers.add(await asked(clients["parallel"], path))

    asking = [asyncio.create_task(ask()) for _ in range(6)]
    async with without(owner, view) as made:
        for _ in range(40):
            await owner.execute(made)
            answers.add(await asked(clients["parallel"], path))
            await owner.execute(f"DROP VIEW {view}")
            answers.add(await asked(clients["parallel"], path))
    done.set()
    await asyncio.gather(*asking)
    assert {content for content, _ in answers} == {expected}
    assert {queries for _, queries in answers} == {QUERIES["parallel"][path], QUERIES["parallel"][path] + 1}


@pytest.mark.row("C2")
async def test_a_panel_that_fails_takes_no_other_along(clients, owner, seeded_database):
    parallel = clients["parallel"]
    await owner.execute("REVOKE SELECT ON calls FROM tailgate_api")
    try:
        answers = await asyncio.gather(*(parallel.get(path) for path in PANELS))
    finally:
        await owner.execute("GRANT SELECT ON calls TO tailgate_api")
    failed = {path for path, answer in zip(PANELS, answers, strict=True) if answer.status_code == 500}
    assert {answer.status_code for answer in answers} == {200, 500}
    assert failed == {path for path in PANELS if path not in ("/api/analytics/hourly-volume", "/api/analytics/domains")}
    assert {(await parallel.get(path)).status_code for path in PANELS} == {200}


@pytest.mark.row("A3")
@pytest.mark.parametrize("variant", QUERIES)
@pytest.mark.parametrize("path", PANELS)
async def test_each_panel_takes_exactly_its_queries(clients, variant, path):
    assert (await asked(clients[variant], path))[1] == QUERIES[variant][path]


@pytest.mark.row("A5")
@pytest.mark.parametrize(("path", "params"), QUESTIONS)
async def test_all_variants_show_the_same(clients, owner, seeded_database, path, params):
    answers = [await client.get(path, params=params) for client in clients.values()]
    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].content == answers[1].content


async def test_variants_agree_where_moments_are_the_same(clients, owner, seeded_database):
    """The larger id comes first then, whichever table it is of."""
    workspace = await owner.fetchval(
        "SELECT workspace_id FROM contacts WHERE id = (SELECT contact_id FROM conversations WHERE id = $1::uuid)",
        seeded_database.targets["workspaces"][0]["conversations"][0],
    )
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute(
        "INSERT INTO calls (workspace_id, contact_id, outcome, lead_score, started_at)"
        " SELECT workspace_id, id, 'answered', 100, '2030-01-01' FROM contacts WHERE workspace_id = $1",
        workspace,
    )
    await owner.execute(
        "INSERT INTO messages (workspace_id, conversation_id, direction, body, status, created_at)"
        " SELECT workspace_id, id, 'in', 'now', 'received', '2030-01-01' FROM conversations WHERE workspace_id = $1",
        workspace,
    )
    await transaction.commit()
    try:
        for path in ("/api/analytics/leads", "/api/analytics/recent-activity"):
            one, other = [await client.get(path, params={"limit": 37}) for client in clients.values()]
            assert one.content == other.content
            assert len(one.content) > 5000
    finally:
        await owner.execute("DELETE FROM calls WHERE started_at = '2030-01-01'")
        await owner.execute("DELETE FROM messages WHERE created_at = '2030-01-01'")
