"""A TCP relay that puts a round trip between two processes: ``python -m tailgate_service.relay``.

Every byte leaves half the round trip after it came, each way, in order. What is delayed is the bytes and not the
relay: each block carries the time it is due, so a pipelined batch is late by one round trip and not by one for each of
its parts. A new connection costs one round trip more, as its handshake would.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import statistics
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import cast
from weakref import WeakSet

import asyncpg

from tailgate_service.errors import RelayError
from tailgate_service.process import die_with_parent

# Bytes held in each direction before the sender is made to wait: a full window of a fast line of 100 ms.
LIMIT = 4 << 20
MEASUREMENTS = 7
MOST_DELAY = 60.0


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where to listen or to connect; written ``host:port``."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read ``host:port``; raises ``RelayError``."""
        host, separator, port = text.rpartition(":")
        if not separator or not host or not port.isdecimal() or int(port) > 65535:
            raise RelayError(f"{text!r} is not an address: write it as host:port")
        return cls(host=host, port=int(port))


class Direction(asyncio.Protocol):
    """One side of a connection: what it receives is due at the other side ``delay`` seconds later."""

    def __init__(self, delay: float, made: Callable[["Direction"], None]) -> None:
        self.transport: asyncio.Transport
        self.other: Direction | None = None
        self._delay = delay
        self._made = made
        self._loop = asyncio.get_running_loop()
        # None stands for the end of the stream; it waits for its time as all else does.
        self._held: deque[tuple[float, bytes | None]] = deque()
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writable = True
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.transport = cast("asyncio.Transport", transport)
        self._made(self)

    def data_received(self, data: bytes) -> None:
        """Hold what came until it is due."""
        self._bytes += len(data)
        if self._bytes > LIMIT:
            self.transport.pause_reading()
        self._hold(data)

    def eof_received(self) -> bool:
        """Pass the end on in its turn; the way back stays open."""
        self._hold(None)
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """End the other side as this one ended."""
        self._held.clear()
        self._stop_timer()
        if self.other is not None and not self.other.transport.is_closing():
            self.other.transport.close() if error is None else self.other.transport.abort()

    def pause_writing(self) -> None:
        """Hold back what the other side sends: this one does not take it."""
        if self.other is not None:
            self.other._writable = False

    def resume_writing(self) -> None:
        """Send on."""
        if self.other is not None:
            self.other._writable = True
            self.other._flush()

    def _hold(self, data: bytes | None) -> None:
        self._held.append((self._loop.time() + self._delay, data))
        if self._timer is None:
            self._flush()

    def _flush(self) -> None:
        self._stop_timer()
        now = self._loop.time()
        while self.other is not None and self._writable and self._held and self._held[0][0] <= now:
            _, data = self._held.popleft()
            if data is None:
                self._end(self.other)
            else:
                self._bytes -= len(data)
                self.other.transport.write(data)
        if self._bytes <= LIMIT // 2 and not self.transport.is_closing():
            self.transport.resume_reading()
        if self._writable and self._held:
            self._timer = self._loop.call_at(self._held[0][0], self._flush)

    def _end(self, other: "Direction") -> None:
        self._ended = True
        if other._ended:
            other.transport.close()
            self.transport.close()
        elif not other.transport.is_closing():
            other.transport.write_eof()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


@contextlib.asynccontextmanager
async def listening(listen: Address, upstream: Address, delay: float) -> AsyncIterator[Address]:
    """Relay while the context lasts and yield where it listens. ``delay``: seconds added to a round trip.

    Raises ``RelayError`` when it cannot listen there. A connection whose upstream cannot be reached is broken off.
    """
    loop = asyncio.get_running_loop()
    connecting: set[asyncio.Task[None]] = set()
    open_sides: WeakSet[Direction] = WeakSet()

    def accepted(client: Direction) -> None:
        client.transport.pause_reading()
        task = loop.create_task(connect(client))
        connecting.add(task)
        task.add_done_callback(connecting.discard)

    async def connect(client: Direction) -> None:
        open_sides.add(client)
        await asyncio.sleep(delay)
        try:
            _, server = await loop.create_connection(
                lambda: Direction(delay / 2, open_sides.add), upstream.host, upstream.port
            )
        except OSError:
            client.transport.abort()
            return
        client.other, server.other = server, client
        if client.transport.is_closing():
            server.transport.abort()
        else:
            client.transport.resume_reading()

    try:
        relay = await loop.create_server(lambda: Direction(delay / 2, accepted), listen.host, listen.port)
    except OSError as error:
        raise RelayError(f"the relay cannot listen on {listen.host}:{listen.port}: {error}") from error
    try:
        yield Address(host=listen.host, port=relay.sockets[0].getsockname()[1])
    finally:
        relay.close()
        ending = list(connecting)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        for side in open_sides:
            side.transport.abort()


async def measure(dsn: str) -> float:
    """The median time of ``select 1``, in seconds: what one round trip to this database really costs."""
    connection = await asyncpg.connect(dsn)  # type: ignore[no-untyped-call]
    try:
        statement = await connection.prepare("select 1")
        times = []
        for _ in range(MEASUREMENTS):
            start = time.perf_counter()
            await statement.fetchval()
            times.append(time.perf_counter() - start)
    finally:
        await connection.close()
    return statistics.median(times)


def main() -> int:
    """Relay until told to stop; the exit status."""
    die_with_parent()
    parser = argparse.ArgumentParser(
        prog="python -m tailgate_service.relay", description="Put a round trip in between."
    )
    parser.add_argument("--listen", required=True, help="host:port, port 0 for any")
    parser.add_argument("--upstream", required=True, help="host:port")
    parser.add_argument("--delay", type=float, required=True, help="seconds added to a round trip, half each way")
    arguments = parser.parse_args()
    if not 0 <= arguments.delay <= MOST_DELAY:
        parser.error(f"--delay {arguments.delay:g} is outside 0 to {MOST_DELAY:g} seconds")
    try:
        listen, upstream = Address.parse(arguments.listen), Address.parse(arguments.upstream)
        asyncio.run(_serve(listen, upstream, arguments.delay))
    except RelayError as error:
        sys.stderr.write(f"tailgate-relay: {error}\n")
        return 2
    return 0


async def _serve(listen: Address, upstream: Address, delay: float) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with listening(listen, upstream, delay) as address:
        sys.stdout.write(json.dumps({"ready": True, "port": address.port}) + "\n")
        sys.stdout.flush()
        await stopping.wait()


if __name__ == "__main__":
    sys.exit(main())
