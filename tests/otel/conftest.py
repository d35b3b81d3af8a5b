"""A real Postgres, connections and a pool that are recorded, and a relay that reads the wire."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from opentelemetry.instrumentation._semconv import _OpenTelemetrySemanticConventionStability as Conventions
from tailgate_otel import RecordedConnection, RecordedPool, Recorder, create_pool
from tailgate_otel.standard import StandardRecorder
from tailgate_service.postgres.cluster import Cluster


@pytest.fixture(scope="session")
def cluster(postgres: Cluster) -> Cluster:
    return postgres


@pytest.fixture
def dsn(cluster: Cluster) -> str:
    return cluster.dsn


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator[RecordedConnection]:
    made = await asyncpg.connect(dsn, connection_class=RecordedConnection)
    yield made
    await made.close()


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[RecordedPool]:
    async with create_pool(dsn, min_size=1, max_size=4) as made:
        yield made


@pytest.fixture
def fresh_conventions(monkeypatch) -> None:
    """No instrumentation of OpenTelemetry has begun yet: the first one settles the names for its process."""
    monkeypatch.setattr(Conventions, "_initialized", False)
    monkeypatch.setattr(Conventions, "_OTEL_SEMCONV_STABILITY_SIGNAL_MAPPING", {})


@pytest.fixture(params=[Recorder, StandardRecorder], ids=["lean", "standard"])
def kind(request, fresh_conventions) -> type[Recorder]:
    """Either recorder: what holds for one holds for the other."""
    return request.param


class Wire:
    """What a client sent, by the letters of Postgres' frontend messages."""

    def __init__(self, upstream: int) -> None:
        self.messages = ""
        self._upstream = upstream
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def executions(self) -> int:
        """Simple queries, and synchronised batches that execute something."""
        return self.messages.count("Q") + sum("E" in batch for batch in self.messages.split("S")[:-1])

    @property
    def round_trips(self) -> int:
        return sum(self.messages.count(letter) for letter in "QSH")

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        back = asyncio.create_task(self._back(up_reader, writer))
        try:
            up_writer.write(await self._startup(reader))
            while True:
                head = await reader.readexactly(5)
                body = await reader.readexactly(int.from_bytes(head[1:], "big") - 4)
                self.messages += chr(head[0])
                up_writer.write(head + body)
                await up_writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            back.cancel()
            up_writer.close()
            writer.close()

    async def close(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @staticmethod
    async def _startup(reader: asyncio.StreamReader) -> bytes:
        length = await reader.readexactly(4)
        return length + await reader.readexactly(int.from_bytes(length, "big") - 4)

    @staticmethod
    async def _back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


@pytest.fixture
async def wire(cluster: Cluster) -> AsyncIterator[tuple[Wire, RecordedConnection]]:
    """A relay, and a recorded connection through it."""
    tap = Wire(cluster.port)
    server = await asyncio.start_server(tap.relay, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connection = await asyncpg.connect(cluster.dsn_at(port), connection_class=RecordedConnection)
    yield tap, connection
    await connection.close()
    server.close()
    await tap.close()
