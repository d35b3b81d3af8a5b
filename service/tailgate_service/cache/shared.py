"""What processes keep together, in Redis. It may vanish, hang, forget, or come back with what it knew last week."""

import asyncio
import logging
import time
from collections.abc import Awaitable
from typing import Any, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from tailgate_otel import names

from tailgate_service.cache.counts import Counts
from tailgate_service.cache.entry import Entry, Key
from tailgate_service.errors import SettingsError

WITHIN = 0.1
"""Seconds that Redis has for an answer."""
AGAIN_AFTER = 0.5
"""Seconds after a failure in which it is not asked."""
_CONNECTIONS = 16

# What is there stays when it is newer. Numbers are doubles here, exact to 2^53.
_PUT = r"""
local there = redis.call('GET', KEYS[1])
local revision = there and string.match(there, '^%d+ (%d+) ')
if revision and tonumber(revision) > tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EXAT', ARGV[3])
return 1
"""

log = logging.getLogger(__name__)
_T = TypeVar("_T")


class SharedGoneError(Exception):
    """Redis did not answer, or is not asked just now."""


class Shared:
    """Entries in Redis, for one ``life`` of the database: in the next, numbers begin anew.

    Nothing is tried again: there is the process's own store to fall back to. Raises ``SettingsError`` for a URL that
    is none.
    """

    def __init__(self, url: str, counts: Counts) -> None:
        try:
            pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
                url,
                max_connections=_CONNECTIONS,
                timeout=WITHIN,
                socket_timeout=WITHIN,
                socket_connect_timeout=WITHIN,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            raise SettingsError(f"{names.ENV_REDIS_URL} is no URL of Redis: write redis://host:port/0") from error
        self._redis = Redis(connection_pool=pool)
        self._put = self._redis.register_script(_PUT)
        self._counts = counts
        self._silent_until = 0.0

    async def get(self, life: str, key: Key) -> Entry | None:
        """What is kept; raises ``SharedGoneError``."""
        self._check()
        data: Any = await self._answer(self._redis.get(_name(life, key)))
        return None if data is None else Entry.parse(data)

    async def put(self, life: str, key: Key, entry: Entry) -> None:
        """Keep it, unless a newer one is kept; raises ``SharedGoneError``."""
        self._check()
        await self._answer(self._put([_name(life, key)], [bytes(entry), entry.revision, entry.until]))

    async def close(self) -> None:
        """Hang up."""
        await self._redis.connection_pool.disconnect()

    def _check(self) -> None:
        if time.monotonic() < self._silent_until:
            raise SharedGoneError

    async def _answer(self, asked: Awaitable[_T]) -> _T:
        try:
            # Redis's own limits are for each step, of which a server that drips could make many.
            async with asyncio.timeout(WITHIN):
                return await asked
        except (RedisError, OSError, TimeoutError) as error:
            self._counts.failures.add()
            self._silent_until = time.monotonic() + AGAIN_AFTER
            log.info("Redis is done without: %s: %s", type(error).__name__, error)
            raise SharedGoneError from error


def _name(life: str, key: Key) -> str:
    return f"tailgate:{life}:{key}"
