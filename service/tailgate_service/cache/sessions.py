"""The sessions of a process, one after another: a new one each time that it is listened again.

Each holds a lock that everybody can see, and says when it has heard of a change. So who made the change knows when all
have; those that say nothing believe nothing any more after ``LEASE`` seconds.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from tailgate_service.cache.session import LEASE, Session
from tailgate_service.listener import LOST, Listener, Subscriber

CHANGED = "cache"
"""Channel: a workspace, and the revision before which what was kept of it is outdated."""
_BEGUN = "cache_begun"
_HEARD = "cache_heard"
# Any number, the same for every process.
_LOCK = 0x7A11_CAC4
_AGAIN_AFTER = 1.0

_BEGIN = """
SELECT nextval('revisions') AS number, extract(epoch FROM pg_postmaster_start_time()) || '-' || (
    SELECT oid FROM pg_database WHERE datname = current_database()) AS life"""
_HOLD = "SELECT pg_advisory_lock_shared($1, 0)"
_ASK = """
SELECT pid, pg_notify($2, $3) FROM pg_locks
WHERE locktype = 'advisory' AND classid = $1::int::oid AND objid = 0 AND objsubid = 2 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""

log = logging.getLogger(__name__)


class Sessions:
    """Has one session after another while it is :meth:`running`; ``session`` is the present one.

    ``told`` is called with the workspace of each change, and with None when a session is over.
    """

    def __init__(self, listener: Listener, told: Callable[[UUID | None], None]) -> None:
        self.session: Session | None = None
        self._listener = listener
        self._told = told
        self._subscriber = Subscriber(
            heard={CHANGED: self._changed, _HEARD: self._heard, _BEGUN: self._begun},
            again=self._again,
            lost=self._lost,
            proven=self._proven,
        )
        self._beginning: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have sessions for the length of the block."""
        with self._listener.subscribed(self._subscriber):
            yield
        if self._beginning is not None:
            await asyncio.wait({self._beginning})

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

    async def _ask_all(self, workspace: UUID, revision: int) -> tuple[Session, set[int]] | None:
        """Tell all sessions of a change: the present one here, and the server processes of all; None without one."""
        session = self.session
        if session is None or not session.begun:
            return None
        with suppress(*LOST):
            rows = await self._listener.ask(_ASK, _LOCK, CHANGED, f"{workspace} {revision}")
            return session, {row["pid"] for row in rows}
        return None

    async def _begin(self, session: Session) -> None:
        try:
            await self._listener.ask(_HOLD, _LOCK)
            asked = time.monotonic()
            [row] = await self._listener.ask(_BEGIN)
        except LOST as error:
            log.warning("nothing is kept in mind until a session begins: %s: %s", type(error).__name__, error)
            await asyncio.sleep(_AGAIN_AFTER)
            self._listener.renew(self._subscriber)
            return
        session.begin(number=row["number"], life=row["life"], asked=asked)
        self._listener.say(_BEGUN, str(session.number))
        self._stir()

    def _again(self) -> None:
        # It hears of changes from now on, before it has its number.
        self.session = Session()
        self._beginning = asyncio.create_task(self._begin(self.session), name="session")

    def _lost(self) -> None:
        self.session = None
        if self._beginning is not None:
            self._beginning.cancel()
        self._told(None)

    def _proven(self, asked: float) -> None:
        if self.session is not None and self.session.begun:
            self.session.asked = asked

    def _changed(self, _: int, payload: str) -> None:
        workspace, revision = _parse(payload)
        self._told(workspace)
        self._listener.say(_HEARD, payload)
        if self.session is not None:
            self.session.changed(workspace, revision)
            if self.session.full:
                self._listener.renew(self._subscriber)

    def _heard(self, pid: int, payload: str) -> None:
        workspace, revision = _parse(payload)
        if self.session is not None:
            self.session.told(workspace, revision, pid)
        self._stir()

    def _begun(self, _: int, payload: str) -> None:
        if self.session is not None:
            self.session.latest = max(self.session.latest, int(payload))

    def _stir(self) -> None:
        """Let those look again who wait for news."""
        self._news.set()
        self._news = asyncio.Event()


def _parse(payload: str) -> tuple[UUID, int]:
    workspace, revision = payload.split(" ")
    return UUID(workspace), int(revision)
