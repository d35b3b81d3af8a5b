"""Writes the seed into a database."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Literal

import asyncpg

from tailgate_service.errors import SeedError
from tailgate_service.seed.config import SeedConfig
from tailgate_service.seed.workspace import COLUMNS, Workspace

# Lines in one block of COPY.
BLOCK = 2000
WORKSPACE_REQUIRED = """
SELECT attnotnull FROM pg_attribute WHERE attrelid = 'messages'::regclass AND attname = 'workspace_id'
"""
DOCUMENTS = """
INSERT INTO documents (workspace_id, kind, key, recent, document)
SELECT shown.workspace_id, shown.kind, shown.key, made.recent, made.document
FROM (
    SELECT id AS workspace_id, 'team' AS kind, id::text AS key FROM workspaces
    UNION ALL SELECT workspace_id, 'card', phone_digits FROM contacts
    UNION ALL SELECT workspace_id, 'item', id::text FROM conversations
) shown CROSS JOIN LATERAL document_of(shown.workspace_id, shown.kind, shown.key) made"""


async def seed(dsn: str, config: SeedConfig) -> dict[str, int]:
    """Fill an empty, migrated database, all or nothing, and return the number of rows of each table.

    No API key fits what is written: the stored digests are random; keys are issued with the targets. Raises
    ``SeedError`` when there is data already or no schema.
    """
    connection = await asyncpg.connect(dsn)  # type: ignore[no-untyped-call]
    try:
        if await connection.fetchval("SELECT to_regclass('workspaces') IS NULL"):
            raise SeedError("the database has no schema yet: migrate it first")
        if await connection.fetchval("SELECT EXISTS (SELECT FROM workspaces)"):
            raise SeedError("the database has data already: seed an empty one, or roll back and migrate first")
        written = dict.fromkeys(COLUMNS, 0)
        async with connection.transaction():
            filled = await connection.fetchval(WORKSPACE_REQUIRED)
            # What is old is no news: nobody is told of it. Documents are made of it all at once.
            await _triggers(connection, "DISABLE")
            if await connection.fetchval("SELECT current_setting('is_superuser')::bool"):
                # The rows refer only to each other: checking each reference would take half of the time.
                await connection.execute("SET LOCAL session_replication_role = replica")
            # Empty as it is, it gets new files; what this transaction writes to files of its own needs no WAL.
            await connection.execute("TRUNCATE workspaces CASCADE")
            making = asyncio.create_task(asyncio.to_thread(Workspace, config, 0, filled=filled))
            for number in range(config.workspaces):
                workspace = await making
                if number + 1 < config.workspaces:
                    # Made while the server takes in the one before.
                    making = asyncio.create_task(asyncio.to_thread(Workspace, config, number + 1, filled=filled))
                for table, lines in workspace.rows.items():
                    columns = COLUMNS[table].split()
                    await connection.copy_to_table(table, source=_blocks(lines), columns=columns, format="text")
                    written[table] += len(lines)
            if await connection.fetchval("SELECT to_regclass('documents') IS NOT NULL"):
                # Without statistics it would take four times as long: with them a document takes some 0.2 ms.
                await connection.execute("ANALYZE")
                await connection.execute(DOCUMENTS)
            await _triggers(connection, "ENABLE")
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()
    return written


async def _triggers(connection: asyncpg.Connection, verb: Literal["DISABLE", "ENABLE"]) -> None:
    """The schema's own triggers; those of foreign keys are not among them."""
    for table in COLUMNS:
        await connection.execute(f"ALTER TABLE {table} {verb} TRIGGER USER")


async def _blocks(lines: Sequence[str]) -> AsyncIterator[bytes]:
    for start in range(0, len(lines), BLOCK):
        yield "".join(lines[start : start + BLOCK]).encode()
