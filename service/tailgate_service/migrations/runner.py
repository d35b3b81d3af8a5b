"""Applies migrations and takes them back, one runner at a time."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import asyncpg

from tailgate_service.errors import MigrationError, MigrationLockedError
from tailgate_service.migrations import holds, records
from tailgate_service.migrations.files import Migration, Script, load

# The first with uuidv7(), by which keys are made in the order of time.
OLDEST_SERVER = 18
# Any number, the same for every runner: it names the lock.
LOCK = 0x7A11_6A7E
LOCK_POLL = 0.1
# Who waits for a table's lock has all who come later wait behind it.
LOCK_TIMEOUT = 2.0
# A statement with CONCURRENTLY waits for others' transactions without anybody waiting behind it.
CONCURRENTLY_TIMEOUT = 60.0
ATTEMPTS = 30
PAUSE = 0.5
# The server ends the session of a runner that was killed, and its locks with it, in the middle of a statement.
ALIVE_INTERVAL = 1.0

_OLDEST = """
SELECT format('process %s (%s), %s s old, which ran: %s', pid, coalesce(nullif(application_name, ''), 'no name'),
              extract(epoch FROM now() - xact_start)::int, left(regexp_replace(query, '\\s+', ' ', 'g'), 80))
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
ORDER BY xact_start LIMIT 1
"""

log = logging.getLogger(__name__)


async def migrate(
    dsn: str,
    to: int | None = None,
    *,
    migrations: Sequence[Migration] | None = None,
    lock_within: float = 60.0,
) -> tuple[Migration, ...]:
    """Apply what is missing up to version ``to`` (the newest when None) and return what was applied.

    Run again after a kill it goes on where that left off; a step that was half way back is made whole. Raises
    ``MigrationEditedError`` when an applied migration differs from its files, ``MigrationLockedError`` when another
    runner is at it for more than ``lock_within`` seconds or a lock cannot be had, ``MigrationError`` when the server is
    older than ``OLDEST_SERVER``, or the database newer than ``to`` or than the files.
    """
    known = load() if migrations is None else tuple(migrations)
    if to is not None and not 0 < to <= len(known):
        raise MigrationError(f"there is no migration {to}: the newest is {len(known)}")
    async with _alone(dsn, lock_within) as connection:
        server = connection.get_server_version()  # type: ignore[no-untyped-call]
        if server.major < OLDEST_SERVER:
            raise MigrationError(
                f"the server is Postgres {server.major}.{server.micro}, and the schema needs {OLDEST_SERVER} or newer"
            )
        found = await records.applied(connection, known)
        if to is not None and found.count > to:
            raise MigrationError(
                f"the database is at {found.count}, newer than {to}: roll back {found.count - to} step(s)"
            )
        if found.leaving:
            await _stay(connection, known[found.count - 1])
        todo = known[found.count : to]
        for migration in todo:
            await _run(connection, migration, migration.up, records.arrived)
    return tuple(todo)


async def rollback(
    dsn: str,
    steps: int = 1,
    *,
    drop_everything: bool = False,
    migrations: Sequence[Migration] | None = None,
    lock_within: float = 60.0,
    let_go_within: float = 60.0,
) -> tuple[Migration, ...]:
    """Take back the last ``steps`` migrations and return them, newest first; raises as :func:`migrate`.

    The first step is the tables themselves: without ``drop_everything`` it stays, and nothing is taken back that would
    go with it. Services that use a step are told, and have ``let_go_within`` seconds to do without it; when they have
    not, it is not taken back and ``MigrationLockedError`` names them.
    """
    known = load() if migrations is None else tuple(migrations)
    async with _alone(dsn, lock_within) as connection:
        found = await records.applied(connection, known)
        if not 0 < steps <= found.count:
            raise MigrationError(f"cannot roll back {steps} step(s): {found.count} migration(s) are applied")
        if steps == found.count and not drop_everything:
            keeps = f", --steps {steps - 1} keeps them" if steps > 1 else ""
            raise MigrationError(
                f"{known[0].label} is the tables themselves, and all data goes with them: --drop-everything takes it "
                f"back as well{keeps}"
            )
        undone = known[found.count - steps : found.count][::-1]
        for migration in undone:
            begun = found.leaving and migration is undone[0]
            await _leave(connection, migration, begun=begun, within=let_go_within)
    return tuple(undone)


@contextlib.asynccontextmanager
async def _alone(dsn: str, within: float) -> AsyncIterator[asyncpg.Connection]:
    settings = {
        "application_name": "tailgate-migrate",
        "client_connection_check_interval": f"{ALIVE_INTERVAL * 1e3:.0f}",
        # An index is built on one processor: the others are for those who are served meanwhile.
        "max_parallel_maintenance_workers": "0",
    }
    connection = await asyncpg.connect(dsn, server_settings=settings)  # type: ignore[no-untyped-call]
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


async def _stay(connection: asyncpg.Connection, migration: Migration) -> None:
    """Make whole what a killed runner was taking back: one transaction happened or did not, and this one did not."""
    if migration.down.outside:
        await _run(connection, migration, migration.up, records.arrived)
    else:
        await records.arrived(connection, migration)


async def _leave(connection: asyncpg.Connection, migration: Migration, *, begun: bool, within: float) -> None:
    """Take a step back; ``begun`` when a runner that was killed may have begun to."""
    if not begun:
        await records.leaving(connection, migration, really=True)
    try:
        async with holds.vacated(connection, migration, within):
            begun = begun or migration.down.outside
            await _run(connection, migration, migration.down, records.gone)
    except BaseException:
        if not begun:
            await records.leaving(connection, migration, really=False)
        raise


async def _run(
    connection: asyncpg.Connection,
    migration: Migration,
    script: Script,
    note: Callable[[asyncpg.Connection, Migration], Awaitable[None]],
) -> None:
    """Run a script, from its beginning again when one of its locks could not be had in time."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            if script.outside:
                for statement in script.statements:
                    await _bounded(connection, statement)
                await note(connection, migration)
            else:
                async with connection.transaction():  # type: ignore[no-untyped-call]
                    await _bounded(connection, script.sql)
                    await note(connection, migration)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            oldest = await connection.fetchval(_OLDEST) or "none to be seen"  # type: ignore[no-untyped-call]
            if attempt == ATTEMPTS:
                raise MigrationLockedError(
                    f"{migration.label}: {error} in {ATTEMPTS} attempts; end the transaction in its way, then run it "
                    f"again. The oldest one: {oldest}"
                ) from error
            log.warning("%s: attempt %d of %d: %s; oldest: %s", migration.label, attempt, ATTEMPTS, error, oldest)
            await asyncio.sleep(PAUSE)
        else:
            return


async def _bounded(connection: asyncpg.Connection, statement: str) -> None:
    timeout = CONCURRENTLY_TIMEOUT if "CONCURRENTLY" in statement else LOCK_TIMEOUT
    await connection.execute(f"SET lock_timeout = {timeout * 1e3:.0f}")
    await connection.execute(statement)
