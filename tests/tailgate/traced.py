"""A service of somebody else's, traced by the stock SDK as its environment says; with a page, which asks it as well."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tailgate_otel import names

from tests.tailgate.conftest import clean_environment

_SERVICE = '''
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

PAGE = b"""<!doctype html><title>Shop</title><h1>Shop</h1><script type="module">
  await fetch("/basket");
  document.body.append("The basket is here");
  performance.mark("basket_shown");
</script>"""
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("shop")
QUERY = {"db.system": "mysql", "db.statement": "SELECT name, price FROM prices WHERE item = 4711"}


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        page = self.path == "/"
        asked = {"http.method": "GET", "http.route": self.path, "http.status_code": 200}
        caller = extract({name.lower(): value for name, value in self.headers.items()})
        with tracer.start_as_current_span("GET", caller, SpanKind.SERVER, asked):
            for _ in range(0 if page else int(sys.argv[1])):
                with tracer.start_as_current_span("SELECT", kind=SpanKind.CLIENT, attributes=QUERY):
                    time.sleep(0.004)
        body = PAGE if page else b""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Listener(ThreadingHTTPServer):
    request_queue_size = 512


with Listener(("127.0.0.1", 0), Shop) as listener:
    print(listener.server_port, flush=True)
    listener.serve_forever()
'''
SHOPPER = """
from locust import task
from tailgate_loadtest.engine.http import LoadUser


class Shopper(LoadUser):
    @task
    def buy(self):
        self.client.get("/basket")
"""
"""A locustfile for it."""


@contextmanager
def service(endpoint: str, queries: int) -> Iterator[str]:
    """The address of one whose ``/basket`` makes so many queries; to be ended by nobody but the test."""
    environment = clean_environment() | {names.ENV_OTLP_ENDPOINT: endpoint, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    arguments = [sys.executable, "-c", _SERVICE, str(queries)]
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None:
                raise ValueError("its output is not ours")
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()
