"""Events that nobody comes back for: how long they are kept, and what removes them."""

from uuid import UUID

import asyncpg

KEPT = 7 * 86_400.0
"""Seconds, unless whoever prunes says otherwise: whoever was away for longer reads anew."""
_BATCH = 5_000

# Only the oldest are looked at, by the index; later numbers are of later moments, so that the first that is kept ends
# it. The last event stays, however old: it says how far the numbers have come.
_PRUNE = """
WITH oldest AS MATERIALIZED (
    SELECT number, created_at FROM events WHERE workspace_id = $1 AND number < $2 ORDER BY number LIMIT $4
)
DELETE FROM events e USING oldest o
WHERE e.workspace_id = $1 AND e.number = o.number AND o.created_at < now() - $3 * interval '1 second'"""
_LASTS = "SELECT workspace_id, max(number) AS last FROM events GROUP BY workspace_id"


async def prune(dsn: str, kept: float = KEPT) -> int:
    """Remove events older than ``kept`` seconds, some at a time, while the service serves; how many there were.

    Raises ``OSError`` or asyncpg's errors; what was removed until then is removed.
    """
    connection = await asyncpg.connect(dsn)  # type: ignore[no-untyped-call]
    try:
        workspaces = await connection.fetch(_LASTS)
        return sum([await _prune(connection, row["workspace_id"], row["last"], kept) for row in workspaces])
    finally:
        await connection.close()


async def _prune(connection: asyncpg.Connection, workspace: UUID, last: int, kept: float) -> int:
    removed = 0
    while True:
        done = await connection.execute(_PRUNE, workspace, last, kept, _BATCH)
        count = int(done.split()[-1])
        removed += count
        if count < _BATCH:
            return removed
