"""A little API on loopback that counts what it is asked, and a run of the real engine against it."""

import itertools
import json
import math
import textwrap
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import tailgate_slo
from prometheus_client.parser import text_string_to_metric_families
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import Interval, LatencyLog, LogWriter
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.conduct import conduct
from tailgate_loadtest.run.document import Arrivals, Generator, PlanRecord, RouteRecord, RunDocument, StageRecord
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.run.plan import Plan
from tailgate_loadtest.run.server import ServerCounters
from tailgate_loadtest.shapes.orders import Swarm
from tailgate_loadtest.shapes.profile import Profile, Stage
from tailgate_loadtest.shapes.tolerance import Tolerance
from tailgate_otel import names
from tailgate_slo import Objectives

from tests.server import Request, Response, Server


class Api(Server):
    """Answers ``/fast`` and any unknown path at once, ``/slow`` after 0.2 s, ``/error`` with 500, ``/hang`` at the end.

    ``freeze`` holds every answer back until ``thaw``; ``on_request`` is told the number of each request, from 1 on.
    """

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.on_request: Callable[[int], None] = lambda _: None
        self._numbers = itertools.count(1)
        self._running = threading.Event()
        self._running.set()

    def __exit__(self, *error: object) -> None:
        self.thaw()
        super().__exit__(*error)

    @property
    def requests(self) -> Counter[str]:
        """By method and path, as they came in."""
        return Counter(f"{request.method} {request.path}" for request in self.asked)

    def freeze(self) -> None:
        self._running.clear()

    def thaw(self) -> None:
        self._running.set()

    def _answer(self, request: Request) -> Response:
        self.on_request(next(self._numbers))
        self._running.wait()
        if request.path == "/slow":
            self.over.wait(0.2)
        elif request.path == "/hang":
            self.over.wait()
        body = json.dumps({"path": request.path}).encode()
        return Response(body, 500 if request.path == "/error" else 200, {"Content-Type": "application/json"})


@pytest.fixture
def api() -> Iterator[Api]:
    """The little API, running."""
    with Api() as api:
        yield api


def steady(rate: float = 40, seconds: float = 1, **more: Any) -> Profile:
    """Constant arrivals at one rate."""
    stage = Stage(duration=seconds, start=rate, end=rate)
    return Profile(**{"name": "steady", "process": "constant", "stages": (stage,), **more})


DISTURBED = Tolerance(late=0.9, stalled=0.9, waited=1.0, throttled=1.0, steal=1.0, shared=1.0)
"""Other tests and other machines share these processors: whether a run's generator was left alone decides no test."""


class Brief(Plan):
    """A plan that waits for what hangs no longer than a test can."""

    @property
    def drain(self) -> float:
        return 1.0


def plan_of(directory: Path, host: str, text: str, load: Profile | Swarm | None = None, **more: Any) -> Plan:
    """A plan for a locustfile of that text, whose bundle goes into the same directory."""
    locustfile = directory / "locustfile.py"
    locustfile.write_text(textwrap.dedent(text), encoding="utf-8")
    return Brief(
        **{
            "host": host,
            "locustfile": locustfile,
            "load": load or steady(),
            "out": directory,
            "tolerance": DISTURBED,
            **more,
        }
    )


def carry_out(plan: Plan, **more: Any) -> Bundle:
    """Conduct a plan to its end, by the real engine."""
    with Interruption() as interruption:
        return conduct(plan, interruption, **{"on_tick": lambda _: None, **more})


@pytest.fixture
def run(api: Api, tmp_path: Path) -> Callable[..., Bundle]:
    """Runs a locustfile's text against the little API."""

    def run(text: str, load: Profile | Swarm | None = None, **more: Any) -> Bundle:
        return carry_out(plan_of(tmp_path, api.url, text, load, **more))

    return run


OBJECTIVE = """\
apiVersion: openslo/v1
kind: SLO
metadata: {{name: {name}, displayName: {name}}}
spec:
  service: shop
  indicator:
    spec:
      thresholdMetric:
        metricSource:
          type: tailgate
          spec: {{{measure}}}
  timeWindow: [{{duration: 30d, isRolling: true}}]
  budgetingMethod: Occurrences
  objectives: [{{target: {target}}}]
"""


def objectives(*measures: tuple[str, str, str], gate: str = "minimumSamples: 100") -> Objectives:
    """Objectives of (name, measure, target), and a gate for every profile."""
    documents = [OBJECTIVE.format(name=name, measure=measure, target=target) for name, measure, target in measures]
    documents.append(f"apiVersion: tailgate/v1\nkind: Gate\nmetadata: {{name: all}}\nspec: {{{gate}}}\n")
    return tailgate_slo.parse("---\n".join(documents).encode(), "slo.yaml")


def intervals(route: str, kind: Kind, seconds: float, counts: Sequence[int], start: int = 0) -> list[Interval]:
    """As many times of about so many seconds in one second after another."""
    made = []
    for n, count in enumerate(counts):
        histogram = Histogram()
        if count:
            histogram.add(round(seconds * 1e9), count)
            made.append(Interval(start + n, route, kind, histogram))
    return made


@pytest.fixture
def bundle(tmp_path: Path) -> Callable[..., Bundle]:
    """Writes a bundle of given intervals, as a run of one stage of 30 s at 10/s would have left it."""

    def bundle(
        found: Sequence[Interval], server: Mapping[str, Any] | None = None, path: str = "run", **changes: Any
    ) -> Bundle:
        made = Bundle(tmp_path / path)
        made.path.mkdir()
        with made.log.open("w", encoding="ascii") as file:
            writer = LogWriter(file)
            writer.begin(1_700_000_000.0, "Logged by a test")
            for each in found:
                writer.write(each.second, each.route, each.kind, each.histogram)
        plan = {
            "profile": "steady",
            "model": "open",
            "stages": [StageRecord(duration=30, start=10, end=10)],
            "warmup": 0,
            "seed": 1,
            "drain": 5,
            "users": 500,
            "host": "http://127.0.0.1:1",
            "locustfile": "locustfile.py",
            "slo": None,
            "slo_digest": None,
            **changes.pop("plan", {}),
        }
        document = {
            "id": path,
            "tool": "0.1.0",
            "started": "2023-11-14T22:13:20.000+00:00",
            "began": 1_700_000_000.0,
            "seconds": 30.0,
            "measured_from": 0.0,
            "measured_to": 30.0,
            "environment": {},
            "generator": Generator(),
            "routes": _routes(found),
            "arrivals": Arrivals(
                **dict.fromkeys(("planned", "arrived", "judged", "started", "completed"), 300),
                **dict.fromkeys(("unstarted", "unfinished", "abandoned", "uncharged"), 0),
                most_users=5,
                user_bound=500,
            ).model_copy(update=changes.pop("arrivals", {})),
            "timeline": (),
            "server": "absent",
            **changes,
        }
        made.write_run(RunDocument(plan=PlanRecord(**plan), **document))
        made.write_json("server.json", server or ServerCounters(None).document())
        return made

    return bundle


def _routes(found: Sequence[Interval]) -> tuple[RouteRecord, ...]:
    log = LatencyLog(found)
    return tuple(
        RouteRecord(
            route=route,
            requests=sum(log.whole(route, kind).total for kind in (Kind.RESPONSE, Kind.FAILED, Kind.CENSORED)),
            failed=log.whole(route, Kind.FAILED).total,
            censored=log.whole(route, Kind.CENSORED).total,
            lost=log.whole(route, Kind.LOST).total,
            setup=0,
            rate=1.0,
            response=None,
            service=None,
        )
        for route in log.routes
    )


def metrics(counts: Mapping[str, Mapping[int, int]], edges: Sequence[int] = (1, 2, 4, 8)) -> str:
    """A metrics page: of each route, how many requests ran how many queries."""
    lines = [f"# TYPE {names.QUERIES_PER_REQUEST} histogram"]
    for route, requests in counts.items():
        method, template = route.split(" ")
        labels = f'{names.LABEL_METHOD}="{method}",{names.LABEL_ROUTE}="{template}"'
        for edge, le in (*((edge, str(edge)) for edge in edges), (math.inf, "+Inf")):
            within = sum(n for queries, n in requests.items() if queries <= edge)
            lines.append(f'{names.QUERIES_PER_REQUEST}_bucket{{{labels},le="{le}"}} {within}')
        lines.append(f"{names.QUERIES_PER_REQUEST}_count{{{labels}}} {sum(requests.values())}")
        lines.append(f"{names.QUERIES_PER_REQUEST}_sum{{{labels}}} {sum(q * n for q, n in requests.items())}")
    return "\n".join(lines) + "\n"


def counters(**pages: str | None) -> dict[str, Any]:
    """server.json of the pages at the moments of a run."""
    moments = {}
    for moment, page in pages.items():
        families = text_string_to_metric_families(page or "")
        samples = [(s.name, dict(s.labels), s.value) for family in families for s in family.samples]
        moments[moment] = {"at": 0.0, "samples": samples}
    return ServerCounters("http://127.0.0.1:1/metrics", moments).document()
