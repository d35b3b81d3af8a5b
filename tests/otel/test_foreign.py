"""Applications written without this library, instrumented by a few lines, under a real server: are the counts exact?

The same requests go to the application as it is and as instrumented; a relay before the database reads what each of
them sends. Whatever a route's queries are on the metrics page, as many must have gone by on the wire.
"""

import asyncio
import difflib
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from tailgate_otel import names
from tailgate_service.postgres.cluster import Cluster

FOREIGN = Path(__file__).parent / "foreign"
ALLOWANCE = 30.0

# By file: what a line becomes, with the line itself where it stays.
SHOP = {
    "import asyncpg\n": "import asyncpg\nfrom tailgate_otel import Config, Recorder, create_pool\n",
    "    app.state.pool = admin.state.pool = await asyncpg.create_pool(": (
        "    recorder.start()\n    app.state.pool = admin.state.pool = await create_pool("
    ),
    "app = FastAPI(lifespan=lifespan)\n": (
        "app = FastAPI(lifespan=lifespan)\n"
        'recorder = Recorder(Config.from_env(service_name="shop"))\n'
        "app.add_middleware(recorder.middleware)\n"
    ),
}
LIBRARY = {
    'engine = create_async_engine(os.environ["DATABASE_URL"])\n': (
        "from tailgate_otel import Config, RecordedConnection, Recorder\n"
        'recorder = Recorder(Config.from_env(service_name="library"))\n'
        'engine = create_async_engine(os.environ["DATABASE_URL"], '
        'connect_args={"connection_class": RecordedConnection})\n'
    ),
    "app = FastAPI(lifespan=lifespan)\n": (
        "app = FastAPI(lifespan=lifespan)\napp.add_middleware(recorder.middleware)\nrecorder.start()\n"
    ),
}


class Ask(NamedTuple):
    """A request, the route it counts on, and the queries that it makes, and those after its end."""

    method: str
    path: str
    route: str
    queries: int
    later: int = 0
    json: Any = None
    status: int = 200


ORDER = [{"product": n, "quantity": 2} for n in (1, 2, 3)]
SHOPPING = [
    Ask("GET", "/health", "/health", 0),
    Ask("GET", "/me", "/me", 1),
    # The customer, the order, its lines at once, and a product each; the note after the answer.
    Ask("POST", "/orders", "/orders", 6, later=1, json=ORDER, status=201),
    Ask("POST", "/orders", "/orders", 4, later=1, json=ORDER[:1], status=201),
    # The customer, the orders, and the lines of each.
    Ask("GET", "/orders", "/orders", 4),
    Ask("GET", "/dashboard", "/dashboard", 3),
    # 25 rows by 10.
    Ask("GET", "/export", "/export", 3),
    Ask("POST", "/customers?name=Ada", "/customers", 1, status=409),
    Ask("POST", "/customers?name=Cy", "/customers", 1),
    Ask("GET", "/broken", "/broken", 1, status=500),
    Ask("GET", "/catalogue/products?page=1", "/catalogue/products", 2),
    Ask("GET", "/catalogue/products/3", "/catalogue/products/{product_id}", 1),
    Ask("GET", "/catalogue/products/999", "/catalogue/products/{product_id}", 1, status=404),
    Ask("GET", "/catalogue/products/x", "/catalogue/products/{product_id}", 0, status=422),
    # A table, a COPY, an update, the table again, and a prepared statement twice.
    Ask("POST", "/catalogue/prices", "/catalogue/prices", 6, json={"1": 5, "2": 6}),
    Ask("GET", "/shops/north/admin/stock/3", "/shops/{shop}/admin/stock/{product_id}", 1),
    Ask("GET", "/nowhere/7", names.UNKNOWN_ROUTE, 0, status=404),
]
READING = [
    Ask("GET", "/authors", "/authors", 2),
    Ask("GET", "/authors/slowly", "/authors/slowly", 7),
    # Two books in one statement, and how many there are.
    Ask("POST", "/authors/1/books", "/authors/{author_id}/books", 2, json=["a", "b"]),
    # 12 rows by a server-side cursor of 50.
    Ask("GET", "/titles", "/titles", 1),
    Ask("GET", "/raw", "/raw", 2),
]


@dataclass
class Spy:
    """A relay that keeps the texts of the statements that go by, in the order of their execution."""

    upstream: int
    executed: list[str] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def queries(self) -> list[str]:
        """Those of the application: no transaction control, nothing that cleans a connection or asks about types."""
        apart = ("BEGIN", "COMMIT", "ROLLBACK", "SELECT PG_ADVISORY_UNLOCK_ALL", "RESET ALL", "WITH RECURSIVE TYPEINFO")
        return [text for text in self.executed if not " ".join(text.upper().split()).startswith(apart)]

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        back = asyncio.create_task(_copy(up_reader, writer))
        try:
            length = await reader.readexactly(4)
            up_writer.write(length + await reader.readexactly(int.from_bytes(length, "big") - 4))
            texts: dict[bytes, str] = {}
            portals: dict[bytes, str] = {}
            batch: list[str] = []
            while True:
                head = await reader.readexactly(5)
                body = await reader.readexactly(int.from_bytes(head[1:], "big") - 4)
                self._read(head[:1], body.split(b"\0"), texts, portals, batch)
                up_writer.write(head + body)
                await up_writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            back.cancel()
            up_writer.close()
            writer.close()
            self._tasks.discard(task)

    def _read(
        self, letter: bytes, fields: list[bytes], texts: dict[bytes, str], portals: dict[bytes, str], batch: list[str]
    ) -> None:
        """One message of the frontend, as https://www.postgresql.org/docs/18/protocol-message-formats.html has it."""
        if letter == b"P":
            texts[fields[0]] = fields[1].decode()
        elif letter == b"B":
            portals[fields[0]] = texts[fields[1]]
        elif letter == b"E":
            batch.append(portals[fields[0]])
        elif letter == b"Q":
            self.executed.append(fields[0].decode())
        elif letter == b"S" and batch:
            # However many times it was bound: what is synchronised once is one batch.
            self.executed.append(batch[0])
            batch.clear()

    async def close(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def instrumented(source: str, lines: dict[str, str]) -> str:
    """The source with the lines put in, at most five of them new or changed."""
    made = source
    for line, become in lines.items():
        assert made.count(line) == 1
        made = made.replace(line, become)
    new = [line for line in difflib.ndiff(source.splitlines(), made.splitlines()) if line.startswith("+ ")]
    assert 0 < len(new) <= 5
    return made


class Running(NamedTuple):
    """An application under uvicorn."""

    client: httpx.AsyncClient
    spy: Spy
    metrics: Callable[[], Awaitable[dict[tuple[str, str], tuple[int, int]]]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@asynccontextmanager
async def running(
    cluster: Cluster, place: Path, name: str, lines: dict[str, str], scheme: str
) -> AsyncIterator[Running]:
    """The application ``name`` on an empty database of its own, by way of a spy."""
    shutil.copytree(FOREIGN, place)
    if lines:
        file = place / f"{name}.py"
        file.write_text(instrumented(file.read_text(), lines))
    administration = await asyncpg.connect(cluster.dsn)
    database = f"foreign_{os.urandom(4).hex()}"
    await administration.execute(f"create database {database}")
    spy = Spy(cluster.port)
    relay = await asyncio.start_server(spy.relay, "127.0.0.1", 0)
    address = f"tailgate:{cluster.password}@127.0.0.1:{relay.sockets[0].getsockname()[1]}/{database}"
    port, metrics_port = free_port(), free_port()
    environment = os.environ | {
        "DATABASE_URL": f"{scheme}://{address}" + ("?sslmode=disable" if scheme == "postgresql" else "?ssl=disable"),
        names.ENV_METRICS_PORT: str(metrics_port),
    }
    command = [sys.executable, "-m", "uvicorn", f"{name}:app", "--port", str(port), "--log-level", "critical"]
    # Nor does it hang up on a client that a busy machine keeps waiting.
    command += ["--timeout-keep-alive", "60"]
    process = await asyncio.create_subprocess_exec(*command, cwd=place, env=environment)
    client = httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}",
        headers={"authorization": "ada"},
        timeout=ALLOWANCE,
        limits=httpx.Limits(max_connections=8),
    )

    async def metrics() -> dict[tuple[str, str], tuple[int, int]]:
        answer = await client.get(
            f"http://127.0.0.1:{metrics_port}/metrics", headers={"accept": "application/openmetrics-text"}
        )
        return _queries(answer.text)

    try:
        await _until(lambda: process.returncode is not None or _listens(port))
        assert process.returncode is None
        yield Running(client, spy, metrics)
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), ALLOWANCE)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await client.aclose()
        relay.close()
        await spy.close()
        await administration.execute(f"drop database {database} with (force)")
        await administration.close()


def _queries(page: str) -> dict[tuple[str, str], tuple[int, int]]:
    """(method, route) -> its requests and their queries."""
    samples = {
        (sample.name, sample.labels[names.LABEL_METHOD], sample.labels[names.LABEL_ROUTE]): int(sample.value)
        for family in text_string_to_metric_families(page)
        if family.name == names.QUERIES_PER_REQUEST
        for sample in family.samples
        if sample.name.endswith(("_sum", "_count"))
    }
    routes = {key[1:] for key in samples}
    counted = names.QUERIES_PER_REQUEST
    return {route: (samples[f"{counted}_count", *route], samples[f"{counted}_sum", *route]) for route in routes}


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + ALLOWANCE
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def one_by_one(app: Running, asks: list[Ask]) -> tuple[list[tuple[int, str]], list[list[str]]]:
    """Each answer, and what each request had the database execute, itself and after its end."""
    answers, statements = [], []
    for ask in asks:
        before = len(app.spy.queries)
        answer = await app.client.request(ask.method, ask.path, json=ask.json)
        answers.append((answer.status_code, answer.text))
        expected = before + ask.queries + ask.later
        await _until(lambda expected=expected: len(app.spy.queries) >= expected)
        # Sorted, because what is gathered may overtake.
        statements.append(sorted(app.spy.queries[before:]))
    return answers, statements


CASES = [
    pytest.param("app", SHOP, "postgresql", SHOPPING, id="asyncpg"),
    pytest.param("alchemy", LIBRARY, "postgresql+asyncpg", READING, id="sqlalchemy"),
]


@pytest.mark.parametrize(("name", "lines", "scheme", "asks"), CASES)
async def test_an_application_with_five_lines_shows_exact_counts(cluster, tmp_path, name, lines, scheme, asks):
    async with running(cluster, tmp_path / "plain", name, {}, scheme) as plain:
        bare_answers, bare = await one_by_one(plain, asks)
    async with running(cluster, tmp_path / "recorded", name, lines, scheme) as recorded:
        answers, statements = await one_by_one(recorded, asks)
        counted = await recorded.metrics()
    assert [status for status, _ in answers] == [ask.status for ask in asks]
    assert (answers, statements) == (bare_answers, bare)
    assert [len(sent) for sent in statements] == [ask.queries + ask.later for ask in asks]
    assert counted == {
        (method, route): (len(same), sum(ask.queries for ask in same))
        for method, route in {(ask.method, ask.route) for ask in asks}
        if (same := [ask for ask in asks if (ask.method, ask.route) == (method, route)])
    }


@pytest.mark.parametrize(("name", "lines", "scheme", "asks"), CASES)
async def test_as_many_queries_as_on_the_wire_when_all_come_at_once(cluster, tmp_path, name, lines, scheme, asks):
    async with running(cluster, tmp_path / "recorded", name, lines, scheme) as app:
        before = len(app.spy.queries)
        many = [ask for ask in asks for _ in range(12)]
        await asyncio.gather(*(app.client.request(ask.method, ask.path, json=ask.json) for ask in many))
        later = sum(ask.later for ask in many)
        audited = "insert into audit"
        await _until(lambda: sum(text.startswith(audited) for text in app.spy.queries) == later)
        counted = await app.metrics()
        assert sum(requests for requests, _ in counted.values()) == len(many)
        assert sum(queries for _, queries in counted.values()) + later == len(app.spy.queries) - before
