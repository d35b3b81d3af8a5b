"""Kept traces over OTLP/HTTP to receivers that work, that refuse, and that are not there."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from tailgate_otel import Config, Recorder, names
from tailgate_otel.export import MAX_QUEUE, Shipper
from tailgate_otel.histogram import Counter


class Receiver(ThreadingHTTPServer):
    """A receiver of traces that answers with ``status``."""

    def __init__(self) -> None:
        self.status = 200
        self.received: list[tuple[str, ExportTraceServiceRequest]] = []
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.received.append((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


async def _fail_once(recorder: Recorder) -> None:
    async def failing(scope, receive, send):
        raise RuntimeError("a secret of the application")

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"user-agent", b"probe")]}
    with pytest.raises(RuntimeError):
        await recorder.middleware(failing)(scope, None, None)


async def test_a_kept_trace_arrives(receiver):
    endpoint = f"http://127.0.0.1:{receiver.server_port}"
    recorder = Recorder(Config(service_name="shop", metrics_port=0, otlp_endpoint=endpoint))
    recorder.start()
    await _fail_once(recorder)
    recorder.close()
    [(path, message)] = receiver.received
    assert path == "/v1/traces"
    [resource] = message.resource_spans
    [span] = resource.scope_spans[0].spans
    assert span.name == f"GET {names.UNKNOWN_ROUTE}"
    attributes = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert attributes[names.ATTR_SERVICE_NAME] == "shop"
    assert b"secret" not in message.SerializeToString()
    assert recorder.meters.spans_dropped.totals[()] == 0


@pytest.mark.parametrize("refusing", [True, False], ids=["refuses", "is not there"])
async def test_a_receiver_that_fails_costs_its_spans_and_nothing_else(receiver, refusing):
    receiver.status = 400
    port = receiver.server_port if refusing else 9
    recorder = Recorder(Config(service_name="shop", metrics_port=0, otlp_endpoint=f"http://127.0.0.1:{port}"))
    recorder.start()
    await _fail_once(recorder)
    recorder.close()
    assert recorder.meters.spans_dropped.totals[()] == 1
    assert recorder.guard.failures == 0


async def test_without_a_receiver_traces_are_counted_and_no_spans_made():
    recorder = Recorder(Config(service_name="shop", metrics_port=0))
    recorder.start()
    await _fail_once(recorder)
    recorder.close()
    assert recorder.meters.kept.totals[names.KEPT_ERROR,] == 1
    assert recorder.meters.spans_dropped.totals[()] == 0


class _Stuck(SpanExporter):
    def __init__(self) -> None:
        self.released = threading.Event()

    def export(self, spans):
        self.released.wait(20)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        return


def test_a_full_queue_takes_no_more_and_counts_what_it_refused():
    dropped = Counter("dropped", "")
    exporter = _Stuck()
    shipper = Shipper([exporter], dropped)
    spans = [ReadableSpan(name="x")] * 100
    taken = sum(shipper.ship(spans, missing=0) for _ in range(200))
    assert taken == MAX_QUEUE // 100
    assert dropped.totals[()] == (200 - taken) * 100
    exporter.released.set()
    shipper.close()


def test_spans_a_trace_was_too_long_for_are_counted():
    dropped = Counter("dropped", "")
    exporter = _Stuck()
    exporter.released.set()
    shipper = Shipper([exporter], dropped)
    assert shipper.ship([], missing=7)
    shipper.close()
    assert dropped.totals[()] == 7
