"""The one connection of a process on which the database tells what happens, and who is told of it.

What is told while nobody listens is lost. So a subscriber is told *again* each time that it is listened for it: from
then on it misses nothing, and what came before it must ask for. It is told *lost* when that is over: the connection was
cut, or it has raised something, or gave up itself, which concerns it alone.

A connection can be dead without a word. It is asked something at every ``BEAT``, and dropped when no answer comes
``_WITHIN`` seconds. Notifications come before answers: all that was committed before it was asked has been heard then.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import asyncpg
from asyncpg.exceptions import InterfaceError, InternalClientError, PostgresError

from tailgate_service.background import beside

log = logging.getLogger(__name__)

APPLICATION = "tailgate-service listens"
"""The connection's name, where the database shows its sessions."""
BEAT = 0.25
"""Seconds from one answer to the next question."""
_WITHIN = 3.0
# Some six round trips, which may be far.
_CONNECT_WITHIN = 10.0
_AGAIN_AFTER = (0.1, 2.0)
"""Seconds between attempts: at first, doubled each time, and at most."""

# The last is what asyncpg says when its connection is cut in the very moment at which it is asked.
LOST = (OSError, PostgresError, InterfaceError, InternalClientError)

_BEAT = "SELECT pg_notify(channel, said) FROM unnest($1::text[], $2::text[]) told (channel, said)"

Heard = Callable[[int, str], None]
"""Told of a notification which of the database's processes sent it, and what it carries; in the order of commits."""


def _nothing(*_: object) -> None:
    """Not everybody wants to be told everything."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Subscriber:
    """Who is told what; none of these functions waits for anything.

    ``heard`` is by channel. ``again`` is called before anything is heard, ``lost`` after the last, be it that the
    subscription ends. ``proven`` takes a moment of the monotonic clock: whatever was committed before it was heard.
    """

    heard: Mapping[str, Heard]
    again: Callable[[], None] = _nothing
    lost: Callable[[], None] = _nothing
    proven: Callable[[float], None] = _nothing


class Listener:
    """Listens while it is :meth:`running`, for whoever is subscribed, and again whenever it was cut off."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._subscribers: list[Subscriber] = []
        self._told: set[Subscriber] = set()
        """Those who miss nothing now."""
        self._connection: Any = None
        self._asking = asyncio.Lock()
        self._to_say: list[tuple[str, str]] = []
        self._wake = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen for the length of the block."""
        async with beside(self._run(), "listener"):
            yield

    def subscribe(self, subscriber: Subscriber) -> None:
        """Tell a subscriber from soon on, until it is unsubscribed."""
        self._subscribers.append(subscriber)
        self._wake.set()

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Tell it no more; a second call does nothing."""
        if subscriber in self._subscribers:
            self._subscribers.remove(subscriber)
            self._lose(subscriber)

    @contextmanager
    def subscribed(self, subscriber: Subscriber) -> Iterator[None]:
        """Tell a subscriber for the length of the block."""
        self.subscribe(subscriber)
        try:
            yield
        finally:
            self.unsubscribe(subscriber)

    def renew(self, subscriber: Subscriber) -> None:
        """As if the connection had been lost for this one: it is told so now, and begins again with the next proof."""
        self._lose(subscriber)

    def say(self, channel: str, payload: str) -> None:
        """Notify, by this connection, with its next question; what cannot be said is dropped."""
        if self._connection is not None:
            self._to_say.append((channel, payload))
            self._wake.set()

    async def ask(self, query: str, *args: Any) -> list[Any]:
        """The rows of a quick statement, asked by this connection; raises one of ``LOST``."""
        async with self._asking:
            if self._connection is None:
                raise ConnectionError("nothing is heard of the database just now")
            rows: list[Any] = await self._connection.fetch(query, *args)
            return rows

    async def _run(self) -> None:
        least, most = _AGAIN_AFTER
        pause = least
        while True:
            begun = time.monotonic()
            try:
                await self._listen()
            except Exception as error:
                why = str(error) or type(error).__name__
                log.warning("what the database tells is not heard: %s", why, exc_info=not isinstance(error, LOST))
            # One that lasted begins again at once.
            pause = least if time.monotonic() - begun > most else min(2 * pause, most)
            await asyncio.sleep(pause)

    async def _listen(self) -> None:
        connection: Any = await asyncpg.connect(  # type: ignore[no-untyped-call]
            self._dsn,
            timeout=_CONNECT_WITHIN,
            command_timeout=_WITHIN,
            server_settings={"application_name": APPLICATION},
        )
        try:
            connection.add_termination_listener(self._hung_up)
            self._connection = connection
            channels: set[str] = set()
            while True:
                # Each statement has a bound of its own, which an answer in time meets though this process stood still.
                # What waits for the end of one that was broken off has none.
                async with asyncio.timeout(2 * _WITHIN):
                    await self._beat(connection, channels)
                with suppress(TimeoutError):
                    async with asyncio.timeout(BEAT):
                        await self._wake.wait()
        finally:
            self._connection = None
            self._to_say.clear()
            connection.terminate()
            self._lose_all()

    async def _beat(self, connection: Any, channels: set[str]) -> None:
        """Listen on what is wanted, ask, and tell when that is answered."""
        self._wake.clear()
        async with self._asking:
            subscribers = tuple(self._subscribers)
            await self._tune(connection, channels, {channel for one in subscribers for channel in one.heard})
            # Who loses it from here on waits for the next proof.
            new = [one for one in subscribers if one not in self._told]
            saying, self._to_say = self._to_say, []
            asked = time.monotonic()
            await connection.execute(_BEAT, *zip(*saying, strict=True) if saying else ([], []))
        for one in new:
            if one in self._subscribers:
                self._told.add(one)
                self._tell(one, one.again)
        for one in self._told.intersection(subscribers):
            self._tell(one, one.proven, asked)

    async def _tune(self, connection: Any, channels: set[str], wanted: set[str]) -> None:
        for channel in channels - wanted:
            await connection.remove_listener(channel, self._take)
            channels.remove(channel)
        for channel in wanted - channels:
            await connection.add_listener(channel, self._take)
            channels.add(channel)

    def _take(self, _: Any, process: int, channel: str, payload: Any) -> None:
        for one in tuple(self._told):
            if channel in one.heard:
                self._tell(one, one.heard[channel], process, payload)

    def _tell(self, subscriber: Subscriber, function: Callable[..., None], *args: object) -> None:
        """One that raises misses what it was told, and nobody else does."""
        try:
            function(*args)
        except Exception:
            log.exception("what was told on %s was not understood: it is asked for anew", ", ".join(subscriber.heard))
            self.renew(subscriber)

    def _hung_up(self, _: Any) -> None:
        self._lose_all()
        self._wake.set()

    def _lose_all(self) -> None:
        for one in tuple(self._told):
            self._lose(one)

    def _lose(self, subscriber: Subscriber) -> None:
        if subscriber in self._told:
            self._told.remove(subscriber)
            self._tell(subscriber, subscriber.lost)
