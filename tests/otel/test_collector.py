"""The Collector's configuration: what must hold in it, and where a Collector is at hand, what comes out of it.

A contrib Collector is found on the PATH, or named by the environment variable OTELCOL; without one its tests are not
collected, and those of the file remain.
"""

import gzip
import ipaddress
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from fastapi import FastAPI
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace.status import Status, StatusCode
from tailgate_otel import Config, Recorder, names

from tests.server import Response, Server

FILE = Path(__file__).parents[2] / "otel" / "collector.yaml"
COLLECTOR = os.environ.get("OTELCOL") or shutil.which("otelcol-contrib") or shutil.which("otelcol")
ALLOWANCE = 30.0
PORTS = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{grpc}"}}, http: {{endpoint: "127.0.0.1:{http}"}}}}}}}}
extensions: {{health_check: {{endpoint: "127.0.0.1:{health}"}}}}
service: {{telemetry: {{metrics: {{readers: [pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {own}}}}}}}]}}}}}}
"""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def every(node: Any, wanted: str) -> Iterator[Any]:
    """The values of a key, wherever it stands."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == wanted:
                yield value
            yield from every(value, wanted)
    elif isinstance(node, list):
        for value in node:
            yield from every(value, wanted)


def test_pipelines_are_made_of_what_is_defined_and_nothing_is_left_over(document):
    service = document["service"]
    for kind in ("receivers", "processors", "exporters"):
        named = {name for pipeline in service["pipelines"].values() for name in pipeline[kind]}
        assert named == set(document[kind])
    assert set(service["extensions"]) == set(document["extensions"])


def test_memory_is_bounded_first_and_what_is_left_is_batched_last(document):
    for pipeline in document["service"]["pipelines"].values():
        assert pipeline["processors"] == ["memory_limiter", "redaction", "transform", "batch"]


def test_no_metrics_are_made_of_spans(document):
    assert list(document["service"]["pipelines"]) == ["traces"]
    assert "connectors" not in document
    assert not any(re.match("spanmetrics|servicegraph|prometheus", name) for name in document["exporters"])


def test_it_listens_on_loopback_alone(document):
    inside = {key: document[key] for key in ("receivers", "extensions", "service")}
    hosts = [endpoint.rpartition(":")[0] for endpoint in every(inside, "endpoint")] + [*every(inside, "host")]
    assert len(hosts) == 4
    assert all(ipaddress.ip_address(host).is_loopback for host in hosts)


def test_traces_go_where_the_environment_says(document):
    [exporter] = document["exporters"].values()
    assert exporter["endpoint"] == f"${{env:{names.ENV_TEMPO_ENDPOINT}}}"


@pytest.mark.parametrize(
    "key",
    [
        *("url.query", "url.fragment", "http.request.header.authorization", "http.request.header.cookie"),
        *("http.response.header.set-cookie", f"http.request.header.{names.HEADER_RUN_SECRET}", "db.password"),
        *(f"http.request.header.{names.HEADER_API_KEY}", "rpc.grpc.request.metadata.x-auth", "exception.message"),
        *("db.query.parameter.0", "db.statement.parameters", "access_token", "client.api_key", "exception.stacktrace"),
    ],
)
def test_what_must_not_be_there_is_masked(document, key):
    assert any(re.search(pattern, key) for pattern in document["processors"]["redaction"]["blocked_key_patterns"])


def test_what_the_recorder_says_is_not_masked(document):
    patterns = document["processors"]["redaction"]["blocked_key_patterns"]
    own = [value for name, value in vars(names).items() if name.startswith("ATTR_")]
    assert [key for key in own if any(re.search(pattern, key) for pattern in patterns)] == []


class Tempo(Server):
    """A receiver of OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(Response())

    @property
    def bodies(self) -> list[bytes]:
        """What it was sent."""
        assert all(request.path == "/v1/traces" for request in self.asked)
        return [
            gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
            for request in self.asked
        ]

    @property
    def spans(self) -> dict[str, dict[str, Any]]:
        """The attributes of each span by its name, those of its events and its status message among them."""
        found = {}
        for body in self.bodies:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        read = {"status.message": span.status.message, **_attributes(resource.resource.attributes)}
                        for event in span.events:
                            read |= _attributes(event.attributes)
                        found[span.name] = read | _attributes(span.attributes)
        return found


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + ALLOWANCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


class TestTheCollectorItself:
    __test__ = COLLECTOR is not None

    @pytest.fixture
    def tempo(self) -> Iterator[Tempo]:
        with Tempo() as tempo:
            yield tempo

    @pytest.fixture
    def endpoint(self, tempo: Tempo, tmp_path: Path) -> Iterator[str]:
        """Where a Collector by our file listens; its ports alone are others."""
        grpc, http, health, own = free_ports(4)
        ports = tmp_path / "ports.yaml"
        ports.write_text(PORTS.format(grpc=grpc, http=http, health=health, own=own))
        command = [COLLECTOR, "--config", str(FILE), "--config", str(ports)]
        environment = os.environ | {names.ENV_TEMPO_ENDPOINT: tempo.url}
        log = tmp_path / "collector.log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        try:
            wait_for(lambda: process.poll() is not None or answers(f"http://127.0.0.1:{health}/"))
            assert process.poll() is None, log.read_text()
            yield f"http://127.0.0.1:{http}"
            assert answers(f"http://127.0.0.1:{own}/metrics")
            process.send_signal(signal.SIGTERM)
            assert process.wait(ALLOWANCE) == 0
        finally:
            process.kill()
            process.wait()

    def test_the_collector_takes_the_file(self):
        environment = os.environ | {names.ENV_TEMPO_ENDPOINT: "http://127.0.0.1:1"}
        subprocess.run([COLLECTOR, "validate", "--config", str(FILE)], env=environment, check=True)

    def test_without_somewhere_to_send_to_the_collector_says_so(self):
        environment = {name: value for name, value in os.environ.items() if name != names.ENV_TEMPO_ENDPOINT}
        command = [COLLECTOR, "validate", "--config", str(FILE)]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode != 0
        assert "endpoint" in result.stderr

    def test_secrets_go_in_and_do_not_come_out(self, tempo, endpoint):
        provider = TracerProvider(resource=Resource({"service.name": "other", "deploy.token": "fine"}))
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")))
        sent = {
            "url.query": "token=hidden-1",
            "url.full": "https://shop.example/orders?key=hidden-2#hidden-3",
            "http.url": "https://ada:hidden-4@shop.example/orders",
            "http.target": "/orders?key=hidden-5",
            "http.request.header.authorization": ["Bearer hidden-6-hidden"],
            "http.request.header.cookie": ("session=hidden-7",),
            "http.request.header.accept": ["application/json"],
            f"http.request.header.{names.HEADER_RUN_SECRET}": ["hidden-8"],
            "db.query.parameter.0": "hidden-9",
            "db.query.text": "select * from customer where name = ? and note ? 'x' and id = $1",
            "note": "sent Authorization: Basic aGlkZGVuLTEwOmhpZGRlbg== to http://shop.example/a?b=hidden-11 at noon",
            "identity": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJoaWRkZW4ifQ.aGlkZGVu-hidden-12",
            "user.passwords": 4711,
            "queries": 3,
        }
        with provider.get_tracer("test").start_as_current_span("GET /orders?key=hidden-13", attributes=sent) as span:
            span.add_event(
                "exception", {"exception.type": "UniqueViolation", "exception.message": "Key (a)=(hidden-14)"}
            )
            span.set_status(Status(StatusCode.ERROR, "Key (name)=(hidden-15) already exists"))
        provider.shutdown()
        wait_for(lambda: tempo.spans)
        everything = b"".join(tempo.bodies)
        assert b"hidden" not in everything
        assert b"aGlkZGVu" not in everything
        assert b"4711" not in everything
        [(name, read)] = tempo.spans.items()
        assert name == "GET /orders"
        assert read["status.message"] == ""
        assert read["url.full"] == "https://shop.example/orders"
        assert read["http.url"] == "****shop.example/orders"
        assert read["http.target"] == "/orders"
        assert read["db.query.text"] == sent["db.query.text"]
        assert read["note"] == "sent Authorization: **** to http://shop.example/a at noon"
        assert read["url.query"] == read["user.passwords"] == read["http.request.header.cookie"] == "****"
        assert (read["queries"], read["exception.type"], read["deploy.token"]) == (3, "UniqueViolation", "fine")
        assert read["http.request.header.accept"].values[0].string_value == "application/json"

    async def test_what_a_recorder_keeps_comes_out_as_it_went_in(self, tempo, endpoint, pool):
        app = FastAPI()

        @app.get("/orders/{order}")
        async def orders(order: int) -> None:
            for _ in range(6):
                await pool.fetchval("select $1::int where 'secret' <> ''", order)

        recorder = Recorder(Config(service_name="shop", metrics_port=0, otlp_endpoint=endpoint))
        recorder.start()
        transport = httpx.ASGITransport(recorder.middleware(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            await client.get("/orders/7?token=hidden", headers={"authorization": "Bearer hidden"})
        recorder.close()
        wait_for(lambda: tempo.spans)
        read = tempo.spans
        server = read["GET /orders/{order}"]
        assert server[names.ATTR_SERVICE_NAME] == "shop"
        assert server[names.ATTR_KEPT_REASON] == names.KEPT_N_PLUS_ONE
        assert server[names.ATTR_N_PLUS_ONE] == "select $1::int where ? <> ?"
        assert re.search(r"test_collector\.py:\d+$", server[names.ATTR_N_PLUS_ONE_SITE])
        assert read["SELECT"][names.ATTR_DB_QUERY] == "select $1::int where ? <> ?"
        everything = b"".join(tempo.bodies)
        assert b"hidden" not in everything
        assert b"****" not in everything
