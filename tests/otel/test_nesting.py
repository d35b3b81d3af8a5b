"""Spans that application code makes: in their request's trace, under the right parent, kept or not with it."""

import asyncio
import gc
import random
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import anyio.to_thread
import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI, HTTPException
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, set_span_in_context
from opentelemetry.trace.status import StatusCode
from tailgate_otel import Config, ConfigError, Recorder, names, recording
from tailgate_otel.nesting import TailProcessor
from tailgate_otel.request_span import MAX_SPANS, RequestSpan, entered

FAILED = HTTPException(503)


class Seen:
    """Exported spans, by name."""

    def __init__(self, spans: tuple[ReadableSpan, ...]) -> None:
        self.spans = spans

    def named(self, name: str) -> ReadableSpan:
        [found] = [span for span in self.spans if span.name == name]
        return found

    def parent_of(self, name: str) -> str | None:
        parent = self.named(name).parent
        return next((span.name for span in self.spans if parent and span.context.span_id == parent.span_id), None)

    def queries_in(self, name: str) -> list[str]:
        within = self.named(name).context.span_id
        return [
            span.attributes[names.ATTR_DB_QUERY]
            for span in self.spans
            if names.ATTR_DB_QUERY in span.attributes and span.parent.span_id == within
        ]


class Traced:
    """A recorder, and what it exported."""

    def __init__(self, **config: object) -> None:
        self.exporter = InMemorySpanExporter()
        # However busy the machine is, none is slow of itself.
        settings = {
            "service_name": "shop",
            "metrics_port": 0,
            "sample_ratio": 0.0,
            "keep_per_second": 1000.0,
            "default_slow": 60.0,
        }
        self.recorder = Recorder(Config(**(settings | config)), exporter=self.exporter)
        self.tracer = self.recorder.tracer_provider.get_tracer("shop.orders", "1.0")
        self.recorder.start()

    def seen(self) -> Seen:
        self.recorder.flush()
        return Seen(self.exporter.get_finished_spans())

    @property
    def dropped(self) -> int:
        return self.recorder.meters.spans_dropped.totals[()]

    @asynccontextmanager
    async def client(self, app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(self.recorder.middleware(app), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            yield client

    async def get(self, endpoint, **options) -> httpx.Response:
        app = FastAPI()
        app.get("/")(endpoint)
        async with self.client(app) as client:
            return await client.get("/", **options)


@pytest.fixture
def traced() -> Iterator[Traced]:
    made = Traced()
    yield made
    made.recorder.close()
    assert made.recorder.guard.failures == 0


@pytest.fixture
def everything() -> Iterator[Traced]:
    made = Traced(sample_ratio=1.0)
    yield made
    made.recorder.close()
    assert made.recorder.guard.failures == 0


async def test_spans_nest_in_the_server_span_and_in_each_other_and_queries_in_them(traced, pool):
    async def endpoint():
        await pool.fetchval("select 1")
        with traced.tracer.start_as_current_span("outer", attributes={"order": 7}):
            await pool.fetchval("select 2 as outer")
            with traced.tracer.start_as_current_span("inner", kind=SpanKind.PRODUCER) as inner:
                inner.add_event("packed", {"boxes": 2})
                await pool.fetchval("select 3 as inner")
            await pool.fetchval("select 4 as outer")
        with traced.tracer.start_as_current_span("second"):
            pass
        raise FAILED

    await traced.get(endpoint)
    seen = traced.seen()
    assert len({span.context.trace_id for span in seen.spans}) == 1
    assert all(span.context.trace_flags.sampled for span in seen.spans)
    assert [seen.parent_of(name) for name in ("outer", "inner", "second")] == ["GET /", "outer", "GET /"]
    assert seen.queries_in("GET /") == ["select ?"]
    assert seen.queries_in("outer") == ["select ? as outer", "select ? as outer"]
    assert seen.queries_in("inner") == ["select ? as inner"]
    server, inner = seen.spans[0], seen.named("inner")
    assert (server.kind, inner.kind) == (SpanKind.SERVER, SpanKind.PRODUCER)
    assert server.start_time <= inner.start_time <= inner.end_time <= server.end_time + 1_000_000
    assert inner.events[0].attributes == {"boxes": 2}
    assert seen.named("outer").attributes == {"order": 7}
    assert inner.instrumentation_scope.name == "shop.orders"
    assert inner.resource.attributes[names.ATTR_SERVICE_NAME] == "shop"


async def test_spans_find_their_parents_in_tasks_and_threads(traced, pool):
    async def step(name: str) -> None:
        with traced.tracer.start_as_current_span(name):
            await asyncio.sleep(0)
            await pool.fetchval(f"select 1 as {name}")

    def blocking() -> None:
        with traced.tracer.start_as_current_span("thread"):
            pass

    async def endpoint():
        with traced.tracer.start_as_current_span("outer"):
            await asyncio.gather(*(step(f"child{n}") for n in range(5)))
            await anyio.to_thread.run_sync(blocking)
        task = asyncio.create_task(step("task"))
        await task
        raise FAILED

    await traced.get(endpoint)
    seen = traced.seen()
    for name in ("child0", "child1", "child2", "child3", "child4", "thread"):
        assert seen.parent_of(name) == "outer"
    assert seen.parent_of("task") == "GET /"
    for name in ("child0", "child4", "task"):
        assert seen.queries_in(name) == [f"select ? as {name}"]


async def test_an_endpoint_that_is_no_coroutine_nests_too(traced):
    def endpoint():
        with traced.tracer.start_as_current_span("sync"):
            trace.get_current_span().set_attribute("where", "inner")
        trace.get_current_span().set_attribute("where", "server")
        raise FAILED

    await traced.get(endpoint)
    seen = traced.seen()
    assert seen.parent_of("sync") == "GET /"
    assert seen.named("sync").attributes["where"] == "inner"
    assert seen.named("GET /").attributes["where"] == "server"


async def test_a_wait_for_a_connection_is_within_the_span_that_waited(traced, pool):
    async def endpoint():
        async with pool.acquire(), pool.acquire(), pool.acquire(), pool.acquire() as last:
            with traced.tracer.start_as_current_span("waits"):
                waiting = asyncio.create_task(pool.fetchval("select 1"))
                await last.execute("select pg_sleep(0.05)")
                waiting.cancel()
        raise FAILED

    await traced.get(endpoint)
    seen = traced.seen()
    within = seen.named("waits").context.span_id
    assert "pool wait" in {span.name for span in seen.spans if span.parent and span.parent.span_id == within}


async def test_what_the_application_says_of_its_request_is_on_the_server_span(traced):
    async def endpoint():
        span = trace.get_current_span()
        span.set_attributes({"customer.tier": "gold", names.ATTR_ROUTE: "/mine", "user.password": "hidden"})
        span.add_event("checked", {"by": "stock"})
        span.add_link(SpanContext(5, 6, is_remote=True))
        span.update_name("checkout")
        span.record_exception(ValueError("hidden"))
        span.set_status(StatusCode.OK)
        for n in range(130):
            span.set_attribute(f"a{n}", n)
        raise FAILED

    await traced.get(endpoint)
    [server] = traced.seen().spans
    assert server.name == "checkout"
    assert server.status.status_code is StatusCode.OK
    assert server.attributes["customer.tier"] == "gold"
    assert server.attributes[names.ATTR_ROUTE] == "/", "what the recorder knows goes before"
    assert server.attributes[names.ATTR_STATUS] == 503
    assert server.dropped_attributes == 133 - 128
    assert [event.name for event in server.events] == ["checked", "exception"]
    assert [link.context.span_id for link in server.links] == [6]
    assert "hidden" not in server.to_json()


async def test_a_trace_that_is_not_kept_costs_its_spans_nothing_more(traced):
    left = []

    async def endpoint():
        with traced.tracer.start_as_current_span("outer") as span:
            left.append(weakref.ref(span))
        left.append(weakref.ref(traced.tracer.start_span("never ended")))

    await traced.get(endpoint)
    assert traced.seen().spans == ()
    assert traced.dropped == 0
    gc.collect()
    assert [ref() for ref in left] == [None, None]


async def test_a_span_that_never_ends_is_not_kept_alive_and_not_shipped(traced):
    left = []

    async def endpoint():
        left.append(weakref.ref(traced.tracer.start_span("never ended")))
        raise FAILED

    await traced.get(endpoint)
    assert [span.name for span in traced.seen().spans] == ["GET /"]
    left.append(weakref.ref(traced.tracer.start_span("outside")))
    gc.collect()
    assert [ref() for ref in left] == [None, None]


@pytest.mark.parametrize("decided", [True, False], ids=["decided meanwhile", "not decided yet"])
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "not kept"])
async def test_what_ends_after_the_response_shares_the_fate_of_its_trace(kept, decided, pool):
    traced = Traced(sample_ratio=float(kept))
    ended = asyncio.Event()

    async def later() -> None:
        assert request.is_recording() == kept, "that nothing is to be kept is decided at once"
        if decided:
            traced.recorder.settle()
            assert not request.is_recording()
        with traced.tracer.start_as_current_span("started later"):
            await pool.fetchval("select 1")
        span.end()
        ended.set()

    async def endpoint(tasks: BackgroundTasks):
        nonlocal span, request
        request = trace.get_current_span()
        span = traced.tracer.start_span("started before")
        tasks.add_task(later)

    span = request = trace.INVALID_SPAN
    await traced.get(endpoint)
    await ended.wait()
    seen = traced.seen()
    traced.recorder.close()
    if not kept:
        assert seen.spans == ()
        return
    assert sorted(span.name for span in seen.spans) == ["GET /", "started before", "started later"]
    assert seen.spans[0].name == "GET /"
    assert seen.parent_of("started before") == seen.parent_of("started later") == "GET /"


async def test_spans_beyond_the_bound_are_counted_and_their_queries_are_the_requests_own(traced, pool):
    async def endpoint():
        with traced.tracer.start_as_current_span("first"):
            for n in range(MAX_SPANS - 1):
                traced.tracer.start_span(f"span{n}").end()
        with traced.tracer.start_as_current_span("too many"):
            await pool.fetchval("select 1 as orphan")
            traced.tracer.start_span("too many, too").end()
        raise FAILED

    await traced.get(endpoint)
    seen = traced.seen()
    assert len([span for span in seen.spans if span.instrumentation_scope.name == "shop.orders"]) == MAX_SPANS
    assert seen.queries_in("GET /") == ["select ? as orphan"]
    assert seen.spans[0].attributes[names.ATTR_SPANS_DROPPED] == 2
    assert traced.dropped == 2


async def test_a_task_that_outlives_its_request_makes_no_endless_trace(everything):
    async def endpoint(tasks: BackgroundTasks):
        def forever() -> None:
            for _ in range(2 * MAX_SPANS):
                everything.tracer.start_span("again").end()

        tasks.add_task(forever)

    await everything.get(endpoint)
    assert len(everything.seen().spans) == 1 + MAX_SPANS
    assert everything.dropped == MAX_SPANS


@pytest.mark.parametrize("sampled", [True, False])
async def test_what_goes_downstream_names_the_span_it_went_from_and_the_head_decision(sampled):
    traced = Traced(sample_ratio=float(sampled))
    carriers = [{}, {}]

    async def endpoint():
        propagate.inject(carriers[0])
        with traced.tracer.start_as_current_span("inner") as inner:
            assert inner.is_recording()
            propagate.inject(carriers[1])
        raise FAILED

    await traced.get(endpoint)
    seen = traced.seen()
    traced.recorder.close()
    for name, carrier in zip(("GET /", "inner"), carriers, strict=True):
        version, trace_id, span_id, flags = carrier["traceparent"].split("-")
        context = seen.named(name).context
        assert (version, trace_id, span_id) == ("00", f"{context.trace_id:032x}", f"{context.span_id:016x}")
        assert int(flags, 16) & 1 == sampled


@pytest.mark.parametrize("kept", [True, False])
async def test_a_span_that_was_given_another_parent_belongs_to_that_ones_trace(kept, traced):
    elsewhere = SpanContext(0xABC, 0xDEF, True, TraceFlags(TraceFlags.SAMPLED))

    async def endpoint():
        traced.tracer.start_span("root", context=Context()).end()
        traced.tracer.start_span("elsewhere", context=set_span_in_context(NonRecordingSpan(elsewhere))).end()
        if kept:
            raise FAILED

    await traced.get(endpoint)
    seen = traced.seen()
    expected = {"GET /", "elsewhere"} if kept else {"elsewhere"}
    assert {span.name for span in seen.spans} == expected, "a root is sampled by its own id"
    assert seen.named("elsewhere").context.trace_id == 0xABC


async def test_a_query_under_a_span_of_somebody_elses_is_the_requests_own(traced, pool):
    foreign = NonRecordingSpan(SpanContext(0xABC, 0xDEF, False))

    async def endpoint():
        traced.tracer.start_span("ours").end()
        with trace.use_span(foreign):
            await pool.fetchval("select 1")
        raise FAILED

    await traced.get(endpoint)
    assert traced.seen().queries_in("GET /") == ["select ?"]


async def test_two_hundred_requests_at_once_keep_their_spans_apart(traced, pool):
    app = FastAPI()

    @app.get("/{number}")
    async def endpoint(number: int) -> None:
        with traced.tracer.start_as_current_span(f"outer {number}"):
            await asyncio.sleep(0)
            with traced.tracer.start_as_current_span(f"inner {number}"):
                await pool.fetchval(f"select 1 as q{number}")
        if number % 2:
            raise FAILED

    async with traced.client(app) as client:
        await asyncio.gather(*(client.get(f"/{number}") for number in range(200)))
    seen = traced.seen()
    traces: dict[int, list[ReadableSpan]] = {}
    for span in seen.spans:
        traces.setdefault(span.context.trace_id, []).append(span)
    assert len(traces) == 100
    for number in range(1, 200, 2):
        inner = seen.named(f"inner {number}")
        assert seen.parent_of(f"inner {number}") == f"outer {number}"
        assert seen.queries_in(f"inner {number}") == [f"select ? as q{number}"]
        within = traces[inner.context.trace_id]
        assert within[0].name == "GET /{number}", "the server span goes first"
        assert len([span for span in within if span.name != "pool wait"]) == 4


@pytest.mark.parametrize("seed", range(5))
async def test_any_tree_of_spans_tasks_and_queries_comes_out_as_it_was(seed, traced, pool):
    drawn = random.Random(seed)
    queries: dict[str, str] = {}
    parents: dict[str, str] = {}

    async def grow(parent: str, depth: int) -> None:
        for _ in range(drawn.randrange(4)):
            name = f"n{len(parents)}"
            parents[name] = parent
            how = drawn.randrange(3)
            if how == 0:
                queries[name] = parent
                await pool.fetchval(f"select 1 as {name}")
            elif depth < 4:
                with traced.tracer.start_as_current_span(name):
                    branches = [grow(name, depth + 1) for _ in range(drawn.randrange(3))]
                    await (asyncio.gather(*branches) if how == 1 else _in_turn(branches))
            else:
                traced.tracer.start_span(name).end()

    async def _in_turn(branches):
        for branch in branches:
            await branch

    async def endpoint():
        await asyncio.gather(*(grow("GET /", 0) for _ in range(3)))
        raise FAILED

    await traced.get(endpoint)
    seen = traced.seen()
    by_id = {span.context.span_id: span.name for span in seen.spans}
    found_queries = {
        span.attributes[names.ATTR_DB_QUERY].split()[-1]: by_id[span.parent.span_id]
        for span in seen.spans
        if names.ATTR_DB_QUERY in span.attributes
    }
    assert found_queries == queries
    for name, parent in parents.items():
        if name not in queries:
            assert seen.parent_of(name) == parent


@pytest.mark.parametrize("sampled", [True, False])
def test_a_span_outside_of_requests_is_sampled_by_its_trace_and_its_children_with_it(sampled):
    traced = Traced(sample_ratio=float(sampled))
    with recording(), traced.tracer.start_as_current_span("job") as job:
        assert job.is_recording() is sampled
        with traced.tracer.start_as_current_span("step"):
            pass
    seen = traced.seen()
    traced.recorder.close()
    assert [span.name for span in seen.spans] == (["step", "job"] if sampled else [])
    if sampled:
        assert seen.parent_of("step") == "job"


@pytest.mark.parametrize("flags", [TraceFlags.SAMPLED, TraceFlags.DEFAULT])
@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_a_span_outside_of_requests_follows_its_parent(ratio, flags):
    traced = Traced(sample_ratio=ratio)
    parent = NonRecordingSpan(SpanContext(0xABC, 0xDEF, True, TraceFlags(flags)))
    traced.tracer.start_span("message", context=set_span_in_context(parent)).end()
    seen = traced.seen()
    traced.recorder.close()
    assert [span.context.trace_id for span in seen.spans] == ([0xABC] if flags else [])


def test_the_ratio_of_jobs_is_that_of_requests():
    traced = Traced(sample_ratio=0.25)
    for _ in range(2000):
        traced.tracer.start_span("job").end()
    seen = traced.seen()
    traced.recorder.close()
    assert 380 < len(seen.spans) < 620
    assert all(traced.recorder.keeper.sampled(span.context.trace_id) for span in seen.spans)


def test_an_application_that_seeds_its_random_numbers_repeats_no_id(everything):
    for _ in range(3):
        random.seed(1)
        everything.tracer.start_span("job").end()
    spans = everything.seen().spans
    assert len({span.context.span_id for span in spans}) == len({span.context.trace_id for span in spans}) == 3


async def test_a_failure_while_spans_are_made_never_reaches_the_application(monkeypatch):
    traced = Traced()

    def broken(*_: object) -> None:
        raise RuntimeError("broken instrumentation")

    monkeypatch.setattr(TailProcessor, "_begin", broken)
    monkeypatch.setattr(TailProcessor, "_ship", broken)

    async def endpoint() -> str:
        with traced.tracer.start_as_current_span("inner"):
            return "fine"

    assert (await traced.get(endpoint)).json() == "fine"
    assert traced.recorder.guard.failures == 1
    traced.recorder.close()


async def test_without_an_exporter_and_before_the_start_spans_cost_nothing(everything):
    recorder = Recorder(Config(service_name="x", metrics_port=0, sample_ratio=1.0))
    tracer = recorder.tracer_provider.get_tracer("x")

    async def app(scope, receive, send):
        with tracer.start_as_current_span("inner"):
            raise RuntimeError

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    with pytest.raises(RuntimeError):
        await recorder.middleware(app)(scope, None, None)
    assert scope[names.SCOPE_RECORD].enclosing is None
    assert recorder.meters.spans_dropped.totals[()] == 0


def test_the_provider_flushes(everything):
    everything.tracer.start_span("job").end()
    assert everything.recorder.tracer_provider.force_flush()
    assert len(everything.exporter.get_finished_spans()) == 1
    everything.recorder.close()
    everything.tracer.start_span("too late").end()
    assert everything.recorder.tracer_provider.force_flush()
    assert everything.dropped == 0


def test_a_limit_that_cannot_be_read_is_named(monkeypatch):
    monkeypatch.setenv("OTEL_SPAN_EVENT_COUNT_LIMIT", "many")
    with pytest.raises(ConfigError, match="OTEL_SPAN_EVENT_COUNT_LIMIT"):
        Recorder(Config(service_name="x"))


def test_a_span_that_ends_while_its_trace_is_on_its_way_is_shipped_once(everything):
    request = RequestSpan(7, 1, True)
    span = everything.tracer.start_span("s", context=entered(request))
    _, running = request.settle(kept=True)
    span.end()
    everything.recorder._traces._tail.follow(running)
    assert [one.context.span_id for one in everything.seen().spans] == [span.get_span_context().span_id]


def _begin_and_end(traced: Traced, request: RequestSpan) -> None:
    spans = [traced.tracer.start_span("s", context=entered(request)) for _ in range(4)]
    for span in spans:
        span.end()


def _end(spans: list[trace.Span]) -> None:
    for span in spans:
        span.end()


@pytest.mark.parametrize("begun", [True, False], ids=["begun before", "begun at the same time"])
def test_spans_of_threads_that_are_busy_while_the_request_is_decided_are_shipped_once(begun, everything):
    processor = everything.recorder._traces._tail
    shipper = processor.shipper
    with ThreadPoolExecutor(4) as threads:
        for _ in range(200):
            request = RequestSpan(everything.recorder.random.getrandbits(128), 1, True)
            ready = threading.Barrier(4)
            spans = [everything.tracer.start_span("s", context=entered(request)) for _ in range(12 * begun)]

            def busy(n: int, request=request, ready=ready, spans=spans) -> None:
                ready.wait()
                if spans:
                    _end(spans[n::3])
                else:
                    _begin_and_end(everything, request)

            work = [threads.submit(busy, n) for n in range(3)]
            ready.wait()
            nested, running = request.settle(kept=True)
            shipper.ship(nested)
            processor.follow(running)
            for one in work:
                one.result()
    ids = [span.context.span_id for span in everything.seen().spans]
    assert len(ids) == len(set(ids)) == 200 * 12
