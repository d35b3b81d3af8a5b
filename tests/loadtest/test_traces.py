"""Traces come in as any exporter sends them, and what is kept is bounded."""

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
from tailgate_loadtest.run import traces
from tailgate_loadtest.run.spans import CLIENT, SERVER, attribute, duration, root_of, spans_of
from tailgate_loadtest.run.traces import (
    FAIR,
    PER_ROUTE_AND_REASON,
    SAMPLE_RATIO,
    SAMPLED_PER_ROUTE,
    SLOWEST,
    SLOWEST_PER_ROUTE,
    TraceReceiver,
    TraceStore,
)
from tailgate_otel import Config, names

ROUTE = {"key": names.ATTR_ROUTE, "value": {"stringValue": "/a"}}


def request_of(number: int, seconds: float = 0.1, route: str = "/a", reason: str = "slow", children: int = 1) -> dict:
    """One export of one request: a server span and queries within it."""
    trace = f"{number:032x}"
    root = {
        "traceId": trace,
        "spanId": f"{number:016x}",
        "kind": SERVER,
        "name": f"GET {route}",
        "startTimeUnixNano": "1000000000",
        "endTimeUnixNano": str(1_000_000_000 + round(seconds * 1e9)),
        "attributes": [
            {"key": names.ATTR_ROUTE, "value": {"stringValue": route}},
            {"key": names.ATTR_KEPT_REASON, "value": {"stringValue": reason}},
        ],
    }
    queries = [
        {"traceId": trace, "spanId": f"{n + 1:08x}{number:08x}", "parentSpanId": root["spanId"], "kind": CLIENT}
        for n in range(children)
    ]
    return of_spans([*queries, root])


def of_spans(spans: list) -> dict:
    scope = {"scope": {"name": "test"}, "spans": spans}
    return {"resourceSpans": [{"resource": {"attributes": [ROUTE]}, "scopeSpans": [scope]}]}


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


def written(store: TraceStore) -> list[dict]:
    return [json.loads(line) for line in store.text().splitlines()]


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


def test_spans_of_one_request_that_come_apart_are_put_together(tmp_path):
    store = TraceStore()
    whole = request_of(1, children=3)
    *queries, root = whole["resourceSpans"][0]["scopeSpans"][0]["spans"]
    for span in queries:
        store.add(of_spans([span]))
    assert written(store) == []
    store.add(of_spans([root]))
    assert written(store) == [whole]


def test_a_request_that_is_sent_again_is_kept_once(tmp_path):
    store = TraceStore()
    for _ in range(3):
        for number in range(SLOWEST + 30):
            store.add(request_of(number, 0.1 + number / 1000))
    assert store.received == SLOWEST + 30 + 2 * 10  # ten were dropped, and are new each time they come
    assert len({root_of(d)["spanId"] for d in written(store)}) == len(written(store))


def test_the_slowest_are_kept_and_a_few_of_every_route_and_reason(tmp_path):
    store = TraceStore()
    for number in range(500):
        store.add(request_of(number, seconds=(number * 7919 % 500) / 1000 + 0.001, route="/busy", reason="sample"))
    for number in range(500, 530):
        store.add(request_of(number, seconds=0.0001, route="/rare", reason="n_plus_one"))
    documents = written(store)
    assert [duration(d) for d in documents] == sorted((duration(d) for d in documents), reverse=True)
    assert [duration(d) for d in documents[:SLOWEST]] == pytest.approx([(500 - n) / 1000 for n in range(SLOWEST)])
    rare = [d for d in documents if duration(d) < 0.001]
    assert len(rare) == PER_ROUTE_AND_REASON
    assert len(documents) <= SLOWEST + 2 * PER_ROUTE_AND_REASON
    assert len(store._kept) == len(documents)


def chosen(number: int, seconds: float, route: str = "/a", reason: str | None = "sample", sampled: bool = True) -> dict:
    """A request as the recorder keeps one of its steady sample, or as stock instrumentation does, without a reason."""
    document = request_of(number, seconds, route, reason or "")
    root = root_of(document)
    if reason is None:
        del root["attributes"][1]
    else:
        root["attributes"].append({"key": names.ATTR_HEAD_SAMPLED, "value": {"boolValue": sampled}})
    return document


@pytest.mark.parametrize("reason", ["sample", None])
def test_of_every_route_a_fair_sample_is_kept_and_marked(reason):
    store = TraceStore()
    routes = ("/a", "/b")
    for number in range(4000):
        # The later, the faster: whoever took the first ones, or the slowest, would be far off.
        store.add(chosen(number, seconds=(4000 - number) / 4000, route=routes[number % 2], reason=reason))
    for route in routes:
        mine = [d for d in written(store) if attribute(root_of(d), names.ATTR_ROUTE) == route]
        fair = [duration(document) for document in mine if document.get(FAIR)]
        assert len(fair) == SAMPLED_PER_ROUTE
        assert sum(fair) / len(fair) == pytest.approx(0.5, abs=0.1)
        slowest = sorted((duration(document) for document in mine), reverse=True)[:SLOWEST_PER_ROUTE]
        assert slowest[-1] >= 1 - 2 * SLOWEST_PER_ROUTE / 4000
        assert len(mine) <= SAMPLED_PER_ROUTE + SLOWEST_PER_ROUTE + SLOWEST + PER_ROUTE_AND_REASON
    assert len(store._kept) == len(written(store)) == len(store._holders)


def test_what_was_kept_for_a_reason_is_fair_only_if_chance_had_chosen_it():
    store = TraceStore()
    store.add(chosen(1, 0.1, reason="slow", sampled=False))
    store.add(chosen(2, 0.2, reason="slow", sampled=True))
    store.add(chosen(3, 0.3, reason="forced", sampled=True))
    assert [document.get(FAIR, False) for document in written(store)] == [False, True, False]


def test_a_foreign_services_spans_are_cleaned_and_our_own_are_clean():
    store = TraceStore()
    for number, reason in ((1, None), (2, "sample")):
        document = chosen(number, 0.1, reason=reason)
        root_of(document)["status"] = {"code": 2, "message": "no"}
        store.add(document)
    ours, foreign = sorted(written(store), key=lambda d: root_of(d)["traceId"], reverse=True)
    assert root_of(ours)["status"] == {"code": 2, "message": "no"}
    assert root_of(foreign)["status"] == {"code": 2}


def test_foreign_routes_without_end_are_bounded(monkeypatch):
    monkeypatch.setattr(traces, "_MAX_SAMPLED_ROUTES", 3)
    monkeypatch.setattr(traces, "_MAX_GROUPS", 3)
    store = TraceStore()
    for number in range(500):
        store.add(chosen(number, 0.1, route=f"/{number}", reason=None))
    assert len(store._sampled) == len(store._groups) == 3
    assert len(written(store)) <= SLOWEST + 3


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


def test_the_memory_of_requests_that_never_end_is_bounded(monkeypatch):
    monkeypatch.setattr(traces, "_MAX_PARTIAL", 1000)
    store = TraceStore()
    for number in range(300):
        spans = [{"traceId": f"{number}", "spanId": f"{n}", "kind": CLIENT} for n in range(20)]
        store.add(of_spans(spans))
    endless = [{"traceId": "same", "spanId": f"{n}", "kind": CLIENT} for n in range(1500)]
    store.add(of_spans(endless))
    with pytest.raises(KeyError):
        store.add(of_spans([*endless[:1200], {"spanId": "no trace"}]))
    assert sum(len(spans) for spans in store._partial.values()) <= 1000
    store.add(request_of(1))
    assert store.received == 1


def test_a_service_that_calls_itself_is_one_request(tmp_path):
    store = TraceStore()
    outer, inner = request_of(1, 0.5), request_of(1, 0.2, route="/inner")
    inner_span = inner["resourceSpans"][0]["scopeSpans"][0]["spans"][-1]
    inner_span["spanId"] = "f" * 16
    outer["resourceSpans"][0]["scopeSpans"][0]["spans"].insert(0, inner_span)
    store.add(outer)
    (document,) = written(store)
    assert duration(document) == 0.5


def test_what_another_service_did_for_a_request_does_not_take_its_spans(tmp_path):
    store = TraceStore()
    *queries, front = request_of(1, 0.5)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    behind = {**front, "spanId": "f" * 16, "parentSpanId": front["spanId"]}
    elsewhere = of_spans([behind])
    elsewhere["resourceSpans"][0]["resource"] = {"attributes": []}
    store.add(of_spans(queries))
    store.add(elsewhere)  # it ends first, and its process exports when it likes
    store.add(of_spans([front]))
    assert sorted(len(list(spans_of(document))) for document in written(store)) == [1, 1 + len(queries)]


def called(trace: int, number: int, seconds: float = 0.1, **more: str) -> dict:
    """A request of a caller's trace, which is that of others too."""
    whole = request_of(number, seconds, **more)
    for span in spans_of(whole):
        span["traceId"] = f"{trace:032x}"
    root_of(whole)["parentSpanId"] = "c" * 16
    return whole


def joined(*requests: dict) -> dict:
    """Several requests in one export."""
    return of_spans([span for request in requests for span in spans_of(request)])


def test_requests_that_a_caller_makes_of_one_trace_stay_apart_though_they_come_together():
    store = TraceStore()
    panels = [called(1, number, number / 10, route=f"/panel/{number}", children=2) for number in (1, 2, 3)]
    store.add(joined(*panels))
    documents = written(store)
    assert [root_of(document)["name"] for document in documents] == ["GET /panel/3", "GET /panel/2", "GET /panel/1"]
    for document in documents:
        root = root_of(document)
        assert [span.get("parentSpanId") for span in spans_of(document)] == [root["spanId"]] * 2 + ["c" * 16]


def test_of_held_traces_every_request_is_kept_whatever_its_route_and_reason():
    store = TraceStore()
    store.hold(())
    for visit in range(1, 101):
        for panel in range(4):
            store.add(called(visit, 10 * visit + panel, 0.001, reason="slow"))
    for number in range(5000, 5000 + SLOWEST):
        store.add(request_of(number, 1.0))
    assert len([d for d in written(store) if duration(d) < 1]) == PER_ROUTE_AND_REASON
    store.hold([f"{70:032x}", f"{71:032x}"])
    quick = [root_of(d)["traceId"] for d in written(store) if duration(d) < 1]
    assert quick.count(f"{70:032x}") == quick.count(f"{71:032x}") == 4
    store.hold([f"{72:032x}"])
    assert f"{70:032x}" not in store.text()


def test_a_held_trace_may_come_later_and_be_sent_twice():
    store = TraceStore()
    store.hold([f"{1:032x}"])
    for _ in range(2):
        store.add(called(1, 7))
    assert store.received == 1
    assert len(written(store)) == 1


def test_the_memory_of_callers_traces_is_bounded_and_held_ones_go_last(monkeypatch):
    monkeypatch.setattr(traces, "_MAX_CALLS", 10)
    store = TraceStore()
    store.hold([f"{1:032x}"])
    for visit in range(1, 40):
        store.add(called(visit, visit))
    assert store._called == sum(map(len, store._calls.values())) == 10
    assert f"{1:032x}" in store._calls
    assert f"{2:032x}" not in store._calls


def test_where_nothing_is_held_callers_traces_are_as_any():
    store = TraceStore()
    store.add(called(1, 1))
    assert store._calls == {}
    assert len(written(store)) == 1


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
