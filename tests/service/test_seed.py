"""The seed: the same every time, and fit to be used."""

import hashlib
import json
from uuid import uuid4

import asyncpg
import pytest
from tailgate_service.agents.configuration import Configuration
from tailgate_service.errors import SeedError
from tailgate_service.migrations.runner import migrate
from tailgate_service.seed import texts
from tailgate_service.seed.config import SeedConfig
from tailgate_service.seed.workspace import COLUMNS, Workspace
from tailgate_service.seed.writer import seed
from tailgate_service.store.readmodel.backfill import Backfilled, backfill

SMALL = SeedConfig(workspaces=2, conversations=40, messages=5)


def digest(config: SeedConfig, number: int = 0) -> str:
    rows = Workspace(config, number).rows
    return hashlib.sha256("".join(line for table in COLUMNS for line in rows[table]).encode()).hexdigest()


def test_the_same_configuration_gives_the_same_bytes():
    assert digest(SMALL) == digest(SMALL)


def test_the_bytes_are_those_that_were_always_given():
    """Run on another machine or another day, a seed is still that seed."""
    assert digest(SMALL) == "c3d91ca4cedc68255d3405f995b579fcd4137bdc214ad1752fbb41479a18c3af"


def test_an_agent_of_the_seed_saved_as_it_is_shown_stays_what_it_is():
    for text in texts.AGENTS:
        shown = json.loads(text)
        assert Configuration(**shown).model_dump() == shown


def test_another_seed_or_workspace_gives_other_bytes():
    other = SeedConfig(workspaces=2, conversations=40, messages=5, seed=2)
    assert len({digest(SMALL), digest(other), digest(SMALL, 1)}) == 3


def test_conversations_have_as_many_messages_as_asked_for_on_average():
    rows = Workspace(SeedConfig(workspaces=1, conversations=2000, messages=10), 0).rows
    assert len(rows["messages"]) / len(rows["conversations"]) == pytest.approx(10, rel=0.05)


def test_a_tenth_of_the_messages_the_oldest_have_no_workspace_unless_the_schema_asks_for_it():
    config = SeedConfig(workspaces=1, conversations=2000, messages=10)
    column = COLUMNS["messages"].split().index("workspace_id")
    messages = [line.split("\t") for line in Workspace(config, 0).rows["messages"]]
    before = [message[-1] for message in messages if message[column] == r"\N"]
    assert len(before) / len(messages) == pytest.approx(0.1, abs=0.02)
    assert max(before) < min(message[-1] for message in messages if message[column] != r"\N")
    filled = Workspace(config, 0, filled=True).rows
    assert not any(line.split("\t")[column] == r"\N" for line in filled["messages"])
    assert {table: lines for table, lines in filled.items() if table != "messages"} == {
        table: lines for table, lines in Workspace(config, 0).rows.items() if table != "messages"
    }


@pytest.mark.parametrize(
    ("wrong", "named"), [({"workspaces": 0}, "workspaces = 0"), ({"messages": 1001}, "messages = 1001")]
)
def test_a_seed_that_cannot_be_is_named(wrong, named):
    with pytest.raises(SeedError, match=named):
        SeedConfig(**wrong)


@pytest.fixture
def as_seeded(clone_of):
    """A database of its own, for other tests write to that of the session."""
    return clone_of("parallel")


async def test_what_is_written_holds_together(as_seeded):
    """The foreign keys were not checked while it was written, so they are here."""
    connection = await asyncpg.connect(as_seeded.owner_dsn)
    references = await connection.fetch(
        """
        SELECT conrelid::regclass::text AS child, confrelid::regclass::text AS parent, attname AS key
        FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1] WHERE contype = 'f'
        """
    )
    assert len(references) == 19
    for row in references:
        orphans = await connection.fetchval(
            f"SELECT count(*) FROM {row['child']} c WHERE {row['key']} IS NOT NULL"
            f" AND NOT EXISTS (SELECT FROM {row['parent']} p WHERE p.id = c.{row['key']})"
        )
        assert orphans == 0, row
    latest = """
        SELECT count(*) FROM conversations c JOIN LATERAL (
            SELECT created_at, body FROM messages WHERE conversation_id = c.id ORDER BY created_at DESC LIMIT 1
        ) m ON true WHERE (m.created_at, left(m.body, 80)) IS DISTINCT FROM (c.last_message_at, c.last_message_preview)
    """
    assert await connection.fetchval(latest) == 0
    assert await connection.fetchval("SELECT count(DISTINCT status) FROM conversations") == 4
    domains = await connection.fetch("SELECT count(*) FROM conversations GROUP BY domain ORDER BY 1 DESC")
    assert len(domains) == 5
    assert domains[0][0] > 5 * domains[-1][0]
    # Nobody was told of what was written long ago.
    assert await connection.fetchval("SELECT count(*) FROM events") == 0
    assert await connection.fetchval("SELECT tgenabled FROM pg_trigger WHERE tgname = 'message_told'") == b"O"
    await connection.close()


@pytest.mark.parametrize("level", [1, None])
async def test_who_owns_the_database_and_is_no_superuser_can_seed_it(postgres, level):
    name = f"seed_{uuid4().hex}"
    owner = await asyncpg.connect(postgres.dsn)
    await owner.execute(f"CREATE ROLE {name} LOGIN CREATEROLE PASSWORD 'word'")
    await owner.execute(f"CREATE DATABASE {name} OWNER {name}")
    dsn = f"postgresql://{name}:word@127.0.0.1:{postgres.port}/{name}?sslmode=disable"
    try:
        await migrate(dsn, to=level)
        written = await seed(dsn, SMALL)
        connection = await asyncpg.connect(dsn)
        assert written["messages"] == await connection.fetchval("SELECT count(*) FROM messages")
        assert await connection.fetchval("SELECT count(*) FROM events") == 0
        assert await connection.fetch("SELECT tgname FROM pg_trigger WHERE tgenabled <> 'O'") == []
        lacking = await connection.fetchval("SELECT count(*) FROM messages WHERE workspace_id IS NULL")
        assert (lacking > 0) == (level == 1)
        await connection.close()
        if level is None:
            documents = written["workspaces"] + written["contacts"] + written["conversations"]
            assert await backfill(dsn) == Backfilled(made=0, compared=documents, mended=0)
    finally:
        await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await owner.execute(f"DROP ROLE {name}")
        await owner.close()


async def test_a_database_with_data_is_not_seeded_again(seeded_database):
    with pytest.raises(SeedError, match="has data already"):
        await seed(seeded_database.owner_dsn, SMALL)


async def test_a_database_without_schema_is_told_to_be_migrated_first(postgres):
    with pytest.raises(SeedError, match="migrate it first"):
        await seed(postgres.dsn, SMALL)
