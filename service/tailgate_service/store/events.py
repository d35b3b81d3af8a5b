"""What happened in a workspace, by number: the same for every variant, each in one round trip."""

from collections.abc import Sequence

from tailgate_service.identity import Identity
from tailgate_service.store.base import Event
from tailgate_service.store.database import Pool
from tailgate_service.store.parallel.told import told, told_by

# The last one is never pruned: without it nobody could tell how far the numbers have come.
_LAST = told("SELECT coalesce(max(number), 0) FROM events WHERE workspace_id = me.workspace")
_AFTER = told("""
SELECT number, kind, shown(created_at) AS at, body::text AS body
FROM events WHERE workspace_id = me.workspace AND number > $3 ORDER BY number LIMIT $4""")


class DatabaseEvents:
    """See ``Events``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def last(self, who: Identity) -> int:
        """See ``Events``."""
        number: int = await self._pool.fetchval(_LAST, *told_by(who))
        return number

    async def after(self, who: Identity, number: int, *, limit: int) -> Sequence[Event]:
        """See ``Events``."""
        rows = await self._pool.fetch(_AFTER, *told_by(who), number, limit)
        return [Event(**row) for row in rows]
