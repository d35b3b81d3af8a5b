"""The application that is measured, on a real database, by itself and as a server that is watched."""

import importlib.util
import urllib.request
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tailgate_otel import create_pool, names, recording

from benchmarks.instrumented import shop
from benchmarks.instrumented.load import closed, connected, request
from benchmarks.instrumented.observer import by_route, observing, receiving, scrape
from benchmarks.instrumented.server import serving
from benchmarks.instrumented.shop import PAGES
from benchmarks.instrumented.sides import BARE, SIDES, present

ERRORS = {"fails", "raises", "refused"}


@pytest.fixture
async def database(postgres) -> AsyncIterator[str]:
    """The shop's data, in a database of its own."""
    connection = await asyncpg.connect(postgres.dsn)
    await connection.execute("CREATE DATABASE instrumented_shop")
    dsn = postgres.dsn.replace("/postgres?", "/instrumented_shop?")
    await shop.fill(dsn)
    yield dsn
    await connection.execute("DROP DATABASE instrumented_shop WITH (FORCE)")
    await connection.close()


async def test_every_page_makes_as_many_queries_as_it_says(database):
    async with create_pool(database, min_size=1, max_size=4) as pool:
        transport = httpx.ASGITransport(shop.application(pool), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            for page in PAGES:
                with recording() as record:
                    answer = await client.get(page.path(17))
                assert (page.name, record.queries) == (page.name, page.queries)
                assert (answer.status_code == 500) == (page.name in ERRORS)


async def test_the_pages_that_are_measured_repeat_no_statement(database):
    async with create_pool(database, min_size=1, max_size=1) as pool:
        transport = httpx.ASGITransport(shop.application(pool))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            with recording() as record:
                rows = (await client.get(shop.LOAD[20].path(17))).json()
    assert not record.n_plus_one
    assert [row["id"] for row in rows] == [17] * 20


def test_a_receiver_counts_traces_and_keeps_messages_when_told_to():
    message = ExportTraceServiceRequest()
    made = message.resource_spans.add().scope_spans.add().spans
    made.add(kind=Span.SPAN_KIND_CLIENT)
    made.add(kind=Span.SPAN_KIND_SERVER)
    with receiving() as receiver:
        _post(receiver.endpoint, message)
        receiver.messages = []
        _post(receiver.endpoint, message)
    assert receiver.traces == 2
    assert receiver.messages == [message]


def _post(endpoint: str, message: ExportTraceServiceRequest) -> None:
    with urllib.request.urlopen(f"{endpoint}/v1/traces", data=message.SerializeToString()) as answer:
        assert answer.status == 200


def test_a_side_whose_software_is_not_there_is_left_out(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert [side for side in SIDES if side not in present()] == [side for side in SIDES if side.kind == "standard"]


@pytest.mark.parametrize("side", [BARE, *(side for side in present() if side.share == 1)], ids=lambda side: side.name)
async def test_a_side_answers_and_exports_the_share_that_it_is_named_for(database, side):
    count = 100
    with observing() as observer, serving(side, database, observer.endpoint) as server:
        before = server.cpu()
        with connected(server.port, 4) as connections:
            closed(connections, [request(shop.LOAD[4].path(3))], count)
        server.flush()
        assert server.cpu() > before
        assert observer.traces() == side.share * count
        if server.metrics_port is not None:
            counted = by_route(scrape(server.metrics_port), f"{names.QUERIES_PER_REQUEST}_sum")
            assert counted[shop.LOAD[4].route] == 4 * count
    assert server.process.returncode == 0


def test_a_server_without_its_database_is_told_by_name():
    nowhere = serving(BARE, "postgresql://127.0.0.1:9/none?sslmode=disable", "http://127.0.0.1:9")
    with pytest.raises(SystemExit, match="the server of bare did not start"), nowhere:
        pass
