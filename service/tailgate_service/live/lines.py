"""The two ways to a client: a WebSocket (RFC 6455), and server-sent events (WHATWG HTML, 9.2)."""

from contextlib import suppress

import orjson
from starlette.types import Receive, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from tailgate_service.live.connection import Farewell
from tailgate_service.live.metrics import EVENTS, WEBSOCKET

HEADERS = {"x-accel-buffering": "no"}
"""Of a stream of events: no proxy waits until it has more."""
MEDIA_TYPE = "text/event-stream"
_RETRY_MS = 1000


class WebSocketLine:
    """See ``Line``; the WebSocket has been accepted."""

    transport = WEBSOCKET

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def say(self, kind: str, data: str, *, number: int | None = None) -> None:
        """See ``Line``."""
        del kind, number  # the data says them
        try:
            await self._websocket.send_text(data)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise ConnectionError("the client has gone") from error

    async def heard(self) -> bool:
        """See ``Line``."""
        message = await self._websocket.receive()
        return bool(message["type"] == "websocket.receive")

    async def close(self, farewell: Farewell) -> None:
        """See ``Line``."""
        with suppress(WebSocketDisconnect, RuntimeError):
            await self._websocket.close(farewell.code, farewell.reason)


class EventsLine:
    """See ``Line``; the head of the response has been sent."""

    transport = EVENTS

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    async def say(self, kind: str, data: str, *, number: int | None = None) -> None:
        """See ``Line``."""
        head = f"id: {number}\n" if number is not None else ""
        await self._body(f"{head}event: {kind}\ndata: {data}\n\n")

    async def heard(self) -> bool:
        """See ``Line``."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        return False

    async def close(self, farewell: Farewell) -> None:
        """See ``Line``."""
        data = orjson.dumps({"kind": "bye", "code": farewell.code, "reason": farewell.reason}).decode()
        await self._body(f"event: bye\ndata: {data}\n\n", more=False)

    async def begin(self) -> None:
        """Say first how soon a client that lost us comes back."""
        await self._body(f"retry: {_RETRY_MS}\n\n")

    async def _body(self, text: str, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": text.encode(), "more_body": more})
