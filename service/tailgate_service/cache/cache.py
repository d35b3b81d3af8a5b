"""The cache: what is read through it, and when it may be."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from tailgate_service.cache.counts import OFF, PROCESS, REDIS, Counts
from tailgate_service.cache.entry import Entry, Key, Made
from tailgate_service.cache.local import Local
from tailgate_service.cache.session import Session
from tailgate_service.cache.sessions import Sessions
from tailgate_service.cache.shared import Shared, SharedGoneError
from tailgate_service.listener import Listener

Make = Callable[[], Awaitable[Made | None]]
"""Reads the row and makes the body; None when there is no row."""


class Cache:
    """Bodies made of rows of agents, kept in Redis at ``redis_url``, and by the process for when Redis is gone.

    Without :meth:`running`, and while the database cannot be heard, every body is made anew.
    """

    def __init__(self, listener: Listener, redis_url: str | None) -> None:
        self.counts = Counts()
        self.local = Local()
        self._shared = None if redis_url is None else Shared(redis_url, self.counts)
        self._listener = listener
        self._sessions: Sessions | None = None
        self._flights: dict[Key, asyncio.Task[Made | None]] = {}
        """Those that who asks now may join, of all that are under way."""
        self._reading: set[asyncio.Task[Made | None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep in mind what is read, for the length of the block."""
        self._sessions = Sessions(self._listener, self._told)
        try:
            async with self._sessions.running():
                yield
        finally:
            self._sessions = None
            for flight in self._reading:
                flight.cancel()
            await asyncio.gather(*self._reading, return_exceptions=True)
            if self._shared is not None:
                await self._shared.close()

    @property
    def session(self) -> Session | None:
        """The present session, if it can be relied on."""
        session = None if self._sessions is None else self._sessions.session
        return session if session is not None and session.hears else None

    async def get(self, key: Key, ttl: float, make: Make) -> bytes | None:
        """The body of ``key``: kept, for ``ttl`` seconds at most, or made; what ``make`` raises is raised."""
        if self.session is None:
            self.counts.misses.add((key.kind, OFF))
            made = await make()
            return None if made is None else made.body
        entry = await self._look(key)
        if entry is not None:
            return entry.body
        flight = self._flights.get(key)
        leads = flight is None
        if flight is None:
            flight = self._flights[key] = asyncio.create_task(self._fill(key, ttl, make))
            self._reading.add(flight)
            flight.add_done_callback(lambda done: self._landed(key, done))
        # Whoever began it may go away; the others still wait for it.
        made = await asyncio.shield(flight)
        if made is None and not leads:
            # Another may have asked as somebody who does not see the row any more.
            made = await make()
        return None if made is None else made.body

    async def changed(self, workspace: UUID, revision: int) -> None:
        """To be awaited after a row was changed, and before anybody is told that it was.

        Then no process shows anything older.
        """
        if self._sessions is not None:
            await self._sessions.known_by_all(workspace, revision)

    async def _look(self, key: Key) -> Entry | None:
        entry: Entry | None = None
        layer, session = PROCESS, self.session
        if self._shared is not None and session is not None:
            with suppress(SharedGoneError):
                entry, layer = await self._shared.get(session.life, key), REDIS
        # Asked last: of many who asked Redis at once, one may have read it meanwhile.
        if entry is None and (kept := self.local.get(key)) is not None:
            entry, layer = kept, PROCESS
        # Judged by what is known now: meanwhile a change may have been heard of, or the session have ended.
        session = self.session
        if entry is None or session is None or not session.believes(key.workspace, entry):
            self.counts.misses.add((key.kind, layer))
            return None
        self.counts.hits.add((key.kind, layer))
        if layer == REDIS:
            self.local.put(key, entry)
        return entry

    async def _fill(self, key: Key, ttl: float, make: Make) -> Made | None:
        session = self.session
        # Every session of a number up to this one has begun by now, before the row is read.
        begun = None if session is None else session.latest
        until = int(time.time() + ttl)
        made = await make()
        if made is None or session is None or begun is None or session is not self.session:
            return made
        if session.admits(key.workspace, made.revision):
            entry = Entry(session=begun, revision=made.revision, until=until, body=made.body)
            self.local.put(key, entry)
            if self._shared is not None:
                with suppress(SharedGoneError):
                    await self._shared.put(session.life, key, entry)
        return made

    def _told(self, workspace: UUID | None) -> None:
        """Whoever asks from now on must not be given what was begun to be read before."""
        if workspace is None:
            self._flights.clear()
            self.local.clear()
            return
        for key in [key for key in self._flights if key.workspace == workspace]:
            del self._flights[key]

    def _landed(self, key: Key, flight: asyncio.Task[Made | None]) -> None:
        self._reading.discard(flight)
        if self._flights.get(key) is flight:
            del self._flights[key]
        if not flight.cancelled():
            # It may be that nobody waits for it any more.
            flight.exception()
