"""A way to the service that can be cut: what is live on it, and nothing else, as a proxy or a bad line would."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

_LIVE = (b"GET /api/live?", b"GET /api/live/events?")
_CHUNK = 65536


class Wire:
    """Passes connections on; made by :func:`laid`.

    Attributes:
        url: where the service is to be found by it.
        broken: no live connection comes through.
        refused: live connections that did not come through.

    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = parts.hostname, parts.port
        self._live: set[asyncio.StreamWriter] = set()
        self._passing: set[asyncio.Task[None]] = set()
        self._heard = asyncio.Event()
        self._heard.set()
        self.url = ""
        self.broken = False
        self.refused = 0

    @property
    def live(self) -> int:
        """How many live connections there are."""
        return len(self._live)

    @property
    def silent(self) -> bool:
        """Whether live connections are kept waiting."""
        return not self._heard.is_set()

    def cut(self) -> None:
        """Break every live connection off, and let no new one through."""
        self.broken = True
        for writer in self._live:
            writer.transport.abort()

    def mend(self) -> None:
        """Let them through again."""
        self.broken = False
        self._heard.set()

    def hush(self) -> None:
        """Keep from now on what the service sends on live connections."""
        self._heard.clear()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on, both ways, until either end closes it."""
        task = asyncio.current_task()
        if task is not None:
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)
        with suppress(OSError):
            upward_reader, upward = await asyncio.open_connection(*self._upstream)
            back = asyncio.create_task(self._back(upward_reader, writer))
            try:
                await self._forth(reader, writer, upward)
            finally:
                back.cancel()
                with suppress(asyncio.CancelledError, OSError):
                    await back
                upward.transport.abort()
        self._live.discard(writer)
        writer.transport.abort()

    async def close(self) -> None:
        """Break everything off."""
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _forth(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upward: asyncio.StreamWriter
    ) -> None:
        # A browser sends a request only when the one before is answered: each begins a chunk.
        while chunk := await reader.read(_CHUNK):
            if chunk.startswith(_LIVE):
                if self.broken:
                    self.refused += 1
                    return
                self._live.add(writer)
            upward.write(chunk)
            await upward.drain()

    async def _back(self, upward: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await upward.read(_CHUNK):
            if writer in self._live:
                await self._heard.wait()
            writer.write(chunk)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def laid(upstream: str) -> AsyncIterator[Wire]:
    """A wire to the service at ``upstream``."""
    wire = Wire(upstream)
    server = await asyncio.start_server(wire.take, "127.0.0.1", 0)
    wire.url = "http://{}:{}".format(*server.sockets[0].getsockname())
    try:
        yield wire
    finally:
        server.close()
        await wire.close()
