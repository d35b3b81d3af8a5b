"""The connection that listens, as long as the process serves; a new session after each time it was lost.

Each session holds a lock that everybody can see, and says when it has heard of a change. So who made the change knows
when all have; those that say nothing believe nothing any more after ``LEASE`` seconds.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import asyncpg
from asyncpg.exceptions import InterfaceError, PostgresError

from tailgate_service.cache.session import LEASE, Session

CHANGED = "cache"
"""Channel: a workspace, and the revision before which what was kept of it is outdated."""
_BEGUN = "cache_begun"
_HEARD = "cache_heard"
_BEAT = LEASE / 4
_CONNECT_WITHIN = 5.0
_PAUSES = (0.05, 2.0)
# Any number, the same for every process.
_LOCK = 0x7A11_CAC4

_BEGIN = """
SELECT nextval('revisions') AS number, extract(epoch FROM pg_postmaster_start_time()) || '-' || (
    SELECT oid FROM pg_database WHERE datname = current_database()) AS life"""
_HOLD = "SELECT pg_advisory_lock_shared($1, 0)"
_SAY = "SELECT pg_notify($1, said) FROM unnest($2::text[]) said"
_ASK = """
SELECT pid, pg_notify($2, $3) FROM pg_locks
WHERE locktype = 'advisory' AND classid = $1::int::oid AND objid = 0 AND objsubid = 2 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""

log = logging.getLogger(__name__)


class Listener:
    """Listens while it is ``run``; ``session`` is the present one.

    ``told`` is called with the workspace of each change, and with None when a session has begun or ended.
    """

    def __init__(self, dsn: str, told: Callable[[UUID | None], None]) -> None:
        self.session: Session | None = None
        self._dsn = dsn
        self._told = told
        self._connection: asyncpg.Connection | None = None
        self._asking = asyncio.Lock()
        self._to_say: list[str] = []
        self._wake = asyncio.Event()
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Listen until cancelled."""
        pause, longest = _PAUSES
        while True:
            try:
                await self._listen()
            except (OSError, TimeoutError, PostgresError, InterfaceError) as error:
                log.warning("nothing is kept in mind until the database can be heard again: %s", error or "no answer")
            # A session that lasted begins again at once.
            pause = min(2 * pause, longest) if self.session is None else _PAUSES[0]
            self._end()
            await asyncio.sleep(pause)

    async def known_by_all(self, workspace: UUID, revision: int) -> None:
        """Return when no process believes any more what is before ``revision``: after ``LEASE`` seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LEASE):
                asked = None
                while True:
                    news = self._news
                    asked = asked or await self._ask_all(workspace, revision)
                    if asked is not None and asked[0].all_know(workspace, revision, asked[1]):
                        return
                    await news.wait()

    async def _listen(self) -> None:
        connection = await asyncpg.connect(  # type: ignore[no-untyped-call]
            self._dsn, timeout=_CONNECT_WITHIN, command_timeout=LEASE
        )
        try:
            connection.add_termination_listener(lambda _: self._wake.set())
            await connection.add_listener(CHANGED, self._changed)
            await connection.add_listener(_HEARD, self._heard)
            await connection.add_listener(_BEGUN, self._begun)
            await connection.execute(_HOLD, _LOCK)
            asked = time.monotonic()
            row = await connection.fetchrow(_BEGIN)
            session = self.session = Session(number=row["number"], life=row["life"], asked=asked)
            self._told(None)
            await connection.execute(_SAY, _BEGUN, [str(session.number)])
            self._connection = connection
            self._stir()
            while not session.full:
                await self._beat(connection, session)
        finally:
            self._connection = None
            connection.terminate()

    async def _beat(self, connection: asyncpg.Connection, session: Session) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_BEAT):
                await self._wake.wait()
        self._wake.clear()
        async with self._asking:
            saying, self._to_say = self._to_say, []
            asked = time.monotonic()
            await connection.execute(_SAY, _HEARD, saying)
        session.asked = asked

    async def _ask_all(self, workspace: UUID, revision: int) -> tuple[Session, set[int]] | None:
        """Tell all sessions of a change: the present one here, and the server processes of all; None without one."""
        async with self._asking:
            connection, session = self._connection, self.session
            if connection is None or session is None:
                return None
            with suppress(OSError, PostgresError, InterfaceError):
                rows = await connection.fetch(_ASK, _LOCK, CHANGED, f"{workspace} {revision}")
                return session, {row["pid"] for row in rows}
        return None

    def _end(self) -> None:
        self.session = None
        self._told(None)

    def _changed(self, _: Any, __: int, ___: str, payload: str) -> None:
        workspace, revision = _parse(payload)
        if self.session is not None:
            self.session.changed(workspace, revision)
        self._told(workspace)
        self._to_say.append(payload)
        self._wake.set()

    def _heard(self, _: Any, pid: int, __: str, payload: str) -> None:
        workspace, revision = _parse(payload)
        if self.session is not None:
            self.session.told(workspace, revision, pid)
        self._stir()

    def _begun(self, _: Any, __: int, ___: str, payload: str) -> None:
        if self.session is not None:
            self.session.latest = max(self.session.latest, int(payload))

    def _stir(self) -> None:
        """Let those look again who wait for news."""
        self._news.set()
        self._news = asyncio.Event()


def _parse(payload: str) -> tuple[UUID, int]:
    workspace, revision = payload.split(" ")
    return UUID(workspace), int(revision)
