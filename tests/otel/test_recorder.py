"""A recorded FastAPI application on a real Postgres: its metrics, its traces, and its peace, by either recorder."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import APIRouter, BackgroundTasks, FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind
from opentelemetry.trace.status import StatusCode
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from tailgate_otel import Config, MetricsPortError, Recorder, names, open_record
from tailgate_otel.meters import MAX_ROUTES
from tailgate_otel.middleware import Exchange

SECRET = "the run's secret"
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def application(pool) -> FastAPI:  # noqa: C901 - a list of small endpoints
    app = FastAPI()

    @app.get("/queries/{count}")
    async def queries(count: int) -> int:
        await asyncio.gather(*(pool.fetchval(f"select {n} as q{n}") for n in range(count)))
        return count

    @app.get("/loop")
    async def loop() -> str:
        await asyncio.gather(*(pool.fetchval("select $1::text", f"customer {n}") for n in range(6)))
        return "done"

    @app.get("/slow")
    async def slow() -> str:
        await pool.execute("select pg_sleep(0.3)")
        return "done"

    @app.get("/fails")
    async def fails() -> None:
        await pool.execute("create temporary table one (name text primary key)")
        await pool.fetch("select $1::text::int", "a customer's secret")

    @app.get("/background")
    async def background(tasks: BackgroundTasks) -> str:
        async def later() -> None:
            app.state.record_later = open_record()
            await pool.execute("select 1")

        tasks.add_task(later)
        return "at once"

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def rows() -> AsyncIterator[bytes]:
            for n in range(3):
                yield str(await pool.fetchval(f"select {n}, pg_sleep(0.05)")).encode()

        return StreamingResponse(rows())

    @app.get("/raises")
    async def raises() -> None:
        raise KeyError("hidden")

    @app.get("/unavailable")
    async def unavailable() -> None:
        raise HTTPException(503, "hidden")

    @app.get("/breaks-off")
    async def breaks_off() -> StreamingResponse:
        async def rows() -> AsyncIterator[bytes]:
            yield b"x"
            raise RuntimeError("half way")

        return StreamingResponse(rows())

    @app.get("/ids")
    async def ids() -> dict[str, str]:
        context = trace.get_current_span().get_span_context()
        return {"trace": f"{context.trace_id:032x}", "span": f"{context.span_id:016x}"}

    @app.get("/files/{path:path}")
    async def files(path: str) -> str:
        return path

    nested = APIRouter(prefix="/nested/{team}")

    @nested.get("/item/{item}")
    async def item(team: str, item: str) -> str:
        return team + item

    app.include_router(nested, prefix="/api")
    mounted = Starlette(routes=[Route("/page/{page}", lambda _: PlainTextResponse("page"))])
    app.mount("/tenant/{tenant}", mounted)
    return app


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def recorder(kind, exporter):
    made = kind(
        Config(
            service_name="shop",
            metrics_port=0,
            thresholds={"GET /slow": 0.123},
            budgets={"GET /queries/{count}": 7},
            edges=(0.0042,),
            sample_ratio=0.0,
            run_secret=SECRET,
        ),
        exporter=exporter,
    )
    made.start()
    yield made
    made.close()


@pytest.fixture
async def client(recorder, pool):
    app = application(pool)
    transport = httpx.ASGITransport(recorder.middleware(app), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as made:
        made.app = app
        yield made


def metrics(recorder: Recorder, accept: str = "application/openmetrics-text; version=1.0.0") -> str:
    return httpx.get(f"http://127.0.0.1:{recorder.metrics_port}/metrics", headers={"accept": accept}).text


def scrape(recorder: Recorder) -> dict[tuple[str, ...], float]:
    """Samples by name and label values, in the order of the labels' names."""
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in openmetrics(metrics(recorder))
        for sample in family.samples
    }


def requests(recorder: Recorder) -> dict[tuple[str, str, str], float]:
    name = names.HTTP_SERVER_DURATION + "_count"
    found = {key[1:]: value for key, value in scrape(recorder).items() if key[0] == name and value}
    return {(method, route, status): value for (method, status, route), value in found.items()}


@pytest.mark.row("A2")
async def test_every_request_is_measured_by_its_template(client, recorder):
    for path in ("/queries/2", "/queries/3", "/files/a/b/c", "/api/nested/red/item/9", "/tenant/t1/page/4"):
        assert (await client.get(path)).status_code == 200
    await client.get("/queries/x")
    await client.post("/queries/3")
    await client.get("/nowhere/123")
    await client.request("BREW", "/nowhere")
    assert requests(recorder) == {
        ("GET", "/queries/{count}", "200"): 2,
        ("GET", "/queries/{count}", "422"): 1,
        ("POST", "/queries/{count}", "405"): 1,
        ("GET", "/files/{path:path}", "200"): 1,
        ("GET", "/api/nested/{team}/item/{item}", "200"): 1,
        ("GET", "/tenant/{tenant}/page/{page}", "200"): 1,
        ("GET", names.UNKNOWN_ROUTE, "404"): 1,
        (names.OTHER_METHOD, names.UNKNOWN_ROUTE, "404"): 1,
    }


@pytest.mark.row("A3")
async def test_queries_are_counted_to_the_request_that_made_them(client, recorder):
    counts = [index % 9 for index in range(200)]
    await asyncio.gather(*(client.get(f"/queries/{count}") for count in counts))
    samples = scrape(recorder)
    route = ("GET", "/queries/{count}")
    assert samples[names.QUERIES_PER_REQUEST + "_sum", *route] == sum(counts)
    for edge in (0, 1, 2, 5, 6, 7, 8):
        expected = sum(count <= edge for count in counts)
        assert samples[names.QUERIES_PER_REQUEST + "_bucket", *route, f"{edge}.0"] == expected
    assert samples[names.DB_POOL_WAIT + "_count", "main"] == sum(counts)
    assert samples[names.DB_TIME_PER_REQUEST + "_count", *route] == 200
    assert samples[names.HTTP_SERVER_ACTIVE, "GET"] == 0
    assert samples[names.INSTRUMENTATION_ERRORS + "_total",] == 0


async def test_every_threshold_and_edge_is_a_bucket_and_series_start_at_0(recorder):
    samples = scrape(recorder)
    for edge in ("0.123", "0.0042"):
        assert samples[names.HTTP_SERVER_DURATION + "_bucket", "GET", "200", "/slow", edge] == 0
        assert samples[names.DB_TIME_PER_REQUEST + "_bucket", "GET", "/slow", edge] == 0
    assert samples[names.QUERIES_PER_REQUEST + "_bucket", "GET", "/queries/{count}", "7.0"] == 0
    for reason in (names.KEPT_ERROR, names.KEPT_SLOW, names.KEPT_BUDGET, names.KEPT_N_PLUS_ONE, names.KEPT_SAMPLE):
        assert samples[names.TRACES_KEPT + "_total", reason] == 0
        assert samples[names.TRACES_OVER_CAP + "_total", reason] == 0
    assert samples[names.N_PLUS_ONE + "_total", "GET", "/slow"] == 0
    assert samples[names.SPANS_DROPPED + "_total",] == 0


async def test_a_scraper_that_knows_only_the_old_format_is_served(recorder):
    text = metrics(recorder, accept="text/plain")
    assert names.HTTP_SERVER_DURATION in {family.name for family in prometheus(text)}


async def test_the_duration_ends_at_the_last_byte(client, recorder):
    await client.get("/stream")
    await client.get("/background")
    assert client.app.state.record_later is None
    samples = scrape(recorder)
    total = names.HTTP_SERVER_DURATION + "_sum"
    queries = names.QUERIES_PER_REQUEST + "_sum"
    assert samples[total, "GET", "200", "/stream"] >= 0.15
    assert samples[queries, "GET", "/stream"] == 3
    assert samples[queries, "GET", "/background"] == 0


async def test_a_plain_request_keeps_no_trace(client, recorder, exporter):
    await client.get("/queries/3")
    recorder.flush()
    assert exporter.get_finished_spans() == ()


@pytest.mark.row("A2")
async def test_a_slow_request_keeps_its_whole_trace(client, recorder, exporter):
    await client.get("/slow", headers={"traceparent": CALLER, "user-agent": "probe/1"})
    recorder.flush()
    server, query = exporter.get_finished_spans()
    assert (server.name, server.kind, query.name, query.kind) == (
        "GET /slow",
        SpanKind.SERVER,
        "SELECT",
        SpanKind.CLIENT,
    )
    assert f"{server.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert f"{server.parent.span_id:016x}" == "b7ad6b7169203331"
    assert query.context.trace_id == server.context.trace_id
    assert query.parent.span_id == server.context.span_id
    assert server.start_time <= query.start_time <= query.end_time <= server.end_time
    assert server.attributes[names.ATTR_KEPT_REASON] == names.KEPT_SLOW
    assert server.attributes[names.ATTR_QUERIES] == 1
    assert server.attributes[names.ATTR_USER_AGENT] == "probe/1"
    assert query.attributes[names.ATTR_DB_QUERY] == "select pg_sleep(?)"
    assert server.resource.attributes[names.ATTR_SERVICE_NAME] == "shop"


async def test_a_failed_request_keeps_its_trace_without_the_customers_data(client, recorder, exporter):
    assert (await client.get("/fails?token=hidden")).status_code == 500
    recorder.flush()
    server, *queries = exporter.get_finished_spans()
    assert server.attributes[names.ATTR_KEPT_REASON] == names.KEPT_ERROR
    assert server.attributes[names.ATTR_STATUS] == 500
    assert server.attributes[names.ATTR_ERROR_TYPE] == "InvalidTextRepresentationError"
    assert queries[-1].attributes[names.ATTR_DB_STATUS] == "22P02"
    written = "".join(span.to_json() for span in (server, *queries))
    assert "secret" not in written
    assert "hidden" not in written


async def test_a_response_that_breaks_off_is_an_error(client, recorder, exporter):
    await client.get("/breaks-off")
    recorder.flush()
    assert requests(recorder) == {("GET", "/breaks-off", "500"): 1}
    [server] = exporter.get_finished_spans()
    assert server.attributes[names.ATTR_ERROR_TYPE] == "RuntimeError"


@pytest.mark.row("A3")
async def test_a_loop_of_queries_is_named_with_its_place(client, recorder, exporter):
    await client.get("/loop")
    recorder.flush()
    server, *queries = exporter.get_finished_spans()
    assert server.attributes[names.ATTR_KEPT_REASON] == names.KEPT_N_PLUS_ONE
    assert server.attributes[names.ATTR_N_PLUS_ONE] == "select $1::text"
    assert server.attributes[names.ATTR_N_PLUS_ONE_COUNT] == 6
    assert re.search(r"test_recorder\.py:\d+$", server.attributes[names.ATTR_N_PLUS_ONE_SITE])
    assert [span.name for span in queries].count("SELECT") == 6
    assert "customer" not in "".join(span.to_json() for span in queries)
    assert scrape(recorder)[names.N_PLUS_ONE + "_total", "GET", "/loop"] == 1


@pytest.mark.row("A3")
async def test_a_request_over_its_budget_keeps_its_trace(client, recorder, exporter):
    await client.get("/queries/8")
    recorder.flush()
    server, *_ = exporter.get_finished_spans()
    assert server.attributes[names.ATTR_KEPT_REASON] == names.KEPT_BUDGET


async def test_what_is_over_the_cap_is_counted_and_not_kept(kind, pool, exporter):
    recorder = kind(Config(service_name="x", metrics_port=0, sample_ratio=0.0, keep_per_second=1.0), exporter=exporter)
    recorder.start()
    transport = httpx.ASGITransport(recorder.middleware(application(pool)), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        for _ in range(15):
            await client.get("/breaks-off")
    recorder.flush()
    kept = len(exporter.get_finished_spans())
    samples = scrape(recorder)
    assert kept == samples[names.TRACES_KEPT + "_total", names.KEPT_ERROR] < 15
    assert kept + samples[names.TRACES_OVER_CAP + "_total", names.KEPT_ERROR] == 15
    recorder.close()


async def test_of_those_over_the_cap_of_their_reason_what_chance_has_chosen_is_kept(kind, pool, exporter):
    config = Config(service_name="x", metrics_port=0, sample_ratio=0.5, keep_per_second=5.0)
    recorder = kind(config, exporter=exporter)
    recorder.start()
    transport = httpx.ASGITransport(recorder.middleware(application(pool)), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        for _ in range(50):
            await client.get("/breaks-off")
    recorder.flush()
    roots = [span for span in exporter.get_finished_spans() if span.kind is SpanKind.SERVER]
    chosen = [span for span in roots if span.attributes[names.ATTR_HEAD_SAMPLED]]
    assert {span.attributes[names.ATTR_KEPT_REASON] for span in roots} == {names.KEPT_ERROR}
    # Five have a place for their reason, and five more of those that chance has chosen.
    assert len(chosen) >= 5
    assert len(roots) >= 10
    recorder.close()


async def test_exemplars_resolve_to_exported_traces(client, recorder, exporter):
    for path in ("/slow", "/queries/8", "/queries/1", "/breaks-off"):
        await client.get(path)
    recorder.flush()
    pointed = set(re.findall(r'# \{trace_id="(\w+)"\}', metrics(recorder)))
    assert pointed == {f"{span.context.trace_id:032x}" for span in exporter.get_finished_spans()}
    assert len(pointed) == 3


async def test_the_steady_sample_is_kept_whatever_happened(kind, pool, exporter):
    recorder = kind(Config(service_name="x", metrics_port=0, sample_ratio=1.0), exporter=exporter)
    recorder.start()
    transport = httpx.ASGITransport(recorder.middleware(application(pool)))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        seen = (await client.get("/ids")).json()
    recorder.close()
    [server] = exporter.get_finished_spans()
    assert server.attributes[names.ATTR_KEPT_REASON] == names.KEPT_SAMPLE
    assert seen == {"trace": f"{server.context.trace_id:032x}", "span": f"{server.context.span_id:016x}"}


async def test_server_timing_answers_only_the_runs_secret(client):
    for headers in ({}, {names.HEADER_RUN_SECRET: "guess"}, {names.HEADER_RUN_SECRET: ""}):
        assert names.HEADER_SERVER_TIMING not in (await client.get("/queries/2", headers=headers)).headers
    answer = await client.get("/queries/2", headers={names.HEADER_RUN_SECRET: SECRET})
    timing = re.fullmatch(
        r'trace;desc="[0-9a-f]{32}", queries;desc="2", trips;desc="(\d+)", db;dur=(\S+), pool;dur=(\S+), app;dur=(\S+)',
        answer.headers[names.HEADER_SERVER_TIMING],
    )
    assert all(float(value) > 0 for value in timing.groups())


async def test_the_number_of_routes_is_bounded(recorder):
    templates = {recorder.meters.route(f"/made/up/{index}") for index in range(2 * MAX_ROUTES)}
    assert len(templates) <= MAX_ROUTES + 1
    assert names.OTHER_ROUTE in templates
    assert recorder.meters.route("/slow") == "/slow"


async def test_a_failure_inside_instrumentation_never_reaches_the_application(client, recorder, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("broken instrumentation")

    for owner, name in ((Exchange, "__init__"), (Exchange, "_told"), (Recorder, "_measure")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, broken)
            assert (await client.get("/queries/2", headers={names.HEADER_RUN_SECRET: SECRET})).json() == 2
            recorder.settle()
    assert scrape(recorder)[names.INSTRUMENTATION_ERRORS + "_total",] == 3
    assert scrape(recorder)[names.HTTP_SERVER_ACTIVE, "GET"] == 0


async def test_the_outermost_of_two_recorders_sees_the_request(pool, recorder):
    outer = Starlette(routes=[Mount("/", recorder.middleware(application(pool)))])
    transport = httpx.ASGITransport(recorder.middleware(outer))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        await client.get("/queries/1")
    assert requests(recorder) == {("GET", "/queries/{count}", "200"): 1}


async def test_what_is_not_http_passes_through(recorder):
    seen = []

    @asynccontextmanager
    async def lifespan(_):
        seen.append(("lifespan", open_record(), trace.get_current_span().is_recording()))
        yield

    async def socket(websocket):
        seen.append(("websocket", open_record(), trace.get_current_span().is_recording()))
        await websocket.accept()
        await websocket.close()

    app = recorder.middleware(Starlette(routes=[WebSocketRoute("/", socket)], lifespan=lifespan))
    sent = []
    for scope in (
        {"type": "lifespan"},
        {"type": "websocket", "path": "/", "headers": [(b"traceparent", CALLER.encode())], "subprotocols": []},
    ):
        messages = iter(("startup", "shutdown") if scope["type"] == "lifespan" else ("connect",))

        async def receive(scope=scope, messages=messages):
            return {"type": f"{scope['type']}.{next(messages)}"}

        async def send(message):
            sent.append(message["type"])

        await app(scope, receive, send)
    assert seen == [("lifespan", None, False), ("websocket", None, False)]
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.accept", "websocket.close"]


async def test_an_application_that_never_answers_is_an_error(recorder):
    async def silent(scope, receive, send):
        return None

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await recorder.middleware(Starlette(routes=[Mount("/", silent)]))(scope, None, None)
    assert requests(recorder) == {("GET", "/", "500"): 1}


async def test_a_busy_metrics_port_is_named(kind, recorder):
    other = kind(Config(service_name="x", metrics_port=recorder.metrics_port))
    with pytest.raises(MetricsPortError, match=str(recorder.metrics_port)):
        other.start()
    other.close()


async def test_the_recorder_gives_its_port_back(kind, exporter):
    first = kind(Config(service_name="x", metrics_port=0), exporter=exporter)
    first.start()
    port = first.metrics_port
    first.close()
    first.close()
    second = kind(Config(service_name="x", metrics_port=port), exporter=exporter)
    second.start()
    assert second.metrics_port == port
    second.close()


async def test_a_request_object_finds_its_record(recorder, pool):
    app = FastAPI()

    @app.get("/")
    async def index(request: Request) -> int:
        await pool.fetch("select 1")
        return request.scope[names.SCOPE_RECORD].queries

    transport = httpx.ASGITransport(recorder.middleware(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        assert (await client.get("/")).json() == 1


async def traced(recorder, exporter, endpoint, path="/", **options):
    """The spans of one request to an endpoint, the server span first."""
    app = FastAPI()
    app.get(path)(endpoint)
    transport = httpx.ASGITransport(recorder.middleware(app), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        await client.get(path, **options)
    recorder.flush()
    return exporter.get_finished_spans()


@pytest.mark.parametrize(
    ("request_line", "name", "status", "error"),
    [
        ("GET /queries/2", "GET /queries/{count}", 200, None),
        ("POST /queries/2", "POST /queries/{count}", 405, None),
        ("GET /queries/x", "GET /queries/{count}", 422, None),
        ("GET /files/a/b?key=hidden", "GET /files/{path:path}", 200, None),
        ("GET /api/nested/red/item/9", "GET /api/nested/{team}/item/{item}", 200, None),
        ("GET /tenant/t1/page/4", "GET /tenant/{tenant}/page/{page}", 200, None),
        ("GET /nowhere", f"GET {names.UNKNOWN_ROUTE}", 404, None),
        ("BREW /nowhere", f"{names.OTHER_METHOD} {names.UNKNOWN_ROUTE}", 404, None),
        ("GET /raises", "GET /raises", 500, "KeyError"),
        ("GET /unavailable", "GET /unavailable", 503, "503"),
        ("GET /breaks-off", "GET /breaks-off", 500, "RuntimeError"),
    ],
)
async def test_the_server_span_bears_name_route_status_error_and_ids(
    request_line, name, status, error, kind, pool, exporter
):
    recorder = kind(Config(service_name="shop", metrics_port=0, sample_ratio=1.0), exporter=exporter)
    recorder.start()
    method, path = request_line.split()
    transport = httpx.ASGITransport(recorder.middleware(application(pool)), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        await client.request(method, path, headers={"traceparent": CALLER, "tracestate": "shop=1"})
    recorder.close()
    [server] = [span for span in exporter.get_finished_spans() if span.kind is SpanKind.SERVER]
    assert server is exporter.get_finished_spans()[0]
    assert server.name == name
    assert server.attributes[names.ATTR_ROUTE] == name.partition(" ")[2]
    assert server.attributes[names.ATTR_METHOD] == name.partition(" ")[0]
    assert server.attributes[names.ATTR_STATUS] == status
    assert server.attributes[names.ATTR_PATH] == path.partition("?")[0]
    assert server.attributes[names.ATTR_SCHEME] == "http"
    assert server.attributes.get(names.ATTR_ERROR_TYPE) == error
    assert server.status.status_code is (StatusCode.ERROR if error else StatusCode.UNSET)
    assert server.status.description is None
    assert f"{server.context.trace_id:032x}-{server.parent.span_id:016x}" in CALLER
    assert server.context.trace_state == {"shop": "1"}
    assert "hidden" not in server.to_json()
    assert recorder.guard.failures == 0


async def test_spans_and_queries_nest_beneath_the_server_span_and_in_each_other(recorder, exporter, pool):
    tracer = recorder.tracer_provider.get_tracer("shop")

    async def endpoint():
        await pool.fetchval("select 1 as own")
        with tracer.start_as_current_span("outer"):
            await asyncio.gather(*(inner(n) for n in range(3)))
        raise HTTPException(503)

    async def inner(n):
        with tracer.start_as_current_span(f"inner{n}"):
            await pool.fetchval(f"select 1 as inner{n}")

    server, *spans = await traced(recorder, exporter, endpoint)
    of = {span.context.span_id: span.name for span in (server, *spans)}
    parents = {
        span.attributes.get(names.ATTR_DB_QUERY, span.name): of[span.parent.span_id]
        for span in spans
        if span.name != "pool wait"
    }
    assert parents == {
        "select ? as own": "GET /",
        "outer": "GET /",
        **{f"inner{n}": "outer" for n in range(3)},
        **{f"select ? as inner{n}": f"inner{n}" for n in range(3)},
    }
    assert {span.context.trace_id for span in spans} == {server.context.trace_id}
    assert server.attributes[names.ATTR_QUERIES] == 4


async def test_what_the_application_says_of_its_request_is_on_the_server_span(recorder, exporter):
    async def endpoint():
        span = trace.get_current_span()
        assert span.is_recording()
        span.set_attributes({"customer.tier": "gold", names.ATTR_ROUTE: "/mine", "user.password": "hidden"})
        span.add_event("checked", {"by": "stock"})
        span.add_link(SpanContext(5, 6, is_remote=True))
        span.update_name("checkout")
        span.set_status(StatusCode.OK)
        raise HTTPException(503)

    [server] = await traced(recorder, exporter, endpoint)
    assert server.name == "checkout"
    assert server.status.status_code is StatusCode.OK
    assert server.attributes["customer.tier"] == "gold"
    assert server.attributes[names.ATTR_ROUTE] == "/", "what the recorder knows goes before"
    assert server.attributes[names.ATTR_STATUS] == 503
    assert [event.name for event in server.events] == ["checked"]
    assert [link.context.span_id for link in server.links] == [6]
    assert "hidden" not in server.to_json()


@pytest.mark.parametrize("flags", ["00", "01"])
async def test_a_caller_decides_neither_for_nor_against_keeping(flags, recorder, exporter):
    carrier = {}

    async def fails():
        propagate.inject(carrier)
        raise HTTPException(503)

    async def answers():
        return "fine"

    caller = {"traceparent": CALLER[:-2] + flags, "baggage": "customer=gold"}
    assert await traced(recorder, exporter, answers, headers=caller) == ()
    [server] = await traced(recorder, exporter, fails, headers=caller)
    assert f"{server.context.trace_id:032x}" in CALLER
    assert carrier["traceparent"] == f"00-{server.context.trace_id:032x}-{server.context.span_id:016x}-00"
    assert carrier["baggage"] == "customer=gold"


async def test_a_trusted_peer_forces_keeping(kind, exporter):
    config = Config(service_name="x", metrics_port=0, sample_ratio=0.0, trusted_peers=("127.0.0.1",))
    recorder = kind(config, exporter=exporter)
    recorder.start()

    async def answers():
        return "fine"

    assert await traced(recorder, exporter, answers) == ()
    [server] = await traced(recorder, exporter, answers, headers={"traceparent": CALLER})
    recorder.close()
    assert server.attributes[names.ATTR_KEPT_REASON] == names.KEPT_FORCED
    assert server.context.trace_flags.sampled


async def test_a_request_that_is_cancelled_is_an_error_and_its_trace_is_kept(recorder, exporter, pool):
    begun = asyncio.Event()

    async def endpoint():
        begun.set()
        await pool.execute("select pg_sleep(30)")

    running = asyncio.create_task(traced(recorder, exporter, endpoint))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    recorder.flush()
    server, *_ = exporter.get_finished_spans()
    assert requests(recorder) == {("GET", "/", "500"): 1}
    assert server.attributes[names.ATTR_ERROR_TYPE] == "CancelledError"
    assert recorder.guard.failures == 0


async def test_of_requests_that_overlap_each_has_a_trace_of_its_own(kind, pool, exporter):
    config = Config(service_name="x", metrics_port=0, sample_ratio=1.0, keep_per_second=1e6)
    recorder = kind(config, exporter=exporter)
    recorder.start()
    transport = httpx.ASGITransport(recorder.middleware(application(pool)))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        answers = await asyncio.gather(*(client.get("/ids" if n % 3 else "/queries/3") for n in range(200)))
    recorder.close()
    spans = exporter.get_finished_spans()
    servers = [span for span in spans if span.kind is SpanKind.SERVER]
    assert len(servers) == len({span.context.trace_id for span in servers}) == 200
    assert len(spans) == len({span.context.span_id for span in spans})
    seen = {(one.json()["trace"], one.json()["span"]) for one in answers if one.url.path == "/ids"}
    assert seen == {
        (f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}") for span in servers if span.name == "GET /ids"
    }
    for span in servers:
        made = [one for one in spans if one.parent and one.parent.span_id == span.context.span_id]
        assert len([one for one in made if one.name == "SELECT"]) == span.attributes[names.ATTR_QUERIES]


async def test_two_recorders_in_one_process_keep_apart(kind, pool):
    exporters = [InMemorySpanExporter(), InMemorySpanExporter()]
    recorders = [
        kind(Config(service_name=name, metrics_port=0, sample_ratio=1.0), exporter=exporter)
        for name, exporter in zip(("one", "two"), exporters, strict=True)
    ]
    for recorder in recorders:
        recorder.start()

    async def endpoint():
        await pool.fetchval("select 1")

    async def tell(tasks: BackgroundTasks):
        tasks.add_task(endpoint)

    for recorder, exporter in zip(recorders, exporters, strict=True):
        spans = await traced(recorder, exporter, endpoint, "/queries")
        assert [span.name for span in spans if span.name != "pool wait"] == ["GET /queries", "SELECT"]
        await traced(recorder, exporter, tell, "/tell")
    for name, recorder, exporter in zip(("one", "two"), recorders, exporters, strict=True):
        assert requests(recorder) == {("GET", "/queries", "200"): 1, ("GET", "/tell", "200"): 1}
        recorder.close()
        spans = exporter.get_finished_spans()
        assert {span.resource.attributes[names.ATTR_SERVICE_NAME] for span in spans} == {name}
        assert [span.name for span in spans if span.kind is SpanKind.SERVER] == ["GET /queries", "GET /tell"]
        assert recorder.guard.failures == 0


async def test_a_closed_recorder_leaves_an_application_that_answers_and_may_be_recorded_again(kind, pool):
    app = application(pool)
    for exporter in (InMemorySpanExporter(), InMemorySpanExporter()):
        recorder = kind(Config(service_name="x", metrics_port=0, sample_ratio=1.0), exporter=exporter)
        recorder.start()
        recorded = recorder.middleware(app)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(recorded), base_url="http://shop") as client:
            assert (await client.get("/queries/1")).json() == 1
            recorder.close()
            assert (await client.get("/queries/1")).json() == 1
        spans = exporter.get_finished_spans()
        assert [span.name for span in spans if span.name != "pool wait"] == ["GET /queries/{count}", "SELECT"]
