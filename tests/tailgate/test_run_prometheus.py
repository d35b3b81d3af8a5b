"""A run takes the service's side from a real Prometheus: of an API whose series are called as Micrometer calls them."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from tailgate_dashboards.prometheus import Prometheus
from tailgate_loadtest.run.interruption import Interruption

from tailgate.counters import counters_in
from tests.dashboards.servers import eventually, needs_prometheus, prometheus
from tests.tailgate.conftest import Command, free_port

pytestmark = [needs_prometheus, pytest.mark.xdist_group("load")]

LOCUSTFILE = """
from locust import HttpUser, task
class Visitor(HttpUser):
    @task(3)
    def order(self):
        self.client.get("/orders/17", name="/orders/{id}")
    @task
    def orders(self):
        self.client.get("/orders")
"""
OBJECTIVES = """
apiVersion: tailgate/v1
kind: Metrics
metadata: {name: shop}
spec: {preset: micrometer, queries: shop_queries, match: {job: shop}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: few-queries}
spec:
  service: shop
  indicator:
    spec:
      thresholdMetric:
        metricSource: {type: tailgate, spec: {measure: queries, route: "GET /orders/{id}", threshold: 4}}
  timeWindow: [{duration: 30d, isRolling: true}]
  objectives: [{target: 0.9}]
---
apiVersion: tailgate/v1
kind: Gate
metadata: {name: gate}
spec: {minimumSamples: 10}
"""


class Shop(ThreadingHTTPServer):
    """Answers, and counts what it answered on a metrics page of its own."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.page = CollectorRegistry()
        labels = ("method", "uri", "status")
        self.durations = Histogram("http_server_requests_seconds", "-", labels, buckets=(0.1, 0.5), registry=self.page)
        self.queries = Histogram("shop_queries", "-", labels[:2], buckets=(1, 2, 4, 8), registry=self.page)
        # Somebody was here before; and of another job is nothing taken.
        self.serve("/orders", queries=8)

    def serve(self, route: str, queries: int) -> None:
        self.durations.labels("GET", route, "200").observe(0.01)
        self.queries.labels("GET", route).observe(queries)


class _Handler(BaseHTTPRequestHandler):
    server: Shop
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/metrics":
            body = generate_latest(self.server.page)
        else:
            body = b"{}"
            self.server.serve(*(("/orders", 1) if self.path == "/orders" else ("/orders/{id}", 3)))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def shop() -> Iterator[str]:
    server = Shop()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def watching(address: str) -> str:
    jobs = (("shop", address), ("another", address))
    return "global: {scrape_interval: 5s, scrape_timeout: 5s}\nscrape_configs:\n" + "".join(
        f"  - {{job_name: {job}, static_configs: [{{targets: ['{target}']}}]}}\n" for job, target in jobs
    )


def written(tailgate: Command) -> None:
    (tailgate.cwd / "locustfile.py").write_text(LOCUSTFILE)
    (tailgate.cwd / "slo.yaml").write_text(OBJECTIVES)


def between(server: dict, metric: str, route: str) -> float:
    """How much a counter of a route grew from the start to the end."""

    def at(moment: str) -> float:
        samples = server.get(moment, {}).get("samples", [])
        return sum(value for name, labels, value in samples if name == metric and labels["http_route"] == route)

    return at("end") - at("start")


def test_the_service_side_is_what_prometheus_counted_to_the_request(tailgate: Command, tmp_path: Path) -> None:
    written(tailgate)
    (tmp_path / "watch").mkdir()
    with shop() as address, prometheus(tmp_path / "watch", watching(address)) as watcher:
        eventually(lambda: len(Prometheus(watcher.url).query("shop_queries_count")) == 2)
        done = tailgate.here(
            "run", "--host", f"http://{address}", "-f", "locustfile.py", "--profile", "quick.yaml",
            "--prometheus", watcher.url,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    bundle = tailgate.cwd / "runs" / "latest"
    server, run = (json.loads((bundle / name).read_text()) for name in ("server.json", "run.json"))
    assert (server["state"], server["source"]) == ("complete", watcher.url)
    routes = {route["route"]: route for route in run["routes"]}
    for template, queries in (("/orders/{id}", 3), ("/orders", 1)):
        grew = between(server, "http_server_request_duration_seconds_count", template)
        assert grew == between(server, "tailgate_queries_per_request_count", template)
        # Those of the warm-up as well, which the run does not judge.
        assert grew > routes[f"GET {template}"]["requests"]
        assert between(server, "tailgate_queries_per_request_sum", template) == queries * grew
        assert routes[f"GET {template}"]["queries"] == queries
    (verdict,) = json.loads((bundle / "verdict.json").read_text())["objectives"]
    assert (verdict["name"], verdict["verdict"]) == ("few-queries", "pass")


def test_a_prometheus_that_is_not_there_is_noted_and_ends_no_run() -> None:
    server = counters_in(f"http://127.0.0.1:{free_port()}", None, Interruption())
    server.take("start")
    assert (server.state, server.queries()) == ("absent", {})
    (error,) = server.errors
    assert "could not be read at the start" in error
    assert "cannot be asked" in error


def test_an_interrupted_run_does_not_wait_for_a_scrape(tmp_path: Path) -> None:
    interruption = Interruption()
    interruption.name = "SIGINT"
    with prometheus(tmp_path, "global: {}\n") as watcher:
        server = counters_in(watcher.url, None, interruption)
        server.take("start")
        server.take("end")
    assert (server.state, server.errors) == ("complete", [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--prometheus", "http://127.0.0.1:9"), "--prometheus: has the counters of an API that --host names"),
        (("--prometheus", "nowhere", "--host", "http://127.0.0.1:9", "-f", "locustfile.py"), "no address of a Prom"),
        (("--prometheus", "http://127.0.0.1:9", "--worker", "-f", "locustfile.py"), "--worker"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    tailgate: Command, refused: Callable[..., str], arguments: tuple[str, ...], message: str
) -> None:
    written(tailgate)
    assert message in refused("run", *arguments)
