"""How the database learns who asks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tailgate_service.identity import Identity
from tailgate_service.store.database import Connection, Isolation, Pool

_TELL = "SELECT set_config('tailgate.workspace', $1, true), set_config('tailgate.user', $2, true)"


@asynccontextmanager
async def acting(pool: Pool, who: Identity, isolation: Isolation | None = None) -> AsyncIterator[Connection]:
    """A transaction on a connection of its own, which is told first who asks, and forgets it at its end."""
    async with pool.acquire() as connection, connection.transaction(isolation=isolation):
        await tell(connection, who)
        yield connection


async def tell(connection: Connection, who: Identity) -> None:
    """Tell the database, for the rest of the transaction, who asks."""
    await connection.fetchrow(_TELL, str(who.workspace_id), "" if who.user_id is None else str(who.user_id))
