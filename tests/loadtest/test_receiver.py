"""Traces come in as any exporter sends them, and whatever else comes is refused."""

import gzip
import http.client
import json
import socket
import urllib.error
import urllib.request
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind
from tailgate_loadtest.run.receiver import SAMPLE_RATIO, TraceReceiver
from tailgate_loadtest.run.spans import CLIENT, SERVER, duration, root_of, spans_of
from tailgate_loadtest.run.traces import FAIR
from tailgate_otel import Config, names

from tests.loadtest.exports import of_spans, request_of, written


def protobuf() -> bytes:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    scope.scope.name = "any"
    root = scope.spans.add(
        trace_id=bytes(range(16)),
        span_id=bytes(range(8)),
        kind=SERVER,
        name="GET /a",
        start_time_unix_nano=1_000_000_000,
        end_time_unix_nano=1_250_000_000,
    )
    root.attributes.add(key=names.ATTR_ROUTE).value.string_value = "/a"
    root.links.add(trace_id=b"\xaa" * 16, span_id=b"\xbb" * 8)
    scope.spans.add(trace_id=bytes(range(16)), span_id=b"\xcc" * 8, parent_span_id=bytes(range(8)), kind=CLIENT)
    return message.SerializeToString()


def send(receiver: TraceReceiver, body: bytes, path: str = "/v1/traces", **headers: str) -> int:
    heads = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(receiver.endpoint + path, data=body, headers=heads)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture
def receiver():
    with TraceReceiver() as receiver:
        yield receiver


@pytest.mark.parametrize("zipped", [False, True])
def test_protobuf_comes_in_and_ids_are_hexadecimal(receiver, tmp_path, zipped):
    body = gzip.compress(protobuf()) if zipped else protobuf()
    more = {"Content_Encoding": "gzip"} if zipped else {}
    assert send(receiver, body, Content_Type="application/x-protobuf", **more) == 200
    (document,) = written(receiver.store)
    root = root_of(document)
    assert (root["traceId"], root["spanId"]) == (bytes(range(16)).hex(), bytes(range(8)).hex())
    assert root["links"] == [{"traceId": "aa" * 16, "spanId": "bb" * 8}]
    assert root["kind"] == SERVER
    assert duration(document) == 0.25
    child = document["resourceSpans"][0]["scopeSpans"][0]["spans"][1]
    assert (child["spanId"], child["parentSpanId"]) == ("cc" * 8, root["spanId"])


@pytest.mark.parametrize("zipped", [False, True])
def test_json_comes_in_and_goes_out_as_it_was(receiver, tmp_path, zipped):
    document = request_of(7)
    body = json.dumps(document).encode()
    more = {"Content_Encoding": "gzip"} if zipped else {}
    assert send(receiver, gzip.compress(body) if zipped else body, Content_Type="application/json", **more) == 200
    assert written(receiver.store) == [document]


def test_a_service_is_told_where_its_traces_go_and_how_many(receiver):
    told = receiver.environment
    assert told[names.ENV_OTLP_ENDPOINT] == receiver.endpoint
    config = Config.from_env(told)
    assert (config.otlp_endpoint, config.sample_ratio) == (receiver.endpoint, SAMPLE_RATIO)


def test_a_stock_sdk_that_is_told_so_is_heard(receiver, monkeypatch):
    for name, value in receiver.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(names.ENV_TRACES_SAMPLER_ARG, "1")
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracer = provider.get_tracer("stock")
    with tracer.start_as_current_span("GET /a", kind=SpanKind.SERVER, attributes={"http.route": "/a"}):  # noqa: SIM117
        with tracer.start_as_current_span("select", kind=SpanKind.CLIENT, attributes={"db.system": "postgresql"}):
            pass
    provider.shutdown()
    (document,) = written(receiver.store)
    assert document[FAIR] is True
    assert [span["kind"] for span in spans_of(document)] == [CLIENT, SERVER]


BAD = {
    "no protobuf": (b"\xff\xff\xff", {}),
    "no JSON": (b"{", {"Content_Type": "application/json"}),
    "JSON of another kind": (b'{"resourceSpans": [5]}', {"Content_Type": "application/json"}),
    "a list": (b"[]", {"Content_Type": "application/json"}),
    "no span": (json.dumps(of_spans(["x"])).encode(), {"Content_Type": "application/json"}),
    "no ids": (json.dumps(of_spans([{"kind": 2}])).encode(), {"Content_Type": "application/json"}),
    "no time": (
        json.dumps(of_spans([{"kind": 2, "traceId": "a", "spanId": "b", "endTimeUnixNano": "soon"}])).encode(),
        {"Content_Type": "application/json"},
    ),
    "endless time": (
        json.dumps(of_spans([{"kind": 2, "traceId": "a", "spanId": "b", "endTimeUnixNano": float("inf")}])).encode(),
        {"Content_Type": "application/json"},
    ),
    "nested without end": (b"[" * 200_000, {"Content_Type": "application/json"}),
    "no gzip": (b"plain", {"Content_Encoding": "gzip"}),
    "zlib and no gzip": (zlib.compress(protobuf()), {"Content_Encoding": "gzip"}),
    "gzip cut short": (gzip.compress(protobuf())[:-4], {"Content_Encoding": "gzip"}),
    "a bomb": (gzip.compress(bytes(40_000_000)), {"Content_Encoding": "gzip"}),
}


@pytest.mark.parametrize("name", BAD)
def test_a_hostile_body_is_refused_and_the_next_good_one_is_taken(receiver, name):
    body, headers = BAD[name]
    assert send(receiver, body, **headers) == 400
    assert receiver.store.refused == 1
    assert send(receiver, protobuf()) == 200
    assert receiver.store.received == 1


def test_what_is_sent_elsewhere_or_without_a_length_or_too_long_is_refused(receiver):
    assert send(receiver, protobuf(), "/v1/metrics") == 404
    port = int(receiver.endpoint.rpartition(":")[2])
    for length, status in ((None, 411), ("many", 411), ("-1", 413), (str(17 * 1024 * 1024), 413)):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.putrequest("POST", "/v1/traces")
        if length:
            connection.putheader("Content-Length", length)
        connection.endheaders()
        assert connection.getresponse().status == status
        connection.close()


def test_a_body_shorter_than_it_says_is_refused(receiver):
    port = int(receiver.endpoint.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
        raw.sendall(b"POST /v1/traces HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(100).startswith(b"HTTP/1.0 400")


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["resourceSpans", "scopeSpans", "spans", "traceId", "spanId", "kind", "attributes"]), inner
        )
    ),
    max_leaves=25,
)


@pytest.fixture(scope="module")
def steady_receiver():
    with TraceReceiver() as receiver:
        yield receiver


@given(st.binary(max_size=60) | junk.map(lambda document: json.dumps(document).encode()), st.booleans())
def test_whatever_comes_is_answered_by_a_status(steady_receiver, body, as_json):
    headers = {"Content_Type": "application/json"} if as_json else {}
    assert send(steady_receiver, body, **headers) in (200, 400)
