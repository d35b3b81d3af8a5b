"""Receives the traces that services send during a run: OTLP over HTTP.

A service of any language may send them. One that is started here needs only the environment that its receiver hands
out; any other has to be told an address of this machine.
"""

import json
import threading
import zlib
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tailgate_otel import names

from tailgate_loadtest.run.spans import Json
from tailgate_loadtest.run.traces import TraceStore

SAMPLE_RATIO = 0.2
"""Of the requests, the share whose traces are asked for where two sides are to be told apart by them."""
_LOOPBACK = "127.0.0.1"
_TRACES = "/v1/traces"
"""What exporters add to the address that they are told."""
_MAX_BODY = 16 * 1024 * 1024


class Receiver:
    """An OTLP/HTTP endpoint for as long as it is entered; at ``address``, a host and a port.

    ``stores`` are by what comes before ``/v1/traces`` in the path, and take what is sent there. Raises ``OSError`` when
    nobody can listen at the address.
    """

    def __init__(self, stores: Mapping[str, TraceStore], address: tuple[str, int]) -> None:
        by_path = {base + _TRACES: store for base, store in stores.items()}

        class Handler(BaseHTTPRequestHandler):
            timeout = 5

            def do_POST(self) -> None:
                store = by_path.get(self.path)
                self.send_response(404 if store is None else _receive(self, store))
                self.send_header("Content-Type", self.headers.get("Content-Type", "application/json"))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing: the run has the terminal."""

        self._server = ThreadingHTTPServer(address, Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class TraceReceiver(Receiver):
    """An endpoint on loopback for one service that is started here. A context manager."""

    def __init__(self) -> None:
        self.store = TraceStore()
        super().__init__({"": self.store}, (_LOOPBACK, 0))

    @property
    def endpoint(self) -> str:
        """The base address, as OTEL_EXPORTER_OTLP_ENDPOINT wants it."""
        return f"http://{_LOOPBACK}:{self._server.server_address[1]}"

    @property
    def environment(self) -> dict[str, str]:
        """What a service of any language is told, so that a fair share of its traces comes here, and nothing else."""
        return {
            names.ENV_OTLP_ENDPOINT: self.endpoint,
            names.ENV_OTLP_PROTOCOL: "http/protobuf",
            names.ENV_TRACES_EXPORTER: "otlp",
            names.ENV_METRICS_EXPORTER: "none",
            names.ENV_LOGS_EXPORTER: "none",
            names.ENV_TRACES_SAMPLER: "parentbased_traceidratio",
            names.ENV_TRACES_SAMPLER_ARG: str(SAMPLE_RATIO),
        }


def _receive(handler: BaseHTTPRequestHandler, store: TraceStore) -> int:
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
            document = _otlp_json(ExportTraceServiceRequest.FromString(body))
        store.add(document)
    except (DecodeError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
        store.refused += 1
        return 400
    return 200


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
