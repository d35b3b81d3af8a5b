"""``verify``: a database as the migrations leave it passes, and each check fails when what it checks is undone."""

import asyncio
import hashlib
import json
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import httpx
import pytest
from tailgate_service.app import create_app, create_store
from tailgate_service.errors import VerifyError
from tailgate_service.migrations.runner import migrate
from tailgate_service.seed.config import SeedConfig
from tailgate_service.server import open_pool
from tailgate_service.settings import Settings
from tailgate_service.template import clone
from tailgate_service.verify import before, hot, integrity, policies, role, run
from tailgate_service.verify.ground import Ground, asking, undone

# Enough that the planner prefers an index to reading all.
SEED = SeedConfig(workspaces=3, conversations=1000, messages=4)
COMMANDS = {"reading": "SELECT", "inserting": "INSERT", "updating": "UPDATE", "deleting": "DELETE"}
GUARDS = [(table, name) for table in ("conversations", "messages") for name in COMMANDS]


@pytest.fixture(scope="module")
def database(templates):
    made = clone("parallel", SEED, templates)
    with made.cluster:
        asyncio.run(migrate(made.cluster.dsn))
        yield made


@pytest.fixture
async def connection(database):
    """A connection in a transaction that is undone."""
    made = await asyncpg.connect(database.cluster.dsn, statement_cache_size=0)
    async with undone(made):
        yield made
    await made.close()


async def ground(connection) -> Ground:
    return Ground(connection=connection, **await connection.fetchrow(run._BUSIEST))


@pytest.mark.row("A6")
@pytest.mark.row("B7")
@pytest.mark.row("B1")
@pytest.mark.row("B2")
@pytest.mark.row("B3")
@pytest.mark.row("B4")
@pytest.mark.row("B5")
async def test_a_database_as_the_migrations_leave_it_passes_every_check_and_is_left_as_it_was(database):
    size = "SELECT sum(n) FROM (SELECT count(*) n FROM messages UNION ALL SELECT count(*) FROM conversations) c"
    connection = await asyncpg.connect(database.cluster.dsn)
    before = await connection.fetchval(size)
    findings = await run.verify(database.cluster.dsn)
    assert [finding.detail for finding in findings if not finding.passed] == []
    assert len({finding.name for finding in findings}) == len(findings) >= 8
    timed = [finding for finding in findings if finding.before is not None]
    assert len(timed) >= 4
    assert all(finding.after > 0 and finding.evidence for finding in timed)
    assert await connection.fetchval(size) == before
    await connection.close()


@pytest.mark.row("B7")
@pytest.mark.row("A6")
@pytest.mark.parametrize(
    ("undo", "table"),
    [
        ("ALTER TABLE contacts DROP CONSTRAINT contacts_workspace_id_phone_digits_key", "contacts"),
        ("DROP INDEX conversations_inbox", "conversations"),
        ("DROP INDEX messages_thread", "messages"),
    ],
)
async def test_a_hot_query_without_its_index_is_found(connection, undo, table):
    await connection.execute(undo)
    failed = [finding for finding in await hot.check(await ground(connection)) if not finding.passed]
    assert [f"no index on {table} (" in finding.detail for finding in failed] == [True]


@pytest.mark.row("B7")
@pytest.mark.row("B1")
@pytest.mark.parametrize(("expression", "asked"), [("may_see(workspace_id)", policies.ROWS), ("true", 0)])
async def test_a_policy_that_is_asked_for_each_row_or_asks_nobody_is_found(connection, expression, asked):
    await connection.execute(f"ALTER POLICY reading ON conversations USING ({expression})")
    finding = await policies.asked_once(await ground(connection))
    assert not finding.passed
    assert f"conversations.reading ({asked})" in finding.detail


@pytest.mark.row("B2")
@pytest.mark.parametrize(("table", "name"), GUARDS)
async def test_each_of_the_eight_policies_is_missed(connection, table, name):
    await connection.execute(f"DROP POLICY {name} ON {table}")
    finding = await policies.keep_out(await ground(connection))
    assert not finding.passed
    assert f"{table} {COMMANDS[name]}: there is none" in finding.detail


@pytest.mark.row("B2")
@pytest.mark.parametrize(("table", "name"), GUARDS)
async def test_each_of_the_eight_policies_is_tried_and_an_open_one_is_found(connection, table, name):
    clause = "WITH CHECK" if name == "inserting" else "USING"
    await connection.execute(f"ALTER POLICY {name} ON {table} {clause} (true)")
    finding = await policies.keep_out(await ground(connection))
    assert not finding.passed
    assert f"{table} {COMMANDS[name]}: another workspace is let in" in finding.detail


async def test_a_policy_that_keeps_its_own_workspace_out_is_found(connection):
    await connection.execute("ALTER POLICY reading ON messages USING (false)")
    assert "its own workspace is kept out" in (await policies.keep_out(await ground(connection))).detail


@pytest.mark.row("B2")
@pytest.mark.parametrize("table", ["conversations", "messages"])
async def test_from_outside_its_workspace_no_row_is_read_written_or_removed(connection, table):
    """The eight policies by hand: as the service's role, asked by another workspace and by nobody."""
    here = await ground(connection)
    own = f"FROM {table} WHERE workspace_id = '{here.workspace}'"
    async with asking(connection, here.workspace):
        assert await connection.fetchval(f"SELECT count(*) {own}") > 0
    for workspace in (uuid4(), None):
        async with asking(connection, workspace):
            assert await connection.fetchval(f"SELECT count(*) {own}") == 0
            assert await connection.execute(f"UPDATE {table} SET metadata = '{{}}'") == "UPDATE 0"
            assert await connection.execute(f"DELETE FROM {table}") == "DELETE 0"
            values = {
                "conversations": f"(workspace_id, contact_id) VALUES ('{here.workspace}', '{here.contact}')",
                "messages": "(workspace_id, conversation_id, direction, body, status) VALUES"
                f" ('{here.workspace}', '{here.conversation}', 'out', 'x', 'queued')",
            }[table]
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await connection.execute(f"INSERT INTO {table} {values}")


@pytest.mark.row("B7")
@pytest.mark.parametrize(
    ("check", "undo", "found"),
    [
        (
            integrity.workspace_given,
            "ALTER TABLE messages ALTER COLUMN workspace_id DROP NOT NULL",
            "messages.workspace_id may be NULL",
        ),
        (
            integrity.workspace_given,
            (
                "UPDATE messages SET workspace_id = (SELECT max(id::text)::uuid FROM workspaces) WHERE id ="
                " (SELECT id FROM messages WHERE workspace_id = (SELECT min(id::text)::uuid FROM workspaces) LIMIT 1)"
            ),
            "1 messages of another workspace than their conversation",
        ),
        (
            integrity.workspace_given,
            (
                "SET LOCAL session_replication_role = replica;"
                "DELETE FROM contacts WHERE id = (SELECT contact_id FROM conversations LIMIT 1)"
            ),
            "1 conversations without contact",
        ),
        (integrity.indexes_valid, "DROP INDEX calls_recent", "calls_recent is missing"),
        (
            integrity.indexes_valid,
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'notes_of_contact'::regclass",
            "notes_of_contact is invalid",
        ),
        (
            integrity.metadata_checked,
            "ALTER TABLE messages DROP CONSTRAINT messages_metadata_check",
            "messages has no constraint on metadata",
        ),
        (
            integrity.metadata_checked,
            (
                "ALTER TABLE conversations DROP CONSTRAINT conversations_metadata_check; ALTER TABLE conversations"
                " ADD CONSTRAINT conversations_metadata_check CHECK (is_metadata(metadata)) NOT VALID"
            ),
            "conversations_metadata_check is not validated",
        ),
        (
            integrity.metadata_checked,
            (
                "CREATE OR REPLACE FUNCTION is_metadata(metadata jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN"
                " jsonb_typeof(metadata) = 'object'"
            ),
            'messages takes {"Key": 1}',
        ),
        (role.check, "ALTER ROLE tailgate_api BYPASSRLS", "tailgate_api bypasses row-level security"),
        (role.check, "ALTER ROLE tailgate_api SUPERUSER", "tailgate_api is a superuser"),
        (role.check, "ALTER ROLE tailgate_api REPLICATION", "tailgate_api replicates"),
        (
            role.check,
            "CREATE ROLE above_policies BYPASSRLS; GRANT above_policies TO tailgate_api",
            "tailgate_api is a member of a role that bypasses it",
        ),
        (
            role.check,
            "CREATE MATERIALIZED VIEW kept AS TABLE contacts; GRANT SELECT ON kept TO tailgate_api",
            "kept is open to it without a policy",
        ),
        (role.check, "ALTER TABLE contacts DISABLE ROW LEVEL SECURITY", "contacts is open to it without a policy"),
        (role.check, "ALTER TABLE notes OWNER TO tailgate_api", "tailgate_api owns tables"),
        (
            role.check,
            "ALTER VIEW view_actionable_leads RESET (security_invoker)",
            "view_actionable_leads is open to it",
        ),
        (
            integrity.steps_whole,
            "UPDATE schema_migrations SET leaving = true WHERE version = 15",
            "15 is half way back",
        ),
        (integrity.steps_whole, "DELETE FROM schema_migrations WHERE version > 14", "at 14 of"),
    ],
)
async def test_what_is_undone_is_found(connection, check, undo, found):
    here = await ground(connection)
    assert (await check(here)).passed
    await connection.execute(undo)
    finding = await check(here)
    assert not finding.passed
    assert found in finding.detail


async def test_of_more_than_is_copied_there_is_no_time_before(connection, monkeypatch):
    """However little the catalogue knows of it."""
    monkeypatch.setattr(before, "MOST", 100)
    await connection.execute("UPDATE pg_class SET reltuples = -1 WHERE oid = 'messages'::regclass")
    findings = await hot.check(await ground(connection))
    assert [finding.before for finding in findings] == [None] * 3


async def test_a_database_without_data_or_schema_says_so(postgres):
    name = f"verify_{uuid4().hex}"
    owner = await asyncpg.connect(postgres.dsn)
    await owner.execute(f"CREATE DATABASE {name}")
    dsn = postgres.dsn.replace("/postgres?", f"/{name}?")
    with pytest.raises(VerifyError, match="migrate it first"):
        await run.verify(dsn)
    await migrate(dsn)
    with pytest.raises(VerifyError, match="no conversation to try anything on"):
        await run.verify(dsn)
    await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await owner.close()


@asynccontextmanager
async def serving(database):
    settings = Settings(
        database_url=database.dsn,
        webhook_secret="secret",
        webhook_verify_token="token",
        variant="parallel",
        pool_size=2,
    )
    async with open_pool(settings) as pool:
        app = create_app(settings, create_store("parallel", pool))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
            yield client


@pytest.mark.row("B5")
@pytest.mark.parametrize(
    "metadata", [[], {"Key": 1}, {"deep": {"er": 1}}, {"list": []}, {"a" * 41: 1}, {"text": "x" * 5000}, {"n": 1e400}]
)
async def test_bad_metadata_is_refused_by_the_api_which_names_the_field_and_by_the_database(
    database, connection, metadata
):
    key = uuid4().hex
    owner = await asyncpg.connect(database.cluster.dsn)
    here = await ground(connection)
    await owner.execute(
        "UPDATE workspaces SET api_key_sha256 = $2 WHERE id = $1", here.workspace, hashlib.sha256(key.encode()).digest()
    )
    await owner.close()
    text = json.dumps({"conversation_id": str(here.conversation), "body": "x", "metadata": metadata})
    text = text.replace("Infinity", "1e400")
    async with serving(database) as client:
        headers = {"x-api-key": key, "content-type": "application/json"}
        answer = await client.post("/api/messages/send", content=text, headers=headers)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert all(error["field"].startswith("metadata") for error in answer.json()["errors"])
    if "1e400" not in text:
        metadata = {"text": "x" * 9000} if "text" in metadata else metadata
        for table in ("conversations", "messages"):
            with pytest.raises(asyncpg.CheckViolationError, match="metadata_check"):
                async with undone(connection):
                    await connection.execute(f"UPDATE {table} SET metadata = $1::text::jsonb", json.dumps(metadata))
