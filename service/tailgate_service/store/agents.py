"""Voice agents, the same for every variant: what is asked of them is small, and mostly answered by the cache."""

from collections.abc import Mapping
from typing import Any, Literal

from asyncpg.exceptions import UniqueViolationError

from tailgate_service.errors import StaleError, TakenError
from tailgate_service.identity import Identity
from tailgate_service.store.database import Pool
from tailgate_service.store.parallel.told import told, told_by
from tailgate_service.store.sequential.acting import acting
from tailgate_service.store.voice import Agent

_COLUMNS = "id, phone_number, configuration, version, provider_agent_id, synced_sha256, synced_at, updated_at, revision"
_GET = told(f"SELECT {_COLUMNS} FROM agents WHERE workspace_id = me.workspace")
_LOCK = """
SELECT version, phone_number = $2 AND configuration = $3 AS unchanged FROM agents WHERE workspace_id = $1 FOR UPDATE"""
_READ = f"SELECT {_COLUMNS} FROM agents WHERE workspace_id = $1"
_CREATE = f"""
INSERT INTO agents (workspace_id, phone_number, configuration) VALUES ($1, $2, $3)
ON CONFLICT (workspace_id) DO NOTHING RETURNING {_COLUMNS}"""
# Whatever the provider has from now on, it is known to have this only once it has said so.
_CHANGE = f"""
UPDATE agents SET phone_number = $2, configuration = $3, version = version + 1, synced_sha256 = NULL, updated_at = now()
WHERE workspace_id = $1 RETURNING {_COLUMNS}"""
_SYNCED = f"""
UPDATE agents SET provider_agent_id = $3, synced_sha256 = $4, synced_at = now()
WHERE workspace_id = $1 AND version = $2 RETURNING {_COLUMNS}"""
_IN_DOUBT = """
UPDATE agents SET synced_sha256 = NULL WHERE workspace_id = $1 AND synced_sha256 IS NOT NULL RETURNING revision"""


class DatabaseAgents:
    """See ``Agents``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def agent(self, who: Identity) -> Agent | None:
        """See ``Agents``."""
        row = await self._pool.fetchrow(_GET, *told_by(who))
        return None if row is None else Agent(**row)

    async def save(
        self,
        who: Identity,
        phone_number: str,
        configuration: Mapping[str, Any],
        *,
        expected: int | Literal["any"] | None,
    ) -> Agent:
        """See ``Agents``."""
        values = who.workspace_id, phone_number, configuration
        try:
            async with acting(self._pool, who) as connection:
                there = await connection.fetchrow(_LOCK, *values)
                if there is None and expected is None:
                    row = await connection.fetchrow(_CREATE, *values)
                    if row is None:
                        raise StaleError(None)
                elif there is None or expected not in ("any", there["version"]):
                    raise StaleError(None if there is None else there["version"])
                elif there["unchanged"]:
                    row = await connection.fetchrow(_READ, who.workspace_id)
                else:
                    row = await connection.fetchrow(_CHANGE, *values)
        except UniqueViolationError as error:
            raise TakenError("phone_number", "another agent answers that number") from error
        return Agent(**row)

    async def synced(self, who: Identity, version: int, provider_agent_id: str, sha256: bytes) -> Agent | None:
        """See ``Agents``."""
        async with acting(self._pool, who) as connection:
            row = await connection.fetchrow(_SYNCED, who.workspace_id, version, provider_agent_id, sha256)
        return None if row is None else Agent(**row)

    async def in_doubt(self, who: Identity) -> int | None:
        """See ``Agents``."""
        async with acting(self._pool, who) as connection:
            revision: int | None = await connection.fetchval(_IN_DOUBT, who.workspace_id)
        return revision
