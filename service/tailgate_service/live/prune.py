"""Events that nobody comes back for: how long they are kept, and what removes them."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from tailgate_service.background import beside
from tailgate_service.listener import LOST

log = logging.getLogger(__name__)

KEPT = 7 * 86_400.0
"""Seconds, unless whoever prunes says otherwise: whoever was away for longer reads anew."""
_BATCH = 2_000
_CONNECT_WITHIN = 10.0
_BATCH_WITHIN = 30.0
_POLL = 0.1
_EVERY = 600.0
_PRUNE = "SELECT prune_events($1, $2)"


async def prune(dsn: str, kept: float = KEPT) -> int:
    """Remove events older than ``kept`` seconds, some at a time, while the service serves; how many there were.

    An hour's are kept in any case. One at a time prunes, the others wait. Raises one of ``listener.LOST``; what
    was removed until then is removed.
    """
    connection = await asyncpg.connect(  # type: ignore[no-untyped-call]
        dsn, timeout=_CONNECT_WITHIN, command_timeout=_BATCH_WITHIN
    )
    removed, done = 0, _BATCH
    try:
        while done is None or done >= _BATCH:
            done = await connection.fetchval(_PRUNE, kept, _BATCH)
            if done is None:
                await asyncio.sleep(_POLL)
            else:
                removed += done
    finally:
        await connection.close()
    return removed


@asynccontextmanager
async def pruning(dsn: str, kept: float, every: float = _EVERY) -> AsyncIterator[None]:
    """Prune again and again while the context lasts, by a connection that no request uses."""
    async with beside(_prune(dsn, kept, every), "prune"):
        yield


async def _prune(dsn: str, kept: float, every: float) -> None:
    while True:
        # Processes that were started together do not all come at once.
        await asyncio.sleep(every * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
        try:
            await prune(dsn, kept)
        except LOST as error:
            log.warning("events are not pruned, tried again later: %s: %s", type(error).__name__, error)
