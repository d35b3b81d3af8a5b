"""Receives the traces that the service keeps during a run (OTLP over HTTP, on loopback), and keeps the telling ones.

A service of any language may send them: it needs only OTEL_EXPORTER_OTLP_ENDPOINT. What is kept is bounded: the slowest
requests, and a few for every route and reason.
"""

import heapq
import itertools
import json
import threading
import zlib
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate_otel import names

SLOWEST = 50
PER_ROUTE_AND_REASON = 20
_MAX_BODY = 16 * 1024 * 1024
_MAX_PARTIAL = 20_000
"""Spans that wait for their server span."""
_MAX_GROUPS = 1000
_SERVER = 2  # SpanKind.SPAN_KIND_SERVER

Json = dict[str, Any]


class TraceStore:
    """The traces worth a look; each is a whole OTLP JSON document of one request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._partial: dict[str, list[tuple[Json, Json, Json]]] = {}
        self._waiting = 0
        self._slowest: list[tuple[float, int, str]] = []
        self._groups: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._order = itertools.count()
        self._kept: dict[str, Json] = {}
        self.received = 0
        self.refused = 0

    def add(self, document: Json) -> None:
        """Take the spans of one export, in OTLP's JSON form."""
        with self._lock:
            try:
                self._sort(document)
            finally:
                # Spans whose server span never comes would pile up.
                while self._waiting > _MAX_PARTIAL:
                    self._take(next(iter(self._partial)))
                    self.refused += 1

    def _sort(self, document: Json) -> None:
        ended: set[str] = set()
        for resource in document.get("resourceSpans", []):
            for scope in resource.get("scopeSpans", []):
                for span in scope.get("spans", []):
                    trace_id = span["traceId"]
                    spans = self._partial.setdefault(trace_id, [])
                    spans.append((resource.get("resource", {}), scope.get("scope", {}), span))
                    self._waiting += 1
                    if span.get("kind") == _SERVER:
                        ended.add(trace_id)
        for trace_id in ended:
            self._keep(trace_id, self._take(trace_id))

    def text(self) -> str:
        """What was kept, slowest first, one request a line."""
        with self._lock:
            wanted = {key for _, _, key in self._slowest} | {k for group in self._groups.values() for k in group}
            documents = sorted((self._kept[key] for key in wanted), key=duration, reverse=True)
            return "".join(json.dumps(d, separators=(",", ":")) + "\n" for d in documents)

    def _take(self, trace_id: str) -> list[tuple[Json, Json, Json]]:
        spans = self._partial.pop(trace_id)
        self._waiting -= len(spans)
        return spans

    def _keep(self, trace_id: str, spans: list[tuple[Json, Json, Json]]) -> None:
        document = _document(spans)
        root = root_of(document)
        key = f"{trace_id}-{root['spanId']}"
        seconds = _seconds(root)
        group = (str(attribute(root, names.ATTR_ROUTE)), str(attribute(root, names.ATTR_KEPT_REASON)))
        if key in self._kept:  # sent again: an exporter that had no answer in time does so
            return
        self.received += 1
        entry = (seconds, next(self._order), key)
        dropped = None
        if len(self._slowest) < SLOWEST:
            heapq.heappush(self._slowest, entry)
        else:
            dropped = heapq.heappushpop(self._slowest, entry)[2]
        in_group = len(self._groups) < _MAX_GROUPS or group in self._groups
        if in_group and len(self._groups[group]) < PER_ROUTE_AND_REASON:
            self._groups[group].append(key)
        self._kept[key] = document
        if dropped and not any(dropped in keys for keys in self._groups.values()):
            self._kept.pop(dropped, None)


class TraceReceiver:
    """An OTLP/HTTP endpoint on loopback for the length of a run. A context manager."""

    def __init__(self) -> None:
        self.store = TraceStore()
        store = self.store

        class Handler(BaseHTTPRequestHandler):
            timeout = 5

            def do_POST(self) -> None:
                status = _receive(self, store)
                self.send_response(status)
                self.send_header("Content-Type", self.headers.get("Content-Type", "application/json"))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing: the run has the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def endpoint(self) -> str:
        """The base address, as OTEL_EXPORTER_OTLP_ENDPOINT wants it."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def attribute(span: Json, name: str) -> Any:
    """The value of a span's attribute, or None."""
    for pair in span.get("attributes", []):
        if pair.get("key") == name:
            return next(iter(pair.get("value", {}).values()), None)
    return None


def root_of(document: Json) -> Json:
    """The server span of a kept trace: the longest one, since a service may call itself."""
    servers = [
        span
        for resource in document["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
        if span.get("kind") == _SERVER
    ]
    return max(servers, key=_seconds)


def duration(document: Json) -> float:
    """Seconds that a kept trace's request took."""
    return _seconds(root_of(document))


def _seconds(span: Json) -> float:
    return (int(span.get("endTimeUnixNano", 0)) - int(span.get("startTimeUnixNano", 0))) / 1e9


def _document(spans: list[tuple[Json, Json, Json]]) -> Json:
    scopes: dict[str, Json] = {}
    for _, scope, span in spans:
        scopes.setdefault(json.dumps(scope, sort_keys=True), {"scope": scope, "spans": []})["spans"].append(span)
    return {"resourceSpans": [{"resource": spans[0][0], "scopeSpans": list(scopes.values())}]}


def _receive(handler: BaseHTTPRequestHandler, store: TraceStore) -> int:
    if handler.path != "/v1/traces":
        return 404
    try:
        length = int(handler.headers.get("Content-Length", ""))
    except ValueError:
        return 411
    if not 0 <= length <= _MAX_BODY:
        return 413
    body = handler.rfile.read(length)
    if len(body) < length:
        return 400
    try:
        if handler.headers.get("Content-Encoding") == "gzip":
            body = _inflate(body)
        if handler.headers.get("Content-Type", "").startswith("application/json"):
            document = json.loads(body)
        else:
            document = _otlp_json(_parsed(body))
        store.add(document)
    except (DecodeError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
        store.refused += 1
        return 400
    return 200


def _parsed(body: bytes) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    request.MergeFromString(body)
    return request


def _inflate(body: bytes) -> bytes:
    inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(body, _MAX_BODY)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not inflater.eof:
        raise ValueError("cut short, or inflates past the limit")
    return inflated


def _otlp_json(request: ExportTraceServiceRequest) -> Json:
    """OTLP's own JSON: as protobuf's, but ids in hexadecimal and enumerations as numbers."""
    document: Json = MessageToDict(request, use_integers_for_enums=True)
    pairs = zip(request.resource_spans, document.get("resourceSpans", []), strict=True)
    for resource, resource_json in pairs:
        for scope, scope_json in zip(resource.scope_spans, resource_json.get("scopeSpans", []), strict=True):
            for span, span_json in zip(scope.spans, scope_json.get("spans", []), strict=True):
                span_json["traceId"] = span.trace_id.hex()
                span_json["spanId"] = span.span_id.hex()
                if span.parent_span_id:
                    span_json["parentSpanId"] = span.parent_span_id.hex()
                for link, link_json in zip(span.links, span_json.get("links", []), strict=True):
                    link_json["traceId"], link_json["spanId"] = link.trace_id.hex(), link.span_id.hex()
    return document
