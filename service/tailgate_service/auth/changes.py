"""The database's word that who may ask has changed, heard over a connection of its own."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
from asyncpg.exceptions import InterfaceError, PostgresError

from tailgate_service.auth.memory import Memory

CHANNEL = "access"
BEAT = 1.0
"""Seconds between the proofs that the connection still brings what is said."""
_WITHIN = 3.0
_PAUSE = 0.5

log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def listening(dsn: str) -> AsyncIterator[Memory]:
    """A memory that forgets what changes in the database at ``dsn``, and all while that cannot be heard."""
    memory = Memory()
    listener = asyncio.create_task(_listen(dsn, memory))
    try:
        yield memory
    finally:
        listener.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listener


async def _listen(dsn: str, memory: Memory) -> None:
    while True:
        try:
            await _hear(dsn, memory)
        except (OSError, PostgresError, InterfaceError) as error:
            log.warning("who may ask is not kept in mind for now: %s: %s", type(error).__name__, error)
        finally:
            memory.forget_all()
        await asyncio.sleep(_PAUSE)


async def _hear(dsn: str, memory: Memory) -> None:
    def told(_: object, __: int, ___: str, payload: object) -> None:
        workspace, _, proof = str(payload).partition(" ")
        try:
            memory.forget(UUID(workspace), bytes.fromhex(proof) if proof else None)
        except ValueError:
            # Whoever reaches the database can say anything there. It costs no more than asking again.
            memory.forget_all()

    connection = await asyncpg.connect(  # type: ignore[no-untyped-call]
        dsn, timeout=_WITHIN, command_timeout=_WITHIN, server_settings={"application_name": "tailgate-access"}
    )
    try:
        await connection.add_listener(CHANNEL, told)
        while True:
            # The moment before it is asked: when the answer is there, all that was said until then is, too.
            asked = time.monotonic()
            await connection.fetchval("SELECT 1")
            memory.heard(asked)
            await asyncio.sleep(BEAT)
    finally:
        connection.terminate()
