"""A service that fails is left alone, a search ends where its answer is known, and all that is written agrees."""

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest
from tailgate_otel import names

from tests.server import Request, Response, Server
from tests.tailgate.conftest import Command

pytestmark = pytest.mark.xdist_group("load")

PROFILE = """
apiVersion: tailgate/v1
kind: Profile
name: steady
warmup: 1s
arrivals: constant
stages: [{duration: 40s, rate: 40}]
users: 100
"""
STAIRS = """
apiVersion: tailgate/v1
kind: Profile
name: stairs
steps: true
arrivals: constant
stages: [{duration: 4s, rate: 20}, {duration: 8s, rate: 50}, {duration: 8s, rate: 60}]
users: 200
"""
LOCUSTFILE = """
from locust import task
from tailgate_loadtest.engine.http import LoadUser
class Visitor(LoadUser):
    @task
    def home(self):
        self.client.get("/home")
"""


class Service(Server):
    """Fails every ``every``-th request from ``after`` seconds on; is slow for what comes past ``capacity`` a second."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.after = 1.5
        self.every = 0
        self.capacity = float("inf")
        self.slowness = 0.4
        """Seconds that those take."""
        self.requests = 0
        self._first = 0.0
        self._seconds: list[float] = []
        self._lock = threading.Lock()

    def _answer(self, _: Request) -> Response:
        with self._lock:
            now = time.monotonic()
            self._first = self._first or now
            self.requests += 1
            self._seconds = [moment for moment in self._seconds if moment > now - 1] + [now]
            failing = self.every and now - self._first > self.after and self.requests % self.every == 0
            slow = len(self._seconds) > self.capacity
        time.sleep(self.slowness if slow else 0.0)
        return Response(b"ok", 500 if failing else 200)


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


@pytest.fixture
def directory(tailgate: Command, objectives: Callable[..., str]) -> Callable[[str, str], Path]:
    """Writes what a run needs, with a gate and a profile; returns the latest bundle's place."""

    def write(profile: str, gate: str = "minimumSamples: 20", within: str = "200ms") -> Path:
        (tailgate.cwd / "locustfile.py").write_text(LOCUSTFILE)
        (tailgate.cwd / "profile.yaml").write_text(profile)
        name = objectives(
            ("home-fast", "latency", "GET /home", within, "0.9"), ("available", "availability", None, None, "0.9")
        )
        text = (tailgate.cwd / name).read_text()
        (tailgate.cwd / "slo.yaml").write_text(text.replace("minimumSamples: 20", gate))
        return tailgate.cwd / "runs" / "latest"

    return write


def run(tailgate: Command, service: Service, *more: str):
    return tailgate.here("run", "--host", service.url, "-f", "locustfile.py", "--profile", "profile.yaml", *more)


def document(bundle: Path, name: str) -> dict:
    return json.loads((bundle / name).read_text())


def engines(directory: Path) -> list[psutil.Process]:
    """Engines that work in a directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if "tailgate_loadtest.engine" in process.cmdline() and process.cwd() == str(directory):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def test_a_service_that_fails_half_its_requests_is_left_alone(
    tailgate: Command, service: Service, directory: Callable[..., Path]
) -> None:
    bundle = directory(PROFILE, "minimumSamples: 20, abort: {errorRatio: 0.2, for: 2s}")
    service.every = 2
    done = run(tailgate, service)
    assert done.returncode == 1, done.stdout + done.stderr
    assert engines(tailgate.cwd) == []

    document_, verdict = document(bundle, "run.json"), document(bundle, "verdict.json")
    sentence = document_["aborted"]
    assert "requests that ended within the last 2 s failed" in sentence
    assert "errorRatio 0.2 for 2 s" in sentence
    assert (document_["ended"], document_["interrupted"], document_["generator"]["reasons"]) == (None, None, [])
    assert (verdict["verdict"], verdict["exit_code"], verdict["reasons"][0]) == ("fail", 1, sentence)

    (route,) = document_["routes"]
    warmup = service.requests - route["requests"]
    assert 40 <= warmup <= 41  # every request that the service saw is in the bundle, but for the second of warm-up
    assert route["requests"] < 40 * 20
    assert route["failed"] == sum(route["errors"].values()) > 0
    finding = next(f for f in verdict["objectives"] if f["name"] == "available")
    assert finding["bad"] == route["failed"] + route["censored"]

    case = ElementTree.parse(bundle / "junit.xml").getroot().find(".//testcase[@name='run']")
    failure = case.find("failure")
    assert (failure.get("type"), failure.get("message")) == ("aborted", sentence)
    assert "the brake ended the load" in (bundle / "summary.md").read_text()
    assert sentence in (bundle / "report.html").read_text()
    assert "the brake ended the load" in done.stdout
    assert tailgate.here("gate", "runs/latest").returncode == 1


@pytest.mark.parametrize(
    ("gate", "every"),
    [("minimumSamples: 20", 2), ("minimumSamples: 20, abort: {errorRatio: 0.6, for: 2s}", 2)],
    ids=["loopback", "below"],
)
def test_a_load_is_not_ended_that_nobody_asked_to_end(
    tailgate: Command, service: Service, directory: Callable[..., Path], gate: str, every: int
) -> None:
    bundle = directory(PROFILE.replace("40s", "4s"), gate)
    service.every, service.after = every, 1.0
    done = run(tailgate, service)
    assert done.returncode == 1, done.stdout + done.stderr  # the objectives see what happened
    document_ = document(bundle, "run.json")
    assert document_["aborted"] is None
    assert document_["routes"][0]["requests"] == 4 * 40


def test_a_search_ends_on_the_step_that_cannot_be_held(
    tailgate: Command, service: Service, directory: Callable[..., Path]
) -> None:
    # A machine that stands still for half a second takes no step for one that cannot be held.
    bundle = directory(STAIRS, within="1s")
    service.capacity, service.slowness = 35, 1.5
    done = run(tailgate, service)
    document_, verdict = document(bundle, "run.json"), document(bundle, "verdict.json")
    assert done.returncode == 0, done.stdout + done.stderr  # the highest step that was held keeps every objective
    assert document_["aborted"] is None
    assert "home-fast cannot be kept at 50 arrivals/s" in document_["ended"]
    assert document_["ended"] in document_["warnings"]
    assert 8 <= document_["seconds"] < 12
    assert [(step["rate"], step["verdict"]) for step in verdict["steps"]] == [(20.0, "pass"), (50.0, "fail")]
    assert verdict["rate_held"] == 20.0


def read(url: str) -> dict[str, float]:
    with urllib.request.urlopen(url, timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


def test_the_page_of_a_run_is_stated_and_can_be_scraped_while_it_lasts(
    tailgate: Command, service: Service, directory: Callable[..., Path]
) -> None:
    bundle = directory(PROFILE.replace("40s", "3s"), within="10s")
    tailgate.environment[names.ENV_RUN_METRICS_PORT] = "0"
    process = tailgate.start("run", "--host", service.url, "-f", "locustfile.py", "--profile", "profile.yaml")
    assert process.stderr is not None
    url = next(line for line in process.stderr if "own measures" in line).split()[-1]
    info = f"{names.RUN_INFO}{{"
    pages: list[dict[str, float]] = []
    while process.poll() is None and len(pages) < 2:
        page = read(url)
        if any(key.startswith(info) for key in page) and page not in pages:
            pages.append(page)
        time.sleep(0.2)
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == 0, printed + errors
    first, second = pages
    assert first[f"{names.LOAD_STARTED}_total"] < second[f"{names.LOAD_STARTED}_total"]
    (labels,) = [key for key in second if key.startswith(info)]
    assert f'run_id="{bundle.resolve().name}"' in labels
    assert f'host="{service.url}"' in labels
    assert f'{names.LOAD_OBJECTIVE_STATE}{{objective="available"}}' in second


def test_a_port_that_is_taken_is_named_before_anything_is_loaded(
    tailgate: Command, service: Service, directory: Callable[..., Path]
) -> None:
    directory(PROFILE)
    taken = service.url.rpartition(":")[2]
    done = run(tailgate, service, "--metrics-port", taken)
    assert done.returncode == 2
    assert f"--metrics-port {taken}: cannot be listened at" in done.stderr
    assert service.requests == 0
