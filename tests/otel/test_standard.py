"""What the standard recorder has that the lean one has not: the stock span, and an instrumentation that may fail."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI
from opentelemetry import trace
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.utils import suppress_http_instrumentation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from opentelemetry.util.http import parse_excluded_urls
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route, Router
from tailgate_otel import Config, ConfigError, Recorder, names
from tailgate_otel.standard import StandardRecorder

STOCK = "opentelemetry.instrumentation.fastapi"


class Traced:
    """A recorder, by default a standard one, and what it exported."""

    def __init__(self, kind: type[Recorder] = StandardRecorder, **config: object) -> None:
        self.exporter = InMemorySpanExporter()
        settings = {"service_name": "shop", "metrics_port": 0, "sample_ratio": 1.0}
        self.recorder = kind(Config(**(settings | config)), exporter=self.exporter)
        self.recorder.start()

    @property
    def spans(self):
        self.recorder.flush()
        return self.exporter.get_finished_spans()

    @asynccontextmanager
    async def client(self, app) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(self.recorder.middleware(app), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            yield client

    async def get(self, endpoint, url="/", path="/", **options) -> httpx.Response:
        app = FastAPI()
        app.get(path)(endpoint)
        async with self.client(app) as client:
            return await client.get(url, **options)


@pytest.fixture
def traced(fresh_conventions):
    made = Traced()
    yield made
    made.recorder.close()


async def fine() -> str:
    return "fine"


async def test_the_server_span_is_the_stock_one_with_its_attributes_and_ours(traced):
    seen = []

    async def endpoint(number: int) -> None:
        span = trace.get_current_span()
        seen.append((type(span).__module__, span.name, span.kind, dict(span.attributes)))

    await traced.get(endpoint, "/orders/7", "/orders/{number}", headers={"user-agent": "probe/1"})
    [server] = traced.spans
    [(module, name, kind, attributes)] = seen
    assert (module, name, kind) == ("opentelemetry.sdk.trace", "GET /orders/{number}", SpanKind.SERVER)
    assert attributes["client.address"] == "127.0.0.1"
    assert attributes.items() <= server.attributes.items()
    assert server.attributes[names.ATTR_KEPT_REASON] == names.KEPT_SAMPLE
    assert server.instrumentation_scope.name == STOCK
    assert not [name for name in server.attributes if name in {"http.method", "http.target", "http.status_code"}]


async def test_processors_of_the_application_see_every_server_span(traced):
    class Seeing(SpanProcessor):
        def on_start(self, span, parent_context=None):
            span.set_attribute("region", "north")

    traced.recorder.tracer_provider.add_span_processor(Seeing())
    await traced.get(fine)
    [server] = traced.spans
    assert server.attributes["region"] == "north"


async def test_no_secret_that_the_instrumentation_reads_leaves(traced, monkeypatch):
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST", ".*")
    headers = {"authorization": "Bearer hidden", "cookie": "session=hidden", "x-api-key": "hidden", "x-color": "red"}
    await traced.get(fine, "/?token=hidden", headers=headers | {names.HEADER_RUN_SECRET: "hidden"})
    [server] = traced.spans
    assert "red" in str(dict(server.attributes))
    assert "hidden" not in server.to_json()


async def test_an_error_is_an_event_without_its_words(traced):
    async def endpoint():
        raise ValueError("hidden")

    assert (await traced.get(endpoint)).status_code == 500
    [server] = traced.spans
    [event] = server.events
    assert event.attributes["exception.type"] == "ValueError"
    assert "hidden" not in server.to_json()


async def test_a_background_task_is_a_span_of_its_request(traced):
    async def later() -> None:
        await asyncio.sleep(0)

    async def endpoint(tasks: BackgroundTasks):
        tasks.add_task(later)

    await traced.get(endpoint)
    server, task = traced.spans
    assert (task.name, task.kind) == ("BackgroundTask later", SpanKind.INTERNAL)
    assert task.parent.span_id == server.context.span_id


async def test_a_background_task_of_another_recorders_request_is_that_ones_span(traced):
    lean = Traced(Recorder, service_name="lean")

    async def endpoint(tasks: BackgroundTasks):
        tasks.add_task(fine)

    await traced.get(fine)
    await lean.get(endpoint)
    assert [span.name for span in traced.spans] == ["GET /"]
    assert [span.name for span in lean.spans] == ["GET /", "BackgroundTask fine"]
    assert {span.resource for span in lean.spans} == {lean.recorder.tracer_provider.resource}
    lean.recorder.close()


@pytest.mark.parametrize("outer", [Recorder, StandardRecorder])
async def test_an_instrumented_application_mounted_in_a_recorded_one_is_within_its_span(outer, traced):
    around = Traced(outer)
    inner = FastAPI()
    inner.get("/page/{page}")(fine)
    app = Starlette(routes=[Mount("/inner", traced.recorder.middleware(inner))])
    async with around.client(app) as client:
        assert (await client.get("/inner/page/3")).status_code == 200
    server, within = around.spans
    assert (server.name, server.kind, within.kind) == ("GET /inner/page/{page}", SpanKind.SERVER, SpanKind.INTERNAL)
    assert within.parent.span_id == server.context.span_id
    assert traced.spans == ()
    assert traced.recorder.guard.failures == around.recorder.guard.failures == 0
    around.recorder.close()


async def test_a_starlette_application_is_instrumented_too(traced):
    async def page(_):
        return PlainTextResponse("page")

    routes = [
        Host("{tenant}.shop", Router([Route("/page/{number}", page)])),
        Mount("/tenant/{tenant}", Starlette(routes=[Route("/page/{number}", page)])),
        Route("/page/{number}", page),
    ]
    async with traced.client(Starlette(routes=routes)) as client:
        for url in ("/page/1", "/tenant/red/page/1", "http://red.shop/page/2", "/page"):
            await client.get(url)
    assert [span.name for span in traced.spans] == [
        "GET /page/{number}",
        "GET /tenant/{tenant}/page/{number}",
        "GET /page/{number}",
        f"GET {names.UNKNOWN_ROUTE}",
    ]
    assert {span.instrumentation_scope.name for span in traced.spans} == {STOCK}
    assert traced.recorder.guard.failures == 0


@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize(
    "sent",
    [
        {"query_string": b"name=\xff"},
        {"headers": [(b"user-agent", b"\xff\\")]},
        {"headers": [(b"host", b"\xff\\")]},
        {"headers": [(b"\xff\\", b"")]},
    ],
    ids=str,
)
async def test_what_the_instrumentation_cannot_read_is_answered_and_recorded_all_the_same(sent, raises, traced):
    calls, messages = [], []

    async def endpoint():
        calls.append(trace.get_current_span().get_span_context().span_id)
        if raises:
            raise KeyError
        return "fine"

    async def send(message):
        messages.append(message)

    async def receive():
        return {"type": "http.request", "body": b""}

    app = FastAPI()
    app.get("/")(endpoint)
    recorded = traced.recorder.middleware(app)
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "http_version": "1.1"}
    if raises:
        with pytest.raises(KeyError):
            await recorded(scope | sent, receive, send)
    else:
        await recorded(scope | sent, receive, send)
    assert [message["type"] for message in messages] == ["http.response.start", "http.response.body"]
    assert messages[0]["status"] == (500 if raises else 200)
    [server] = traced.spans
    assert calls == [server.context.span_id]
    assert server.name == "GET /"
    assert (names.ATTR_ERROR_TYPE in server.attributes) is raises
    assert traced.recorder.guard.failures == 1


@pytest.mark.parametrize("raised", [None, KeyError("the application's"), asyncio.CancelledError()], ids=repr)
async def test_an_instrumentation_that_fails_after_the_application_neither_hides_its_end_nor_calls_it_again(
    raised, traced, monkeypatch
):
    calls = []

    async def endpoint():
        calls.append(1)
        if raised is not None:
            raise raised

    def broken(*_: object) -> None:
        raise RuntimeError("broken instrumentation")

    monkeypatch.setattr("opentelemetry.instrumentation.asgi._collect_target_attribute", broken)
    app = FastAPI()
    app.get("/")(endpoint)
    transport = httpx.ASGITransport(traced.recorder.middleware(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        if raised is None:
            assert (await client.get("/")).status_code == 200
        else:
            with pytest.raises(type(raised)) as caught:
                await client.get("/")
            assert caught.value is raised
    assert calls == [1]
    assert traced.recorder.guard.failures == 1
    assert len(traced.spans) == 1


async def test_an_application_that_hands_a_request_to_itself_is_called_as_often_as_it_asks(traced):
    calls = []
    app = FastAPI()

    @app.get("/{path}")
    async def endpoint(path: str):
        calls.append(path)
        raise KeyError(path)

    class Again:
        def __init__(self, inner):
            self.inner = inner

        async def __call__(self, scope, receive, send):
            if scope["type"] == "http" and scope["path"] == "/first":
                scope["path"] = "/second"
                await app(scope, receive, send)
            else:
                await self.inner(scope, receive, send)

    app.add_middleware(Again)
    async with traced.client(app) as client:
        assert (await client.get("/first")).status_code == 500
    assert calls == ["second"]
    assert traced.recorder.guard.failures == 0
    assert [span.kind for span in traced.spans] == [SpanKind.SERVER, SpanKind.INTERNAL]


async def test_where_instrumentation_is_suppressed_requests_are_traced_without_the_stock_span(traced):
    with suppress_http_instrumentation():
        await traced.get(fine)
    [server] = traced.spans
    assert server.name == "GET /"
    assert server.instrumentation_scope.name == "tailgate_otel"


async def test_urls_that_the_instrumentation_would_leave_out_are_not_left_out(traced, monkeypatch):
    monkeypatch.setattr(f"{STOCK}._excluded_urls_from_env", parse_excluded_urls(".*"))
    await traced.get(fine)
    [server] = traced.spans
    assert server.instrumentation_scope.name == STOCK


async def test_where_the_sdk_is_disabled_requests_are_traced_without_the_stock_span(fresh_conventions, monkeypatch):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    traced = Traced()
    seen = []

    async def endpoint():
        seen.append(trace.get_current_span().get_span_context().span_id)

    await traced.get(endpoint)
    [server] = traced.spans
    traced.recorder.close()
    assert seen == [server.context.span_id]


async def test_the_instrumentation_measures_nothing_of_its_own(traced, monkeypatch):
    reader = InMemoryMetricReader()
    monkeypatch.setattr("opentelemetry.metrics._internal._METER_PROVIDER", MeterProvider([reader]))
    await traced.get(fine)
    assert len(traced.spans) == 1
    found = reader.get_metrics_data()
    scopes = [scope.scope.name for one in (found.resource_metrics if found else ()) for scope in one.scope_metrics]
    assert STOCK not in scopes


@pytest.mark.parametrize("app", [fine, httpx.ASGITransport(fine), None])
def test_what_is_no_fastapi_or_starlette_application_is_refused(app, traced):
    with pytest.raises(ConfigError, match="give it the FastAPI or Starlette application itself"):
        traced.recorder.middleware(app)


def test_an_application_that_is_instrumented_already_is_refused(traced):
    app = FastAPI()
    traced.recorder.middleware(app)
    with pytest.raises(ConfigError, match="instrumented already"):
        traced.recorder.middleware(app)


def test_instrumentations_that_began_with_the_old_names_are_refused(traced, monkeypatch):
    monkeypatch.delenv(names.ENV_SEMCONV_OPT_IN, raising=False)
    app = FastAPI()
    FastAPIInstrumentor.instrument_app(app)
    FastAPIInstrumentor.uninstrument_app(app)
    with pytest.raises(ConfigError, match=f"{names.ENV_SEMCONV_OPT_IN}=http"):
        traced.recorder.middleware(app)
    assert not app._is_instrumented_by_opentelemetry


@pytest.mark.parametrize("said", [None, "", "database", "http/dup", "database, http"])
async def test_the_stable_names_are_opted_in_to_beside_what_the_environment_says(said, traced, monkeypatch):
    if said is None:
        monkeypatch.delenv(names.ENV_SEMCONV_OPT_IN, raising=False)
    else:
        monkeypatch.setenv(names.ENV_SEMCONV_OPT_IN, said)
    await traced.get(fine, "/?token=hidden")
    [server] = traced.spans
    assert server.attributes["network.protocol.version"] == "1.1"
    assert ("http.flavor" in server.attributes) is (said == "http/dup")
    assert "hidden" not in server.to_json()
    assert os.environ.get(names.ENV_SEMCONV_OPT_IN) == said


async def test_closing_leaves_the_application_as_it_was(traced):
    app = FastAPI()
    build, call = app.build_middleware_stack, BackgroundTask.__call__
    async with traced.client(app) as client:
        await client.get("/")
        assert app.build_middleware_stack != build
        traced.recorder.close()
        traced.recorder.close()
        assert app.build_middleware_stack == build
        assert BackgroundTask.__call__ is call
        assert (await client.get("/")).status_code == 404


async def test_an_application_that_has_served_already_is_instrumented_from_then_on(traced):
    app = FastAPI()
    app.get("/")(fine)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        await client.get("/")
    async with traced.client(app) as client:
        await client.get("/")
    [server] = traced.spans
    assert server.instrumentation_scope.name == STOCK


@pytest.mark.parametrize("missing", [STOCK, "starlette", "opentelemetry.instrumentation"])
def test_without_the_extra_the_cure_is_named(missing):
    program = (
        "import sys\n"
        f"sys.modules[{missing!r}] = None\n"
        "import tailgate_otel\n"
        "try:\n"
        "    import tailgate_otel.standard\n"
        "except tailgate_otel.ConfigError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert "pip install 'tailgate-otel[standard]'" in done.stdout
