"""A pool for writes, which are answered when this process has heard of them: what it reads from then on has them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from tailgate_service.errors import ServiceError
from tailgate_service.listener import LOST
from tailgate_service.store.database import Connection, Pool
from tailgate_service.store.readmodel.hearing import Hearing
from tailgate_service.store.readmodel.notice import CHANNEL

# Seconds. What a transaction says comes with the answer to its COMMIT, give or take the jitter of two connections.
_USUALLY = 1.0
_AT_MOST = 2.0


class Writing:
    """Runs each statement as the pool would, and remembers on which connections."""

    def __init__(self, pool: Pool, hearing: Hearing) -> None:
        self._pool = pool
        self._hearing = hearing
        self._expected: dict[int, asyncio.Event] = {}

    async def execute(self, query: str, *args: Any) -> str:
        """See ``Queries``."""
        async with self.acquire() as connection:
            return await connection.execute(query, *args)

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        """See ``Queries``."""
        async with self.acquire() as connection:
            return await connection.fetch(query, *args)

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """See ``Queries``."""
        async with self.acquire() as connection:
            return await connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        """See ``Queries``."""
        async with self.acquire() as connection:
            return await connection.fetchval(query, *args)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """See ``Pool``."""
        async with self._pool.acquire() as connection:
            process = connection.get_server_pid()
            if process not in self._expected:
                self._expected[process] = self._hearing.expect(process)
            yield connection

    async def heard(self) -> None:
        """Return when what was written here is known here."""
        if self._hearing.doubted(self._expected):
            await catch_up(self._pool, self._hearing)
            return
        try:
            async with asyncio.timeout(_USUALLY):
                for event in self._expected.values():
                    await event.wait()
        except TimeoutError:
            await catch_up(self._pool, self._hearing)

    def nothing(self) -> None:
        """Nothing was written after all."""
        self.close()
        self._expected.clear()

    def broken_off(self) -> None:
        """Something may have been written, and may yet be heard of."""
        self._hearing.doubt(self._expected)

    def close(self) -> None:
        """Expect nothing more."""
        for process, event in self._expected.items():
            self._hearing.forget(process, event)


async def catch_up(pool: Pool, hearing: Hearing) -> None:
    """Return when all that was committed before is known here: say a word that comes after it, and wait for that."""
    word = uuid4().hex
    event = hearing.expect(word)
    try:
        await pool.execute("SELECT pg_notify($1, $2)", CHANNEL, word)
        # Only now: a pool that lets one wait is no sign that nothing is heard.
        async with asyncio.timeout(_AT_MOST):
            await event.wait()
    except LOST as error:
        # Nobody who wrote is told that he did not: what is forgotten is not old.
        hearing.give_up(f"a word was not said, or not heard within {_AT_MOST:g} s: {error or type(error).__name__}")
    finally:
        hearing.forget(word, event)


@asynccontextmanager
async def writing(pool: Pool, hearing: Hearing) -> AsyncIterator[Writing]:
    """The pool to write by; the context ends when what was committed in it is known to this process."""
    write = Writing(pool, hearing)
    try:
        yield write
        if hearing.listening:
            await write.heard()
    except ServiceError:
        # Nothing was written.
        raise
    except BaseException:
        write.broken_off()
        raise
    finally:
        write.close()
