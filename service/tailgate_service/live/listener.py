"""The one connection of a process on which the database tells what happens."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextvars import Context
from typing import Any

import asyncpg
from asyncpg.exceptions import InterfaceError, PostgresError

log = logging.getLogger(__name__)

_CONNECT_WITHIN = 5.0
# A line that is dead without a word is noticed after the one and then the other, in seconds.
_ASKED_EVERY = 5.0
_ANSWER_WITHIN = 5.0
_AGAIN_AFTER = (0.1, 5.0)
"""Seconds between attempts: at first, doubled each time, and at most."""

Heard = Callable[[str], None]
"""Told what a notification carries, in the order of commits."""


class Listener:
    """Listens on channels from the first time it is needed until it is closed, again and again when it is cut off.

    What is told while nobody listens is lost. So ``again`` is called each time that it listens, before anything is
    heard: from then on nothing is missed, and what came before must be asked for.
    """

    def __init__(self, dsn: str, heard: Mapping[str, Heard], again: Callable[[], None]) -> None:
        self._dsn = dsn
        self._heard = heard
        self._again = again
        self._listens = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def listens(self) -> bool:
        """Whether it listens just now, as far as it knows."""
        return self._listens.is_set()

    async def listening(self, within: float) -> None:
        """Return when it listens; raises ``TimeoutError`` after so many seconds."""
        if self._task is None:
            # In a context of its own: it outlives the request that needs it first.
            self._task = asyncio.create_task(self._run(), name="listener", context=Context())
        async with asyncio.timeout(within):
            await self._listens.wait()

    async def close(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        least, most = _AGAIN_AFTER
        pause = least
        while True:
            try:
                await self._listen()
            except (OSError, PostgresError, InterfaceError) as error:
                if self.listens:
                    pause = least
                    log.warning("the connection that listens was lost: %s: %s", type(error).__name__, error)
            finally:
                self._listens.clear()
            await asyncio.sleep(pause)
            pause = min(2 * pause, most)

    async def _listen(self) -> None:
        connection: Any = await asyncpg.connect(  # type: ignore[no-untyped-call]
            self._dsn,
            timeout=_CONNECT_WITHIN,
            command_timeout=_ANSWER_WITHIN,
            server_settings={"application_name": "tailgate-service listens"},
        )
        try:
            ended = asyncio.Event()
            connection.add_termination_listener(lambda _: ended.set())
            for channel, heard in self._heard.items():
                await connection.add_listener(channel, _callback(heard))
            self._again()
            self._listens.set()
            while True:
                try:
                    async with asyncio.timeout(_ASKED_EVERY):
                        await ended.wait()
                    raise ConnectionError("the database closed it")
                except TimeoutError:
                    await connection.execute("SELECT 1")
        finally:
            connection.terminate()


def _callback(heard: Heard) -> Callable[[Any, int, str, str], None]:
    def callback(_: Any, __: int, ___: str, payload: str) -> None:
        heard(payload)

    return callback
