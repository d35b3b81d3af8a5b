"""One live connection: what it is told, and how it ends."""

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn, Protocol

import orjson

from tailgate_service.errors import GoneError, SlowError
from tailgate_service.identity import Identity
from tailgate_service.listener import LOST
from tailgate_service.live.hub import Subscription
from tailgate_service.live.metrics import LiveMetrics

log = logging.getLogger(__name__)

HEARTBEAT = 15.0
"""Seconds of silence after which a connection is told that it lives."""
_SEND_WITHIN = 10.0
"""Seconds in which a client must take what it is sent."""
_CLOSE_WITHIN = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Farewell:
    """Why the service ends a connection: a WebSocket's close code, a word for metrics, a sentence for the client."""

    code: int
    word: str
    reason: str


GOING_AWAY = Farewell(code=1001, word="going_away", reason="the service stops: connect again")
NOT_HEARD = Farewell(code=1003, word="not_heard", reason="nothing is listened to here")
TRY_AGAIN = Farewell(code=1013, word="try_again", reason="the database does not answer: connect again later")
NO_ACCESS = Farewell(code=4401, word="no_access", reason="what let in does not any more: ask for another ticket")
SLOW = Farewell(code=4408, word="slow", reason="too slow: connect again and go on after the last event seen")
GONE = Farewell(code=4410, word="gone", reason="too far behind: read anew, then follow from the last event on")


class Line(Protocol):
    """The way to a client; ``transport`` names it for metrics."""

    transport: str

    async def say(self, kind: str, data: str, *, number: int | None = None) -> None:
        """Send JSON; ``number`` is after what the client goes on once it has this. Raises ``OSError``."""
        ...

    async def heard(self) -> bool:
        """Return when the client has said something, True, or has gone, False."""
        ...

    async def close(self, farewell: Farewell) -> None:
        """Say why this is the end."""
        ...


class Connection:
    """Sends a subscription's events down a line until the client goes, or is told to."""

    def __init__(self, line: Line, who: Identity, subscription: Subscription, metrics: LiveMetrics) -> None:
        self.who = who
        self._line = line
        self._subscription = subscription
        self._metrics = metrics
        self._ends: asyncio.Future[Farewell] = asyncio.get_running_loop().create_future()

    def end(self, farewell: Farewell) -> None:
        """Let it end soon, for this reason unless there was one before."""
        if not self._ends.done():
            self._ends.set_result(farewell)

    async def serve(self) -> None:
        """Serve it to its end."""
        transport = self._line.transport
        self._metrics.opened(transport)
        writer, reader = asyncio.create_task(self._write()), asyncio.create_task(self._line.heard())
        try:
            either: set[asyncio.Future[Any]] = {writer, reader, self._ends}
            await asyncio.wait(either, timeout=self._left(), return_when=asyncio.FIRST_COMPLETED)
            farewell = self._why(writer, reader)
        finally:
            self._metrics.closed(transport)
            for task in (writer, reader):
                task.cancel()
            await asyncio.wait({writer, reader})
        if farewell is not None:
            self._metrics.cut_off(farewell.word)
            # Who reads nothing does not read this either.
            with suppress(OSError):
                async with asyncio.timeout(_CLOSE_WITHIN):
                    await self._line.close(farewell)

    def _left(self) -> float | None:
        ends = self.who.expires_at
        return None if ends is None else max(0.0, (ends - datetime.now(UTC)).total_seconds())

    def _why(self, writer: "asyncio.Task[Farewell | None]", reader: "asyncio.Task[bool]") -> Farewell | None:
        if self._ends.done():
            return self._ends.result()
        if reader.done():
            return NOT_HEARD if reader.result() else None
        return writer.result() if writer.done() else NO_ACCESS

    async def _write(self) -> Farewell | None:
        """Send until that cannot go on: why, or None when the client has gone."""
        try:
            return await self._follow()
        except GoneError:
            return GONE
        except SlowError:
            return SLOW
        except _LeftError:
            return None
        except LOST as error:
            log.warning("events cannot be read: %s: %s", type(error).__name__, error)
            return TRY_AGAIN

    async def _follow(self) -> NoReturn:
        subscription = self._subscription
        hello = {"kind": "hello", "after": subscription.seen, "last": subscription.last, "heartbeat": HEARTBEAT}
        await self._send(hello, number=subscription.seen)
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT):
                    events = await subscription.next()
            except TimeoutError:
                await self._send({"kind": "heartbeat", "number": subscription.seen})
                continue
            try:
                async with asyncio.timeout(_SEND_WITHIN):
                    for event in events:
                        await self._say(event.kind, event.data, event.number)
                        subscription.seen = event.number
                        self._count(event.number, event.at)
            except TimeoutError as error:
                raise SlowError(f"event {subscription.seen + 1} was not taken in time") from error

    async def _send(self, message: dict[str, Any], number: int | None = None) -> None:
        try:
            async with asyncio.timeout(_SEND_WITHIN):
                await self._say(message["kind"], orjson.dumps(message).decode(), number)
        except TimeoutError as error:
            raise SlowError("what was sent was not taken in time") from error

    async def _say(self, kind: str, data: str, number: int | None) -> None:
        try:
            await self._line.say(kind, data, number=number)
        except OSError as error:
            raise _LeftError from error

    def _count(self, number: int, at: float) -> None:
        transport = self._line.transport
        self._metrics.sent(transport)
        if number > self._subscription.last:
            self._metrics.lagged(transport, time.time() - at)


class _LeftError(Exception):
    """The client has gone, which is its own affair."""
