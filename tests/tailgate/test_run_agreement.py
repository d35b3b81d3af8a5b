"""However a load ends, all that tells of it tells the same, to the request."""

import json
import re
import signal
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

import psutil
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run.bundle import Bundle
from tailgate_otel import names

from tests.server import Request, Response, Server
from tests.tailgate.conftest import Command

pytestmark = pytest.mark.xdist_group("load")

LOCUSTFILE = """
from locust import task
from tailgate_loadtest.engine.http import LoadUser
class Visitor(LoadUser):
    @task(5)
    def home(self):
        self.client.get("/home")
    @task
    def order(self):
        self.client.post("/order", json={"n": 1})
"""
PROFILE = """
name: steady
warmup: 1s
stages: [{duration: 6s, rate: 60}]
users: 40
"""
BROKEN_FROM = 1.5
PUSHED = "/v1/metrics"


class Seen(Server):
    """A service that counts what it is asked, and a receiver of what the run pushes."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.breaks = False
        """Whether it fails from some second on."""
        self._began = 0.0

    @property
    def visits(self) -> Counter[str]:
        """By method and path."""
        return Counter(f"{request.method} {request.path}" for request in self.asked if request.path != PUSHED)

    @property
    def pushed(self) -> list[ExportMetricsServiceRequest]:
        return [ExportMetricsServiceRequest.FromString(each.body) for each in self.asked if each.path == PUSHED]

    def _answer(self, request: Request) -> Response:
        if request.path == PUSHED:
            return Response()
        now = time.monotonic()
        self._began = self._began or now
        return Response(status=500 if self.breaks and now - self._began > BROKEN_FROM else 200)


@pytest.fixture
def seen() -> Iterator[Seen]:
    with Seen() as seen:
        yield seen


def engines(command: subprocess.Popen[str]) -> list[psutil.Process]:
    """The engine, and the workers under it."""
    below = psutil.Process(command.pid).children(recursive=True)
    return [process for process in below if "tailgate_loadtest.engine" in process.cmdline()]


def kill_worker(command: subprocess.Popen[str]) -> None:
    workers = [process for process in engines(command) if process.ppid() != command.pid]
    assert len(workers) == 2
    workers[0].kill()


def kill_engine(command: subprocess.Popen[str]) -> None:
    engines(command)[0].kill()


ENDINGS: dict[str, tuple[Callable[[subprocess.Popen[str]], Any] | None, tuple[str, ...], int]] = {
    "by itself": (None, (), 0),
    "by itself, of two workers": (None, ("--processes", "2"), 0),
    "SIGINT": (lambda command: command.send_signal(signal.SIGINT), (), 130),
    "SIGTERM, of two workers": (lambda command: command.send_signal(signal.SIGTERM), ("--processes", "2"), 143),
    "the brake": (None, (), 1),
    "a killed worker": (kill_worker, ("--processes", "2"), 0),
    "a killed engine": (kill_engine, (), 3),
}


def counts_of_log(bundle: Bundle) -> dict[str, dict[str, int]]:
    log = bundle.read_log()
    return {
        route: {
            "good": log.whole(route, Kind.RESPONSE).total,
            "failed": log.whole(route, Kind.FAILED).total,
            "censored": log.whole(route, Kind.CENSORED).total,
        }
        for route in log.routes
    }


def counts_of_summary(bundle: Bundle) -> dict[str, dict[str, int]]:
    rows = re.findall(r"^\| (GET|POST) (\S+) \|(.*)\|$", (bundle.path / "summary.md").read_text(), re.MULTILINE)
    counts = {}
    for method, path, rest in rows:
        cells = [cell.strip().replace("\u202f", "") for cell in rest.split("|")]
        if len(cells) == 8:  # the table of routes
            counts[f"{method} {path}"] = {"failed": int(cells[5]), "censored": int(cells[6])}
    return counts


def counts_of_push(seen: Seen) -> dict[str, dict[str, int]]:
    """What the last push said."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: {"good": 0, "failed": 0, "censored": 0})
    for resource in seen.pushed[-1].resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for kind, name, points in (
                    ("good", names.LOAD_RESPONSE_TIME, metric.histogram.data_points),
                    ("failed", names.LOAD_FAILED, metric.sum.data_points),
                    ("censored", names.LOAD_CENSORED, metric.sum.data_points),
                ):
                    for point in points if metric.name == name else ():
                        labels = {pair.key: pair.value.string_value for pair in point.attributes}
                        route = f"{labels[names.ATTR_METHOD]} {labels[names.ATTR_ROUTE]}"
                        counts[route][kind] = int(point.count if kind == "good" else point.as_double or point.as_int)
    return dict(counts)


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_artefact_agrees_to_the_request(
    tailgate: Command, seen: Seen, objectives: Callable[..., str], ending: str
) -> None:
    act, options, code = ENDINGS[ending]
    seen.breaks = ending == "the brake"
    (tailgate.cwd / "visitor.py").write_text(LOCUSTFILE)
    (tailgate.cwd / "steady.yaml").write_text(PROFILE)
    slo = objectives(("up", "availability", None, None, "0.5"), ("home", "latency", "GET /home", "500ms", "0.5"))
    with (tailgate.cwd / slo).open("a") as file:
        file.write("---\napiVersion: tailgate/v1\nkind: Gate\nmetadata: {name: steady}\n")
        file.write("spec: {profile: steady, minimumSamples: 20, abort: {errorRatio: 0.5, for: 2s}}\n")
    tailgate.environment[names.ENV_OTLP_ENDPOINT] = seen.url
    command = tailgate.start(
        "run", "--host", seen.url, "-f", "visitor.py", "--profile", "steady.yaml", "--slo", slo, "--json", *options
    )
    if act is not None:
        # Of an engine that is killed there is what it has written down: of the seconds before the last three.
        asked = 330 if act is kill_engine else 150
        deadline = time.monotonic() + 60
        while seen.visits.total() < asked and time.monotonic() < deadline:
            time.sleep(0.02)
        act(command)
    out, err = command.communicate(timeout=90)
    assert command.returncode == code, out + err

    bundle = Bundle.open((tailgate.cwd / "runs" / "latest").resolve())
    run, verdict = bundle.read_run(), json.loads(out)["verdict"]
    told = {
        route.route: {
            "good": route.requests - route.failed - route.censored,
            "failed": route.failed,
            "censored": route.censored,
        }
        for route in run.routes
    }
    assert counts_of_log(bundle) == told
    assert counts_of_push(seen) == told
    summary = counts_of_summary(bundle)
    assert summary == {
        route: {"failed": counts["failed"], "censored": counts["censored"]} for route, counts in told.items()
    }
    assert json.loads((bundle.path / "verdict.json").read_text()) == verdict
    samples = {finding["name"]: finding["samples"] for finding in verdict["objectives"]}
    assert samples == {
        "up": sum(route.requests for route in run.routes),
        "home": next(route.requests for route in run.routes if route.route == "GET /home"),
    }
    suite = ElementTree.parse(bundle.path / "junit.xml").getroot()[0]
    properties = {each.get("name"): each.get("value") for each in suite.find("properties") or ()}
    assert (properties["run"], properties["verdict"]) == (run.id, verdict["verdict"])
    page = (bundle.path / "report.html").read_text()
    assert run.id in page

    # Against what the service itself was asked: the warm-up is in no count but its own.
    lost = 2 * run.arrivals.lost
    for route, counts in told.items():
        assert sum(counts.values()) <= seen.visits[route] + run.arrivals.unstarted
    if ending.startswith("by itself"):
        assert run.arrivals.completed == run.arrivals.arrived == seen.visits.total()
    elif ending == "a killed worker":
        assert run.arrivals.completed <= seen.visits.total() <= run.arrivals.completed + lost
        assert sum(route.lost for route in run.routes) >= run.arrivals.lost > 0
    elif ending == "the brake":
        assert run.aborted
        assert run.aborted in verdict["reasons"]
        assert "brake" in (bundle.path / "junit.xml").read_text()
