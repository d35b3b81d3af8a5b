"""Followers of a workspace, by either transport, and the service that they follow it at."""

import asyncio
import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import httpx
from pydantic import TypeAdapter
from tailgate_loadtest.shapes.eventstream import EventParser
from tailgate_service.models.live import LiveMessage
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.service.api.conftest import World

WITHIN = 20.0
_DESCRIBED: TypeAdapter[LiveMessage] = TypeAdapter(LiveMessage)
HANDSHAKE = {
    "connection": "upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}
"""What a client asks for a WebSocket with."""


class OverError(Exception):
    """The service has ended it: with this code, or with None and no word."""

    @property
    def code(self) -> int | None:
        return self.args[0]


class Follower:
    """One live connection; every message that is no heartbeat comes by ``next``."""

    hello: dict[str, Any]

    async def next(self) -> dict[str, Any]:
        """What comes next, which is as described."""
        while True:
            message = await asyncio.wait_for(self._message(), WITHIN)
            _DESCRIBED.validate_python(message)
            if message["kind"] == "bye":
                raise OverError(message["code"])
            if message["kind"] != "heartbeat":
                return message

    async def numbers(self, count: int) -> list[int]:
        """The numbers of so many events to come."""
        return [(await self.next())["number"] for _ in range(count)]

    async def over(self) -> int | None:
        """The code with which the service ends it."""
        try:
            while True:
                await self.next()
        except OverError as error:
            return error.code

    async def _message(self) -> dict[str, Any]:
        raise NotImplementedError


class BySocket(Follower):
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def _message(self) -> dict[str, Any]:
        try:
            return json.loads(await self.socket.recv())
        except ConnectionClosed as error:
            raise OverError(error.rcvd.code if error.rcvd else None) from None


class ByEvents(Follower):
    def __init__(self, response: httpx.Response) -> None:
        self._chunks = response.aiter_bytes()
        self._parser = EventParser("")
        self._events: list[Any] = []

    @property
    def last_event_id(self) -> str:
        return self._parser.last_event_id

    async def _message(self) -> dict[str, Any]:
        while not self._events:
            try:
                self._events += self._parser.feed(await anext(self._chunks))
            except (StopAsyncIteration, httpx.HTTPError):
                raise OverError(None) from None
        event = self._events.pop(0)
        message = json.loads(event.data)
        assert message["kind"] == event.type
        return message


@dataclass(frozen=True, kw_only=True)
class Served:
    """A service, and the connection of its database's owner."""

    url: str
    metrics_url: str
    pid: int
    owner_dsn: str
    database: asyncpg.Connection

    def beside(self, ready: dict[str, Any], pid: int) -> "Served":
        """Another process over the same database."""
        return replace(self, url=ready["url"], metrics_url=ready["metrics_url"], pid=pid)

    async def world(self) -> World:
        return await World(self.database).settle()

    async def ticket(self, world: World, *, until: Any = None, member: Any = None, subject: str = "") -> str:
        """A ticket of the key of ``world``, or of a member of it."""
        ticket = secrets.token_urlsafe(32)
        proof = hashlib.sha256((subject or world.key).encode()).digest()
        digest = hashlib.sha256(ticket.encode()).digest()
        await self.database.execute(
            "SELECT issue_ticket($1, 30, $2, $3, $4, $5, $6)",
            digest, proof, world.id, member, "agent" if member else "key", until,
        )  # fmt: skip
        return ticket

    async def metrics(self) -> dict[tuple[str, ...], float]:
        async with httpx.AsyncClient() as client:
            lines = (await client.get(self.metrics_url)).text.splitlines()
        return {tuple(line.rpartition(" ")[:1]): float(line.rpartition(" ")[2]) for line in lines if line[:1] != "#"}

    @asynccontextmanager
    async def follow(
        self, world: World, after: int | None = None, *, by: str = "websocket", ticket: str | None = None
    ) -> AsyncIterator[Any]:
        """A follower that has been greeted."""
        query = {"ticket": ticket or await self.ticket(world)} | ({} if after is None else {"after": str(after)})
        async with self.connected(by, query) as follower:
            follower.hello = await follower.next()
            assert follower.hello["kind"] == "hello"
            yield follower

    @asynccontextmanager
    async def connected(
        self, by: str, query: dict[str, str], headers: dict[str, str] | None = None
    ) -> AsyncIterator[Any]:
        if by == "websocket":
            url = str(httpx.URL(self.url + "/api/live", params=query)).replace("http", "ws", 1)
            # Bounded, its farewell would wait for what nobody reads any more.
            async with connect(url, additional_headers=headers, compression=None, proxy=None, max_queue=None) as socket:
                yield BySocket(socket)
        else:
            timeout = httpx.Timeout(WITHIN)
            async with httpx.AsyncClient(timeout=timeout, trust_env=False) as client:
                url = self.url + "/api/live/events"
                async with client.stream("GET", url, params=query, headers=headers) as response:
                    response.raise_for_status()
                    yield ByEvents(response)
