"""A run takes the service's side from a real Prometheus: of an API whose series are called as Micrometer calls them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from tailgate_dashboards.prometheus import Prometheus
from tailgate_loadtest.run.interruption import Interruption

from tailgate.counters import counters_in
from tests.dashboards.servers import eventually, needs_prometheus, prometheus
from tests.server import Request, Response, Server
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


class Shop(Server):
    """Answers, and counts what it answered on a metrics page of its own."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self._page = CollectorRegistry()
        labels = ("method", "uri", "status")
        self._durations = Histogram(
            "http_server_requests_seconds", "-", labels, buckets=(0.1, 0.5), registry=self._page
        )
        self._queries = Histogram("shop_queries", "-", labels[:2], buckets=(1, 2, 4, 8), registry=self._page)
        # Somebody was here before; and of another job is nothing taken.
        self._count("/orders", queries=8)

    def _count(self, route: str, queries: int) -> None:
        self._durations.labels("GET", route, "200").observe(0.01)
        self._queries.labels("GET", route).observe(queries)

    def _answer(self, request: Request) -> Response:
        if request.path == "/metrics":
            return Response(generate_latest(self._page))
        self._count(*(("/orders", 1) if request.path == "/orders" else ("/orders/{id}", 3)))
        return Response(b"{}")


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
    with Shop() as shop, prometheus(tmp_path / "watch", watching(shop.host)) as watcher:
        eventually(lambda: len(Prometheus(watcher.url).query("shop_queries_count")) == 2)
        done = tailgate.here(
            "run", "--host", shop.url, "-f", "locustfile.py", "--profile", "quick.yaml",
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
