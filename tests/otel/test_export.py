"""Kept traces over OTLP/HTTP to receivers that work, that refuse, that hang, and that are not there."""

import gc
import logging
import os
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from opentelemetry.exporter.otlp.proto.common._internal import trace_encoder
from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext
from tailgate_otel import Config, ConfigError, Recorder, complaint, export, names
from tailgate_otel.complaint import Complaint
from tailgate_otel.export import MAX_QUEUE, Shipper
from tailgate_otel.histogram import Counter
from tailgate_otel.request_span import entered, request_in

from tests.server import Request, Response, Server, Wire

_RESOURCE = Resource({})


def spans(count: int, trace_id: int = 1) -> list[ReadableSpan]:
    """The spans of one trace, the first called ``server``."""
    ids = (SpanContext(trace_id, n + 1, is_remote=False) for n in range(count))
    return [
        ReadableSpan(name=f"{n}" if n else "server", context=context, resource=_RESOURCE)
        for n, context in enumerate(ids)
    ]


@pytest.fixture
def receiver() -> Iterator[Server]:
    """A receiver of traces."""
    with Server(Response()) as receiver:
        yield receiver


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of something that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def absent() -> str:
    """The address of nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def dropped() -> Counter:
    return Counter("dropped", "")


def recorder_to(endpoint: str | None, **config: object) -> Recorder:
    recorder = Recorder(Config(service_name="shop", metrics_port=0, otlp_endpoint=endpoint, **config))
    recorder.start()
    return recorder


async def fail(recorder: Recorder, times: int = 1) -> None:
    """Requests that are worth keeping; all of them are answered."""
    app = FastAPI()

    @app.get("/")
    async def failing() -> None:
        raise HTTPException(503, "a secret of the application")

    transport = httpx.ASGITransport(recorder.middleware(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        for _ in range(times):
            assert (await client.get("/")).status_code == 503


def complaints() -> list[Complaint]:
    """Those that listen to anybody's log."""
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    return [one for logger in loggers for one in logger.filters if isinstance(one, Complaint)]


def exemplars(recorder: Recorder) -> int:
    page = httpx.get(
        f"http://127.0.0.1:{recorder.metrics_port}/metrics", headers={"accept": "application/openmetrics-text"}
    ).text
    return page.count('# {trace_id="')


async def test_a_kept_trace_arrives(receiver):
    recorder = recorder_to(receiver.url)
    await fail(recorder)
    assert exemplars(recorder) == 0, "it is queued"
    recorder.flush()
    assert exemplars(recorder) == 3, "it is there"
    recorder.close()
    [request] = receiver.asked
    assert request.path == "/v1/traces"
    message = ExportTraceServiceRequest.FromString(request.body)
    [resource] = message.resource_spans
    [span] = resource.scope_spans[0].spans
    assert span.name == "GET /"
    attributes = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert attributes[names.ATTR_SERVICE_NAME] == "shop"
    assert b"secret" not in message.SerializeToString()
    assert recorder.meters.spans_dropped.totals[()] == 0


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", ["refuses", "fails", "is not there", "never answers"])
async def test_a_receiver_that_fails_costs_its_spans_and_nothing_else(kind, receiver, silent, absent, caplog):
    receiver.answer = Response(status={"refuses": 400, "fails": 500}.get(kind, 200))
    endpoint = {"is not there": absent, "never answers": silent}.get(kind, receiver.url)
    recorder = recorder_to(endpoint)
    await fail(recorder, 5)
    recorder.flush()
    assert exemplars(recorder) == 0
    await fail(recorder, 2)
    recorder.close()
    assert recorder.meters.spans_dropped.totals[()] == 7
    assert recorder.guard.failures == 0
    assert recorder.meters.requests.cells(("GET", "/", "503"))[:-1].count(0) < 20, "they were measured all the same"
    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith("OTLPSpanExporter does not take spans: ")
    assert names.SPANS_DROPPED in line
    assert "it does not say why" not in line


@pytest.mark.timeout(30)
async def test_a_receiver_that_answers_by_drops_holds_up_nobody(receiver):
    def drip(_: Request) -> Wire:
        yield b"HTTP/1.1 200 OK\r\nx-slow: "
        while not receiver.over.wait(0.2):
            yield b"x"

    receiver.answer = drip
    recorder = recorder_to(receiver.url)
    await fail(recorder)
    recorder.settle()
    assert recorder.tracer_provider.force_flush(500) is False
    await fail(recorder, 2)
    recorder.settle()
    assert recorder.tracer_provider.force_flush(100) is False
    flushes = sum(thread.name.startswith("tailgate flush") for thread in threading.enumerate())
    assert flushes == 1, "a flush that hangs is not joined by a second one"
    recorder.close()
    assert recorder.meters.spans_dropped.totals[()] == 3
    assert recorder.guard.failures == 0


async def test_spans_that_run_on_in_a_trace_that_found_no_room_are_counted_with_it(receiver, monkeypatch):
    recorder = recorder_to(receiver.url)
    monkeypatch.setattr(export, "MAX_QUEUE", 1)
    tracer = recorder.tracer_provider.get_tracer("shop")
    running = []

    async def app(scope, receive, send):
        tracer.start_span("ended").end()
        running.append(tracer.start_span("running"))
        running.append(entered(request_in(None)))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await recorder.middleware(app)({"type": "http", "method": "GET", "path": "/", "headers": []}, None, None)
    recorder.settle()
    span, context = running
    span.end()
    tracer.start_span("later", context=context).end()
    recorder.close()
    assert receiver.asked == []
    assert recorder.meters.spans_dropped.totals[()] == 3


async def test_a_trace_that_waits_holds_on_to_nothing_of_its_request():
    exporter = _Stuck()
    recorder = Recorder(Config(service_name="shop", metrics_port=0), exporter=exporter)
    recorder.start()
    left = []

    class Body:
        """Something large that a frame of the application holds."""

    async def app(scope, receive, send):
        body = Body()
        left.append(weakref.ref(body))
        scope["body"] = body
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await recorder.middleware(app)({"type": "http", "method": "GET", "path": "/", "headers": []}, None, None)
    recorder.settle()
    gc.collect()
    assert [ref() for ref in left] == [None]
    exporter.released.set()
    recorder.close()
    assert len(exporter.batches) == 1


async def test_without_a_receiver_traces_are_counted_and_no_spans_made():
    recorder = recorder_to(None)
    await fail(recorder)
    recorder.flush()
    assert exemplars(recorder) == 0
    recorder.close()
    assert recorder.meters.kept.totals[names.KEPT_ERROR,] == 1
    assert recorder.meters.spans_dropped.totals[()] == 0


class _Stuck(SpanExporter):
    """Takes nothing until it is released, and notes what it was given."""

    def __init__(self, result: SpanExportResult = SpanExportResult.SUCCESS) -> None:
        self.result = result
        self.released = threading.Event()
        self.entered = threading.Event()
        self.batches: list[list[ReadableSpan]] = []

    def export(self, spans):
        self.entered.set()
        self.released.wait(20)
        self.batches.append(list(spans))
        return self.result

    def shutdown(self) -> None:
        return


def test_a_full_queue_takes_no_more_and_counts_what_it_refused(dropped):
    exporter = _Stuck()
    shipper = Shipper([exporter], dropped)
    taken = sum(shipper.ship(spans(100)) for _ in range(200))
    assert taken == MAX_QUEUE // 100
    assert dropped.totals[()] == (200 - taken) * 100
    exporter.released.set()
    assert shipper.flush()
    assert shipper.ship(spans(100)), "there is room again"
    shipper.close()
    assert sum(map(len, exporter.batches)) == (taken + 1) * 100
    assert dropped.totals[()] == (200 - taken) * 100


def test_a_trace_is_exported_in_one_piece_its_server_span_first(dropped):
    exporter = _Stuck()
    shipper = Shipper([exporter], dropped)
    sizes = [1, 200, 300, 7, 511, 2, 401, 401, 401]
    for number, size in enumerate(sizes, 1):
        assert shipper.ship(spans(size, number))
    exporter.released.set()
    shipper.flush()
    shipper.close()
    traces = [[span.context.trace_id for span in batch] for batch in exporter.batches]
    assert [trace for batch in traces for trace in dict.fromkeys(batch)] == list(range(1, len(sizes) + 1))
    flat = [span for batch in exporter.batches for span in batch]
    assert len(flat) == sum(sizes)
    starts = [index for index, span in enumerate(flat) if span.name == "server"]
    assert starts == [sum(sizes[:n]) for n in range(len(sizes))]
    assert max(map(len, exporter.batches)) < 512 + max(sizes)


def test_the_exporting_thread_gives_way_while_it_encodes(dropped, absent, monkeypatch):
    encoded = 0
    pauses = []
    encode = trace_encoder._encode_span

    def counting(span: ReadableSpan) -> object:
        nonlocal encoded
        encoded += 1
        return encode(span)

    monkeypatch.setattr(trace_encoder, "_encode_span", counting)
    monkeypatch.setattr(export.time, "sleep", lambda _: pauses.append(encoded))
    shipper = Shipper([OTLPSpanExporter(endpoint=absent, timeout=0.1)], dropped)
    for _ in range(4):
        shipper.ship(spans(6))
    shipper.flush()
    shipper.close()
    assert {6, 12, 18, 24} <= set(pauses)


@pytest.mark.parametrize("result", SpanExportResult)
def test_what_is_under_way_when_closing_hangs_is_counted_once(result, dropped, monkeypatch):
    monkeypatch.setattr(export, "_CLOSE", 0.3)
    exporter = _Stuck(result)
    shipper = Shipper([exporter], dropped)
    shipper.ship(spans(5))
    shipper.flush(0.0)
    assert exporter.entered.wait(5)
    shipper.close()
    assert dropped.totals[()] == 5
    exporter.released.set()
    for thread in threading.enumerate():
        if thread.name == "tailgate close":
            thread.join(10)
    assert len(exporter.batches) == 1
    assert dropped.totals[()] == 5
    assert not shipper.ship(spans(3)), "it is closed"
    assert dropped.totals[()] == 8
    shipper.close()


def test_spans_a_trace_was_too_long_for_are_counted(dropped):
    exporter = _Stuck()
    exporter.released.set()
    shipper = Shipper([exporter], dropped)
    assert shipper.ship([], missing=7)
    shipper.close()
    assert dropped.totals[()] == 7
    assert exporter.batches == []


def test_whoever_made_a_span_it_leaves_clean(dropped):
    exporter = InMemorySpanExporter()
    shipper = Shipper([exporter], dropped)
    dirty = ReadableSpan(name="x", context=SpanContext(1, 2, False), attributes={"url.query": "hidden"})
    shipper.ship([dirty])
    shipper.flush()
    [left] = exporter.get_finished_spans()
    assert (left.attributes, left.context.trace_flags.sampled) == ({}, True)
    shipper.close()


class _Failing(SpanExporter):
    """Fails, by raising or by saying so, as long as it is told to."""

    def __init__(self, *, raises: bool) -> None:
        self.raises = raises
        self.fails = True

    def export(self, spans):
        if self.fails and self.raises:
            raise RuntimeError("a customer's data")
        return SpanExportResult.FAILURE if self.fails else SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        return


@pytest.mark.parametrize("raises", [True, False])
def test_an_exporter_that_fails_is_counted_and_complained_about_once(raises, dropped, caplog):
    exporter = _Failing(raises=raises)
    shipper = Shipper([exporter], dropped)
    told = []
    for _ in range(5):
        shipper.ship(spans(2), exported=lambda: told.append(1))
        shipper.flush()
    assert dropped.totals[()] == 10
    assert told == []
    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"_Failing does not take spans: {'RuntimeError' if raises else 'it does not say why'};")
    exporter.fails = False
    shipper.ship(spans(2), exported=lambda: told.append(1))
    shipper.flush()
    exporter.fails = True
    shipper.ship(spans(2))
    shipper.close()
    assert told == [1]
    assert dropped.totals[()] == 12
    assert len(caplog.records) == 1, "one that works now and then is not complained about again and again"


def test_each_outage_is_complained_about_once(dropped, monkeypatch, caplog):
    monkeypatch.setattr(complaint, "_SILENCE", 0.0)
    exporter = _Failing(raises=True)
    shipper = Shipper([exporter], dropped)
    for exporter.fails in (True, True, True, False, False, True, True):
        shipper.ship(spans(1))
        shipper.flush()
    shipper.close()
    assert len(caplog.records) == 2


def test_an_encoder_that_fails_costs_its_spans(dropped, absent, monkeypatch, caplog):
    def broken(_: object) -> None:
        raise TypeError("no such value")

    monkeypatch.setattr(trace_exporter, "encode_spans", broken)
    shipper = Shipper([OTLPSpanExporter(endpoint=absent)], dropped)
    for _ in range(3):
        shipper.ship(spans(2))
        shipper.flush()
    shipper.close()
    assert dropped.totals[()] == 6
    assert ["no such value" in record.getMessage() for record in caplog.records] == [True]


def test_somebody_elses_exporter_keeps_its_own_log(dropped, absent, caplog):
    before = complaints()
    shipper = Shipper([OTLPSpanExporter(endpoint=absent, timeout=0.1)], dropped)
    assert len(complaints()) > len(before)
    theirs = OTLPSpanExporter(endpoint=absent, timeout=0.1)
    theirs.export([])
    said = [record.name for record in caplog.records]
    assert said
    assert set(said) == {trace_exporter.__name__}
    shipper.close()
    assert complaints() == before


def test_a_destination_that_hangs_does_not_hold_up_another(dropped):
    stuck, fine = _Stuck(), InMemorySpanExporter()
    shipper = Shipper([stuck, fine], dropped)
    told = []
    for _ in range(100):
        assert shipper.ship(spans(100), exported=lambda: told.append(1))
        shipper._lines[1].flush().join()
    assert len(fine.get_finished_spans()) == 10_000
    assert len(told) == 100
    assert dropped.totals[()] == 10_000 - MAX_QUEUE // 100 * 100
    stuck.released.set()
    shipper.close()


def test_a_setting_of_the_exporter_that_cannot_be_read_is_named(monkeypatch):
    monkeypatch.setenv("OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER", "nobody")
    with pytest.raises(ConfigError, match=r"otlp_endpoint='http://127.0.0.1:9'.*nobody"):
        recorder_to("http://127.0.0.1:9")


_FORK = """
import os, threading
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext
from tailgate_otel.export import MAX_QUEUE, Shipper
from tailgate_otel.histogram import Counter

class Exporter(SpanExporter):
    hang = threading.Event()
    count = 0
    def export(self, spans):
        if os.getpid() == parent:
            self.hang.wait(20)
        self.count += len(spans)
        return SpanExportResult.SUCCESS
    def shutdown(self):
        pass

parent = os.getpid()
exporter, dropped = Exporter(), Counter("dropped", "")
shipper = Shipper([exporter], dropped)
span = ReadableSpan("x", SpanContext(1, 2, False))
while shipper.ship([span] * 64):
    pass
shipper._lines[0]._lock.acquire()
if os.fork() == 0:
    for _ in range(MAX_QUEUE // 64):
        assert shipper.ship([span] * 64)
    assert shipper.flush()
    os._exit(0 if exporter.count == MAX_QUEUE else 3)
shipper._lines[0]._lock.release()
code = os.waitstatus_to_exitcode(os.wait()[1])
exporter.hang.set()
shipper.close()
raise SystemExit(code)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_begins_with_an_empty_queue():
    assert subprocess.run([sys.executable, "-c", _FORK], timeout=60, check=False).returncode == 0
