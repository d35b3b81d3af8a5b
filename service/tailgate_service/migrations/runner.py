"""Applies migrations and takes them back, one runner at a time."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence

import asyncpg

from tailgate_service.errors import MigrationEditedError, MigrationError, MigrationLockedError
from tailgate_service.migrations.files import Migration, Script, load

# Any number, the same for every runner: it names the lock.
LOCK = 0x7A11_6A7E
LOCK_POLL = 0.1

RECORDS = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    integer     PRIMARY KEY,
    name       text        NOT NULL,
    checksum   text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


async def migrate(
    dsn: str,
    to: int | None = None,
    *,
    migrations: Sequence[Migration] | None = None,
    lock_within: float = 60.0,
) -> tuple[Migration, ...]:
    """Apply what is missing up to version ``to`` (the newest when None) and return what was applied.

    Run again after a kill it goes on where that left off. Raises ``MigrationEditedError`` when an applied
    migration differs from its files, ``MigrationLockedError`` when another runner is at it for more than
    ``lock_within`` seconds, ``MigrationError`` when the database is newer than ``to`` or than the files.
    """
    known = load() if migrations is None else tuple(migrations)
    if to is not None and not 0 < to <= len(known):
        raise MigrationError(f"there is no migration {to}: the newest is {len(known)}")
    async with _alone(dsn, lock_within) as connection:
        applied = await _applied(connection, known)
        if to is not None and applied > to:
            raise MigrationError(f"the database is at {applied}, newer than {to}: roll back {applied - to} step(s)")
        todo = known[applied:to]
        for migration in todo:
            await _run(connection, migration.up, *_noted(migration))
    return tuple(todo)


async def rollback(
    dsn: str,
    steps: int = 1,
    *,
    migrations: Sequence[Migration] | None = None,
    lock_within: float = 60.0,
) -> tuple[Migration, ...]:
    """Take back the last ``steps`` migrations and return them, newest first; raises as :func:`migrate`."""
    known = load() if migrations is None else tuple(migrations)
    async with _alone(dsn, lock_within) as connection:
        applied = await _applied(connection, known)
        if not 0 < steps <= applied:
            raise MigrationError(f"cannot roll back {steps} step(s): {applied} migration(s) are applied")
        undone = known[applied - steps : applied][::-1]
        for migration in undone:
            await _run(
                connection,
                migration.down,
                "DELETE FROM schema_migrations WHERE version = $1",
                migration.version,
            )
    return tuple(undone)


@contextlib.asynccontextmanager
async def _alone(dsn: str, within: float) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)  # type: ignore[no-untyped-call]
    try:
        end = time.monotonic() + within
        # Polled: a session blocked in pg_advisory_lock holds the snapshot that CREATE INDEX CONCURRENTLY
        # waits for.
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
            if time.monotonic() >= end:
                raise MigrationLockedError(
                    f"another migration has been running for {within:g} s: wait for it, then try again"
                )
            await asyncio.sleep(LOCK_POLL)
        yield connection
    finally:
        # Ends the session, and the lock with it.
        await connection.close()


async def _applied(connection: asyncpg.Connection, known: Sequence[Migration]) -> int:
    """How many are applied, after checking that each is the one in the files."""
    await connection.execute(RECORDS)
    rows = await connection.fetch("SELECT version, name, checksum FROM schema_migrations ORDER BY version")
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
    return len(rows)


def _noted(migration: Migration) -> tuple[str, int, str, str]:
    note = "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)"
    return note, migration.version, migration.name, migration.checksum


async def _run(connection: asyncpg.Connection, script: Script, note: str, *values: object) -> None:
    if script.outside:
        for statement in script.statements:
            await connection.execute(statement)
        await connection.execute(note, *values)
        return
    async with connection.transaction():  # type: ignore[no-untyped-call]
        await connection.execute(script.sql)
        await connection.execute(note, *values)
