"""Who stands around a service: a receiver of traces that answers 200, and a scraper of metrics.

``python -m benchmarks.instrumented.observer`` prints its port. A line on standard input is a port whose metrics are
scraped from then on, or empty; each is answered with what has come. It ends with that input.
"""

import gzip
import json
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import PIPE, Popen
from urllib.error import URLError

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from tailgate_otel import names

SCRAPE_EVERY = 5.0
_ACCEPT = "application/openmetrics-text; version=1.0.0"
"""With exemplars, as Prometheus asks for them; compressed, as it asks for everything."""
_TIMEOUT = 10.0


def scrape(port: int) -> bytes:
    """What a service says of itself, compressed."""
    headers = {"accept": _ACCEPT, "accept-encoding": "gzip"}
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers=headers)
    with urllib.request.urlopen(asked, timeout=_TIMEOUT) as answer:  # noqa: S310 - http
        body: bytes = answer.read()
    return body


def by_route(metrics: bytes, name: str) -> dict[str, float]:
    """The samples of one name that a scrape has, by their route; by the empty word when they have none."""
    return {
        sample.labels.get(names.LABEL_ROUTE, ""): sample.value
        for family in text_string_to_metric_families(gzip.decompress(metrics).decode())  # type: ignore[no-untyped-call]
        for sample in family.samples
        if sample.name == name
    }


class Receiver(ThreadingHTTPServer):
    """An OTLP/HTTP receiver that counts traces, and gives the messages on as they came to whoever wants them."""

    daemon_threads = True

    def __init__(self) -> None:
        self.traces = 0
        self.messages: list[ExportTraceServiceRequest] | None = None
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def endpoint(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.server_port}"

    def take(self, message: ExportTraceServiceRequest) -> None:
        """Count what has come, and keep it if it is to be kept."""
        self.traces += sum(span.kind == Span.SPAN_KIND_SERVER for span in spans(message))
        if self.messages is not None:
            self.messages.append(message)


def spans(message: ExportTraceServiceRequest) -> Iterator[Span]:
    """Every span of a message."""
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            yield from scope.spans


class _Handler(BaseHTTPRequestHandler):
    # Exporters keep their connection, as any Collector lets them.
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.take(ExportTraceServiceRequest.FromString(body))
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver in a thread of this process."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        receiver.server_close()
        thread.join()


@dataclass(frozen=True, slots=True)
class Observer:
    """A running observer, as seen from the process that started it."""

    endpoint: str
    process: Popen[str]

    def traces(self, *, scraping: int | None = None) -> int:
        """How many traces have come; from now on, the metrics on that port are scraped."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the observer has no pipes")
        self.process.stdin.write(f"{scraping or ''}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@contextmanager
def observing() -> Iterator[Observer]:
    """An observer in a process of its own, so that what it does delays no client."""
    process = Popen(
        [sys.executable, "-m", "benchmarks.instrumented.observer"],
        stdin=PIPE,
        stdout=PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    with process:
        try:
            if process.stdout is None:
                raise RuntimeError("the observer has no pipes")
            yield Observer(f"http://127.0.0.1:{json.loads(process.stdout.readline())}", process)
        finally:
            process.kill()


def main() -> None:
    """Observe until standard input ends."""
    ended = threading.Event()

    def scraping(port: int) -> None:
        with suppress(URLError):  # the service has ended
            while not ended.wait(SCRAPE_EVERY):
                scrape(port)

    with receiving() as receiver:
        print(receiver.server_port, flush=True)
        for line in sys.stdin:
            if line.strip():
                threading.Thread(target=scraping, args=(int(line),), daemon=True).start()
            print(receiver.traces, flush=True)
        ended.set()


if __name__ == "__main__":
    main()
