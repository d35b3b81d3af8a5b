"""The one connection on which a process hears what others, and it itself, have changed."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import asyncpg
from asyncpg.exceptions import InterfaceError, PostgresError

from tailgate_service.errors import NoticeError
from tailgate_service.store.readmodel.notice import CHANNEL, Change, Mark, Reader

log = logging.getLogger(__name__)

_CONNECT_WITHIN = 10.0
# A connection that is silent may be dead: so often it is asked, and so long it has to answer. Seconds.
_BEAT = 1.0
_SILENCE = 3.0


class Listener:
    """Hears changes until the connection is lost, and lets who wrote wait for the mark of what they wrote.

    ``heard`` takes each change, in the order of commits; ``deaf`` is called at the moment that no more is heard.
    """

    def __init__(self, heard: Callable[[Change], None], deaf: Callable[[], None]) -> None:
        self._heard = heard
        self._deaf = deaf
        self._doubtful: set[int] = set()
        self._reader = Reader()
        self._waiting: defaultdict[int | str, set[asyncio.Event]] = defaultdict(set)
        self._lost = asyncio.Event()
        self._lost.set()

    @property
    def listening(self) -> bool:
        """Whether changes are heard."""
        return not self._lost.is_set()

    async def listen(self, dsn: str) -> Any:
        """Connect and listen from now on; who calls waits for :meth:`lost`, and then closes the connection."""
        connection: Any = await asyncpg.connect(  # type: ignore[no-untyped-call]
            dsn, timeout=_CONNECT_WITHIN, server_settings={"application_name": "tailgate-documents"}
        )
        try:
            self._reader = Reader()
            connection.add_termination_listener(self._end)
            await connection.add_listener(CHANNEL, self._take)
        except BaseException:
            connection.terminate()
            raise
        self._lost.clear()
        return connection

    async def lost(self, connection: Any) -> None:
        """Return when the connection is lost, or does not answer any more."""
        while self.listening:
            try:
                async with asyncio.timeout(_BEAT):
                    await self._lost.wait()
            except TimeoutError:
                try:
                    async with asyncio.timeout(_SILENCE):
                        await connection.fetchval("SELECT 1")
                except (OSError, PostgresError, InterfaceError) as error:
                    self.give_up(f"it does not answer: {error or type(error).__name__}")

    def give_up(self, why: str) -> None:
        """Take the connection for lost."""
        if self.listening:
            log.warning("the connection that hears of changes is lost: %s", why)
            self.end()

    def end(self) -> None:
        """Hear no more; who waits need not: nothing is kept that could be old."""
        self._lost.set()
        self._deaf()
        for events in self._waiting.values():
            for event in events:
                event.set()

    def expect(self, sign: int | str) -> asyncio.Event:
        """Set by the next mark of a server's process (a number), or by a certain word; to be forgotten afterwards."""
        event = asyncio.Event()
        self._waiting[sign].add(event)
        return event

    def forget(self, sign: int | str, event: asyncio.Event) -> None:
        """Nobody waits for it any more."""
        self._waiting[sign].discard(event)
        if not self._waiting[sign]:
            del self._waiting[sign]

    def doubt(self, processes: Iterable[int]) -> None:
        """Nobody knows whether these have a mark on its way, of a write that was broken off."""
        self._doubtful.update(processes)

    def doubted(self, processes: Iterable[int]) -> bool:
        """Whether the next mark of one of these may be that of another write; asked once."""
        doubtful = self._doubtful.intersection(processes)
        self._doubtful -= doubtful
        return bool(doubtful)

    def _take(self, _: Any, process: int, __: str, payload: Any) -> None:
        if not self.listening:
            return
        try:
            notice = self._reader.read(payload)
            if isinstance(notice, Mark):
                for event in (*self._waiting.get(process, ()), *self._waiting.get(notice.word, ())):
                    event.set()
            elif notice is not None:
                self._heard(notice)
        except NoticeError as error:
            # What it was about is not known: nothing is.
            self.give_up(str(error))

    def _end(self, _: Any) -> None:
        self.give_up("the database hung up")
