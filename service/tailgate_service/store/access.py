"""What is asked before it is known who asks: by functions of the database that answer no more than they must."""

from collections.abc import Sequence

from tailgate_service.store.base import Membership, Workspace
from tailgate_service.store.database import Pool


class DatabaseAccess:
    """The same for every variant: by an index, in one round trip."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def ping(self) -> None:
        """See ``Access``."""
        await self._pool.fetchval("SELECT 1")

    async def workspace_by_key(self, key_sha256: bytes) -> Workspace | None:
        """See ``Access``."""
        row = await self._pool.fetchrow("SELECT id, api_key_sha256 FROM workspace_by_key($1)", key_sha256)
        return Workspace(id=row["id"], api_key_sha256=row["api_key_sha256"]) if row else None

    async def memberships(self, subject: str) -> Sequence[Membership]:
        """See ``Access``."""
        rows = await self._pool.fetch("SELECT workspace_id, user_id, role FROM memberships($1)", subject)
        return [Membership(**row) for row in rows]
