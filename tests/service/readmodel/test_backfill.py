"""Documents of what was written before there were any."""

import asyncio

import asyncpg
import pytest
from tailgate_service.errors import MigrationError
from tailgate_service.migrations.runner import rollback
from tailgate_service.store.readmodel.backfill import Backfilled, backfill

from tests.service.readmodel.test_current import NOT_AS_MADE

COUNTS = """
SELECT (SELECT count(*) FROM workspaces) + (SELECT count(*) FROM contacts) + (SELECT count(*) FROM conversations)
"""
KILL = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'CALL fill_documents%'"


@pytest.fixture
def own(clone_of):
    return clone_of("readmodel").owner_dsn


@pytest.fixture
async def bare(own):
    """A database of this test's own whose documents are all gone: its owner's address and a connection."""
    connection = await asyncpg.connect(own)
    await connection.execute("TRUNCATE documents")
    yield own, connection
    await connection.close()


async def as_made(connection: asyncpg.Connection) -> bool:
    workspaces = [row["id"] for row in await connection.fetch("SELECT id FROM workspaces")]
    return not any([await connection.fetch(NOT_AS_MADE, workspace) for workspace in workspaces])


@pytest.mark.row("A11")
async def test_every_row_gets_its_document_and_each_is_compared(bare):
    dsn, connection = bare
    count = await connection.fetchval(COUNTS)
    assert await backfill(dsn) == Backfilled(made=count, compared=count, mended=0)
    assert await as_made(connection)
    assert await backfill(dsn) == Backfilled(made=0, compared=count, mended=0)


@pytest.mark.row("A11")
async def test_what_differs_from_its_row_is_found_and_mended(bare, monkeypatch):
    monkeypatch.setattr("tailgate_service.store.readmodel.backfill._PAGE_SIZE", 50)
    dsn, connection = bare
    count = (await backfill(dsn)).made
    for wrong, kind in (("document = '{}'", "card"), ("recent = now()", "item")):
        await connection.execute(
            f"UPDATE documents SET {wrong} WHERE key IN (SELECT key FROM documents WHERE kind = '{kind}' LIMIT 2)"
        )
    await connection.execute(
        "INSERT INTO documents SELECT workspace_id, 'card', '1', now(), '{}' FROM documents WHERE kind = 'team' LIMIT 1"
    )
    assert await backfill(dsn) == Backfilled(made=0, compared=count + 1, mended=5)
    assert await as_made(connection)
    assert await backfill(dsn) == Backfilled(made=0, compared=count, mended=0)


@pytest.mark.row("A11")
async def test_broken_off_it_goes_on_where_it_was(bare):
    dsn, connection = bare
    count = await connection.fetchval(COUNTS)
    # Slow enough to be met in the middle.
    await connection.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.01); RETURN NULL; END'"
    )
    await connection.execute("CREATE TRIGGER slow AFTER INSERT ON documents FOR EACH ROW EXECUTE FUNCTION slow()")
    running = asyncio.create_task(backfill(dsn))
    async with asyncio.timeout(30):
        while not await connection.fetchval("SELECT count(*) FROM documents"):  # noqa: ASYNC110 - the database says when
            await asyncio.sleep(0.01)
    assert await connection.fetchval(KILL) == 1
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await running
    await connection.execute("DROP TRIGGER slow ON documents")
    kept = await connection.fetchval("SELECT count(*) FROM documents")
    assert 0 < kept < count
    assert await backfill(dsn) == Backfilled(made=count - kept, compared=count, mended=0)
    assert await as_made(connection)


async def test_rows_written_meanwhile_have_theirs_from_the_write(bare):
    dsn, connection = bare

    async def write() -> None:
        workspace = await connection.fetchval("SELECT id FROM workspaces LIMIT 1")
        for number in range(50):
            await connection.execute(
                "INSERT INTO contacts (workspace_id, name, phone) VALUES ($1, 'x', $2)", workspace, f"99{number:05}"
            )

    done, _ = await asyncio.gather(backfill(dsn), write())
    assert done.mended == 0
    assert await as_made(connection)


async def test_a_schema_without_documents_is_told_to_be_migrated(bare):
    dsn, connection = bare
    while await connection.fetchval("SELECT to_regclass('documents') IS NOT NULL"):
        await rollback(dsn)
    with pytest.raises(MigrationError, match="tailgate db migrate"):
        await backfill(dsn)
