"""Two recorded services on real sockets, one of which calls the other by an instrumented httpx."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, HTTPException
from opentelemetry import trace
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from tailgate_otel import Config, Recorder, names


@dataclass(kw_only=True)
class Service:
    """One of the two: where it listens, and what it exported."""

    url: str
    recorder: Recorder
    exporter: InMemorySpanExporter

    def spans(self) -> list[ReadableSpan]:
        self.recorder.flush()
        return list(self.exporter.get_finished_spans())


@pytest.fixture
def serve() -> Iterator[Callable[..., Service]]:
    started: list[tuple[uvicorn.Server, threading.Thread, Recorder]] = []

    def run(name: str, build: Callable[[Recorder], FastAPI], sample_ratio: float) -> Service:
        exporter = InMemorySpanExporter()
        recorder = Recorder(Config(service_name=name, metrics_port=0, sample_ratio=sample_ratio), exporter=exporter)
        recorder.start()
        listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(recorder.middleware(build(recorder)), lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        started.append((server, thread, recorder))
        return Service(url=f"http://127.0.0.1:{listener.getsockname()[1]}", recorder=recorder, exporter=exporter)

    yield run
    for server, thread, recorder in started:
        server.should_exit = True
        thread.join()
        recorder.close()


def stock(_: Recorder) -> FastAPI:
    """The called service."""
    app = FastAPI()

    @app.get("/stock/{item}")
    async def of(item: str) -> dict[str, str]:
        if item == "broken":
            raise HTTPException(503)
        return {"item": item, "trace": f"{trace.get_current_span().get_span_context().trace_id:032x}"}

    return app


def shop(stock_url: str) -> Callable[[Recorder], FastAPI]:
    """The calling service."""

    def build(recorder: Recorder) -> FastAPI:
        app = FastAPI()
        tracer = recorder.tracer_provider.get_tracer("shop")

        @app.get("/order/{item}")
        async def order(item: str, fail: bool = False) -> dict[str, str]:
            async with httpx.AsyncClient(base_url=stock_url, timeout=60) as client:
                HTTPXClientInstrumentor.instrument_client(client, tracer_provider=recorder.tracer_provider)
                with tracer.start_as_current_span("reserve"):
                    answer = await client.get(f"/stock/{item}", params={"token": "hidden"})
            if fail:
                raise HTTPException(500)
            return answer.json()

        return app

    return build


@pytest.mark.parametrize(
    ("ratio", "path", "shop_kept", "stock_kept"),
    [
        (1.0, "/order/pen", True, True),
        (0.0, "/order/pen", False, False),
        (0.0, "/order/pen?fail=true", True, False),
        (0.0, "/order/broken", False, True),
    ],
    ids=["sampled", "not worth keeping", "the caller fails", "the called one fails"],
)
def test_one_trace_spans_both_and_each_keeps_its_half(serve, ratio, path, shop_kept, stock_kept):
    second = serve("stock", stock, ratio)
    first = serve("shop", shop(second.url), ratio)
    httpx.get(first.url + path)
    ours, theirs = first.spans(), second.spans()
    assert [bool(ours), bool(theirs)] == [shop_kept, stock_kept]
    if shop_kept:
        server, reserve, call = ours
        assert [server.kind, reserve.name, call.kind] == [SpanKind.SERVER, "reserve", SpanKind.CLIENT]
        assert (reserve.parent.span_id, call.parent.span_id) == (server.context.span_id, reserve.context.span_id)
        assert server.attributes[names.ATTR_HEAD_SAMPLED] is bool(ratio)
        assert "hidden" not in call.to_json()
        assert any("/stock/" in str(value) for value in call.attributes.values()), "the address itself stays"
    if stock_kept:
        [called] = theirs
        assert called.parent.is_remote
        assert called.parent.trace_flags.sampled is bool(ratio)
        assert called.attributes[names.ATTR_HEAD_SAMPLED] is bool(ratio)
    if shop_kept and stock_kept:
        assert {span.context.trace_id for span in (*ours, *theirs)} == {server.context.trace_id}
        assert called.parent.span_id == call.context.span_id


def test_many_requests_at_once_keep_their_traces_apart(serve):
    second = serve("stock", stock, 1.0)
    first = serve("shop", shop(second.url), 1.0)
    traces: dict[str, str] = {}

    def ask(item: str) -> None:
        traces[item] = httpx.get(f"{first.url}/order/{item}", timeout=60).json()["trace"]

    threads = [threading.Thread(target=ask, args=(f"item{n}",)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(traces.values())) == 10
    for item, trace_id in traces.items():
        half = [span for span in first.spans() if f"{span.context.trace_id:032x}" == trace_id]
        other = [span for span in second.spans() if f"{span.context.trace_id:032x}" == trace_id]
        assert [len(half), len(other)] == [3, 1]
        assert other[0].attributes[names.ATTR_PATH] == f"/stock/{item}"
        assert half[0].attributes[names.ATTR_PATH] == f"/order/{item}"
