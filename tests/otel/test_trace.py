"""The spans of a kept trace: whose child is whose, what each says, and what none of them may say."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from asyncpg.exceptions import UniqueViolationError
from fastapi import FastAPI
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from opentelemetry.trace.status import StatusCode
from tailgate_otel import Config, Recorder, names

HIDDEN = "hidden-9f2c"
"""Stands for customers' data: in parameters, in rows, in messages, in the query of the URL."""


class Kept:
    """An application all of whose traces are kept."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.exporter = InMemorySpanExporter()
        self.recorder = Recorder(Config(service_name="shop", metrics_port=0, sample_ratio=1.0), exporter=self.exporter)
        self.tracer = self.recorder.tracer_provider.get_tracer("shop.orders")

    async def get(self, path: str = "/", **headers: str) -> list[ReadableSpan]:
        self.exporter.clear()
        transport = httpx.ASGITransport(self.recorder.middleware(self.app), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            await client.get(path, headers=headers)
        self.recorder.flush()
        return list(self.exporter.get_finished_spans())


@pytest.fixture
async def kept() -> AsyncIterator[Kept]:
    made = Kept()
    made.recorder.start()
    yield made
    made.recorder.close()
    assert made.recorder.guard.failures == 0


def written(spans: list[ReadableSpan]) -> str:
    return "".join(span.to_json() for span in spans)


async def test_the_server_span_goes_first_and_every_query_is_its_child(kept, pool):
    @kept.app.get("/orders/{number}")
    async def orders(number: int):
        async with pool.acquire() as connection, connection.transaction():
            await connection.fetch("select $1::int", number)
            await asyncio.gather(*(pool.fetchval(f"select {n}") for n in range(2)))

    server, *others = await kept.get("/orders/7?token=" + HIDDEN)
    assert (server.name, server.kind, server.parent) == ("GET /orders/{number}", SpanKind.SERVER, None)
    assert {span.context.trace_id for span in others} == {server.context.trace_id}
    assert {span.parent.span_id for span in others} == {server.context.span_id}
    assert len({span.context.span_id for span in (server, *others)}) == len(others) + 1
    calls = [span for span in others if span.kind is SpanKind.CLIENT]
    assert sorted(span.name for span in calls) == ["BEGIN", "COMMIT", "SELECT", "SELECT", "SELECT"]
    for span in calls:
        assert server.start_time <= span.start_time <= span.end_time <= server.end_time
        assert span.attributes[names.ATTR_DB_SYSTEM] == "postgresql"
    assert server.attributes[names.ATTR_PATH] == "/orders/7"
    assert HIDDEN not in written([server, *others])


async def test_a_query_says_where_in_the_application_it_comes_from(kept, pool):
    @kept.app.get("/")
    async def asks():
        await pool.fetchval("select 1")
        await asyncio.gather(pool.fetchval("select 2"), pool.fetchval("select 3"))

    queries = [span for span in await kept.get() if span.kind is SpanKind.CLIENT]
    first = asks.__code__.co_firstlineno + 2
    assert {span.attributes[names.ATTR_CODE_FILE] for span in queries} == {__file__}
    assert sorted(span.attributes[names.ATTR_CODE_LINE] for span in queries) == [first, first + 1, first + 1]


async def test_of_a_database_error_sqlstate_and_constraint_are_kept_and_no_data(kept, pool):
    @kept.app.get("/")
    async def fails():
        async with pool.acquire() as connection:
            await connection.execute("create temporary table customers (name text constraint one_of_each unique)")
            await connection.execute("insert into customers values ($1)", HIDDEN)
            with kept.tracer.start_as_current_span("registering"):
                try:
                    await connection.execute("insert into customers values ($1)", HIDDEN)
                except UniqueViolationError as error:
                    raise RuntimeError(f"{HIDDEN} is taken") from error

    spans = await kept.get()
    assert HIDDEN not in written(spans)
    failed = [span for span in spans if span.attributes.get(names.ATTR_DB_STATUS)]
    assert [span.attributes[names.ATTR_DB_STATUS] for span in failed] == ["23505"]
    assert failed[0].attributes[names.ATTR_DB_CONSTRAINT] == "one_of_each"
    assert failed[0].attributes[names.ATTR_ERROR_TYPE] == "23505"
    assert failed[0].status.status_code is StatusCode.ERROR
    [registering] = [span for span in spans if span.name == "registering"]
    assert failed[0].parent.span_id == registering.context.span_id
    assert registering.status.status_code is StatusCode.ERROR
    assert [event.attributes["exception.type"] for event in registering.events] == ["RuntimeError"]
    assert spans[0].attributes[names.ATTR_ERROR_TYPE] == "RuntimeError"


async def test_what_a_caller_sends_is_bounded_and_can_be_encoded(kept):
    async def app(scope, receive, send):
        scope["path"] = "/\ud800" + "x" * 10_000
        raise RuntimeError

    kept.app = app
    [server] = await kept.get("/", **{"user-agent": "y" * 10_000})
    assert len(server.attributes[names.ATTR_PATH]) == len(server.attributes[names.ATTR_USER_AGENT]) == 1024
    server.attributes[names.ATTR_PATH].encode()


async def test_a_request_that_was_told_nothing_has_a_plain_span(kept):
    @kept.app.get("/")
    async def plain() -> None:
        return

    [server] = await kept.get()
    assert (server.events, server.links, server.status.status_code) == ((), (), StatusCode.UNSET)
    assert server.attributes[names.ATTR_HEAD_SAMPLED] is True
    assert names.ATTR_SPANS_DROPPED not in server.attributes


async def test_the_random_numbers_of_ids_differ_from_span_to_span(kept, pool):
    @kept.app.get("/")
    async def many() -> None:
        for _ in range(30):
            await pool.fetchval("select 1")

    ids = {span.context.span_id for _ in range(3) for span in await kept.get()}
    assert len(ids) >= 93
