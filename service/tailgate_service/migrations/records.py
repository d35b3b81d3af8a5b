"""What is applied, as the database itself knows it."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from tailgate_service.errors import MigrationEditedError, MigrationError
from tailgate_service.migrations.files import Migration

# Who serves listens here: told whenever the level may have changed.
CHANNEL = "schema"

# A step that is being taken back is ``leaving`` from before its first statement until it is gone, so that nobody
# begins to need it, and so that a way back that was killed in the middle is known.
TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    integer     PRIMARY KEY,
    name       text        NOT NULL,
    checksum   text        NOT NULL,
    leaving    boolean     NOT NULL DEFAULT false,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
LEVEL = "SELECT coalesce(max(version), 0) FROM schema_migrations WHERE NOT leaving"

_ARRIVED = """
INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)
ON CONFLICT (version) DO UPDATE SET leaving = false, applied_at = now()
"""
_LEAVING = "UPDATE schema_migrations SET leaving = $2 WHERE version = $1"
_GONE = "DELETE FROM schema_migrations WHERE version = $1"


@dataclass(frozen=True, kw_only=True)
class Applied:
    """How many migrations are recorded, and whether the last of them is half way back."""

    count: int
    leaving: bool


async def applied(connection: asyncpg.Connection, known: Sequence[Migration]) -> Applied:
    """What is applied, after checking that each is the one in the files."""
    await connection.execute(TABLE)
    rows = await connection.fetch("SELECT version, name, checksum, leaving FROM schema_migrations ORDER BY version")
    if len(rows) > len(known):
        raise MigrationError(
            f"the database is at {rows[-1]['version']}, newer than this program, which knows {len(known)} "
            "migration(s): upgrade it"
        )
    for row, migration in zip(rows, known, strict=False):
        if row["version"] != migration.version:
            raise MigrationError(f"schema_migrations lacks {migration.label}, yet has version {row['version']}")
        if row["checksum"] != migration.checksum:
            raise MigrationEditedError(
                f"{migration.label} was edited after it was applied: restore its files and write a new one"
            )
    return Applied(count=len(rows), leaving=bool(rows) and rows[-1]["leaving"])


async def arrived(connection: asyncpg.Connection, migration: Migration) -> None:
    """It is applied, whole."""
    await _note(connection, _ARRIVED, migration.version, migration.name, migration.checksum)


async def leaving(connection: asyncpg.Connection, migration: Migration, *, really: bool) -> None:
    """It is about to be taken back; or, with ``really`` false, will not be after all."""
    await _note(connection, _LEAVING, migration.version, really)


async def gone(connection: asyncpg.Connection, migration: Migration) -> None:
    """It is taken back."""
    await _note(connection, _GONE, migration.version)


async def _note(connection: asyncpg.Connection, note: str, *values: object) -> None:
    async with connection.transaction():  # type: ignore[no-untyped-call]
        await connection.execute(note, *values)
        await connection.execute("SELECT pg_notify($1, '')", CHANNEL)
