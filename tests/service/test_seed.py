"""The seed: the same every time, and fit to be used."""

import hashlib

import asyncpg
import pytest
from tailgate_service.errors import SeedError
from tailgate_service.seed.config import SeedConfig
from tailgate_service.seed.workspace import COLUMNS, Workspace
from tailgate_service.seed.writer import seed

SMALL = SeedConfig(workspaces=2, conversations=40, messages=5)


def digest(config: SeedConfig, number: int = 0) -> str:
    rows = Workspace(config, number).rows
    return hashlib.sha256("".join(line for table in COLUMNS for line in rows[table]).encode()).hexdigest()


def test_the_same_configuration_gives_the_same_bytes():
    assert digest(SMALL) == digest(SMALL)


def test_the_bytes_are_those_that_were_always_given():
    """Run on another machine or another day, a seed is still that seed."""
    assert digest(SMALL) == "497bb472c8c98ebadbed571c5788e040f5f420b47e32c7378f810fefb04deb63"


def test_another_seed_or_workspace_gives_other_bytes():
    other = SeedConfig(workspaces=2, conversations=40, messages=5, seed=2)
    assert len({digest(SMALL), digest(other), digest(SMALL, 1)}) == 3


def test_conversations_have_as_many_messages_as_asked_for_on_average():
    rows = Workspace(SeedConfig(workspaces=1, conversations=2000, messages=10), 0).rows
    assert len(rows["messages"]) / len(rows["conversations"]) == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize(
    ("wrong", "named"), [({"workspaces": 0}, "workspaces = 0"), ({"messages": 1001}, "messages = 1001")]
)
def test_a_seed_that_cannot_be_is_named(wrong, named):
    with pytest.raises(SeedError, match=named):
        SeedConfig(**wrong)


async def test_what_is_written_holds_together(seeded_database):
    """The foreign keys were not checked while it was written, so they are here."""
    connection = await asyncpg.connect(seeded_database.owner_dsn)
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
    await connection.close()


async def test_a_database_with_data_is_not_seeded_again(seeded_database):
    with pytest.raises(SeedError, match="has data already"):
        await seed(seeded_database.owner_dsn, SMALL)


async def test_a_database_without_schema_is_told_to_be_migrated_first(postgres):
    with pytest.raises(SeedError, match="migrate it first"):
        await seed(postgres.dsn, SMALL)
