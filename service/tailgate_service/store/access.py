"""What is asked before it is known who asks: by functions of the database that answer no more than they must."""

from collections.abc import Sequence
from datetime import datetime

from tailgate_service.identity import Identity
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
        row = await self._pool.fetchrow("SELECT id, name, api_key_sha256 FROM workspace_by_key($1)", key_sha256)
        return Workspace(**row) if row else None

    async def memberships(self, subject: str) -> Sequence[Membership]:
        """See ``Access``."""
        rows = await self._pool.fetch("SELECT workspace_id, name, user_id, role FROM memberships($1)", subject)
        return [Membership(**row) for row in rows]

    async def lets_in(self, who: Identity) -> bool:
        """See ``Access``."""
        let: bool = await self._pool.fetchval(
            "SELECT lets_in($1, $2, $3, $4)", who.proof, who.workspace_id, who.user_id, who.role
        )
        return let

    async def issue_ticket(self, who: Identity, sha256: bytes, *, seconds: float) -> datetime:
        """See ``Access``."""
        ends: datetime = await self._pool.fetchval(
            "SELECT issue_ticket($1, $2, $3, $4, $5, $6, $7)",
            sha256,
            seconds,
            who.proof,
            who.workspace_id,
            who.user_id,
            who.role,
            who.expires_at,
        )
        return ends

    async def redeem_ticket(self, sha256: bytes) -> Identity | None:
        """See ``Access``."""
        row = await self._pool.fetchrow(
            "SELECT workspace_id, user_id, role, proof, until AS expires_at FROM redeem_ticket($1)", sha256
        )
        return Identity(**row) if row else None
