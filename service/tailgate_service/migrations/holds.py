"""Who serves holds each step of the schema that it needs, and no step is taken back that somebody holds.

A hold is a shared advisory lock of a session, by step. It ends with its session, so a process that died holds nothing.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import asyncpg

from tailgate_service.errors import MigrationLockedError
from tailgate_service.migrations.files import Migration
from tailgate_service.migrations.records import LEVEL

# The first half of each lock's name, any number; the second is the step's version.
STEPS = 0x7A11
POLL = 0.1

_TAKE = "SELECT step FROM generate_series($2::int, $3::int) step WHERE pg_try_advisory_lock_shared($1, step)"
_RELEASE = "SELECT pg_advisory_unlock_shared($1, step) FROM unnest($2::int[]) step"
_HOLDERS = """
SELECT format('%s (process %s%s)', application_name, a.pid, ' at ' || host(client_addr))
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE locktype = 'advisory' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND classid = $1::bigint::oid AND objid = $2::bigint::oid AND objsubid = 2 AND granted
ORDER BY a.pid
"""


class Holds:
    """The steps that one session holds: the first :attr:`upto` of them."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.upto = 0

    async def take(self, level: int) -> bool:
        """Hold the steps up to ``level``; false, and as before, when one of them is not there or is leaving."""
        rows = await self._connection.fetch(_TAKE, STEPS, self.upto + 1, level)
        taken = [row["step"] for row in rows]
        # Asked when all are held: from here on none of them leaves.
        if len(taken) == max(0, level - self.upto) and await self.level() >= level:
            self.upto = max(self.upto, level)
            return True
        await self._connection.fetch(_RELEASE, STEPS, taken)
        return False

    async def keep(self, level: int) -> None:
        """Let go of the steps above ``level``."""
        await self._connection.fetch(_RELEASE, STEPS, list(range(level + 1, self.upto + 1)))
        self.upto = min(self.upto, level)

    async def level(self) -> int:
        """How many steps are there to stay; 0 where there is no schema."""
        try:
            return int(await self._connection.fetchval(LEVEL))  # type: ignore[no-untyped-call]
        except asyncpg.UndefinedTableError:
            return 0


@contextlib.asynccontextmanager
async def vacated(connection: asyncpg.Connection, migration: Migration, within: float) -> AsyncIterator[None]:
    """Wait until nobody holds a step any more, and keep others from it for the block.

    Polled: a session that waits for a lock holds a snapshot. Raises ``MigrationLockedError``.
    """
    end = time.monotonic() + within
    attempt = "SELECT pg_try_advisory_lock($1, $2)"
    while not await connection.fetchval(attempt, STEPS, migration.version):  # type: ignore[no-untyped-call]
        if time.monotonic() >= end:
            rows = await connection.fetch(_HOLDERS, STEPS, migration.version)
            holders = ", ".join(row[0] for row in rows)
            raise MigrationLockedError(
                f"{migration.label} is in use, and was not let go within {within:g} s, by {holders}: a service that "
                "can do without it lets go by itself; stop those that cannot, then try again"
            )
        await asyncio.sleep(POLL)
    try:
        yield
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1, $2)", STEPS, migration.version)
