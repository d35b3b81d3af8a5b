"""The reference API under a real Prometheus and Alertmanager, and what two runs and an incident leave there.

The configurations are those of ``dashboards/``, but for how often things are done: rules are compiled at sixty times
their pace, an hour's window passing within a minute. In their order of time:

main        a load test, which says of itself that it is one
visitors    the same personas as people would come, who count into the objectives; the run silences some of them
views       meanwhile: pages report what people see of them, and somebody what is no page
incident    meanwhile: a table is locked again and again, until somebody is paged; then no more, until that is over
failure     after that: a table is away for a moment, and whoever reads it fails
"""

import asyncio
import json
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import tailgate_slo
import yaml
from tailgate_dashboards.prometheus import Prometheus
from tailgate_dashboards.prometheus.values import Line
from tailgate_dashboards.rules import compile_rules, render
from tailgate_dashboards.series import equal, select, status_5xx
from tailgate_loadtest.data import locustfile
from tailgate_loadtest.run.bundle import Bundle
from tailgate_otel import names
from tailgate_service.stack import Stack, StackConfig, start

from tests.dashboards.servers import PATIENCE, Server, Version, alertmanager, eventually, free_port, prometheus
from tests.server import Request, Response
from tests.server import Server as Loopback
from tests.tailgate.conftest import Command, command_in

PACE = 60
LOCKED = 1.5
"""Seconds, more than the objectives of any route allow."""
DASHBOARDS = Path(__file__).parents[2] / "dashboards"
JOB = "tailgate-service"

# No edge that any histogram has by itself.
INBOX, USUAL, CHANGED = "GET /api/conversations", "0.5", "0.437"
CALLER = "GET /api/contacts/by-phone"
SILENCED = "tailgate-reference-conversations-latency-p99"
PAGED = "tailgate-reference-contacts-by-phone-latency-p99"

MARKED = {"/inbox": "list_shown", "/dashboard": "panels_complete", "/agent": "microphone_answered"}
"""The reference API's pages, and the moment that each of them marks."""
MEASURED = {"lcp": 0.9, "inp": 0.09, "cls": 0.01, "fcp": 0.6, "ttfb": 0.1}
UNTOUCHED = {vital: value for vital, value in MEASURED.items() if vital != "inp"}
VIEWS = tuple(
    {"page": page, "device": device, "navigation": "navigate", "values": values, "timings": {mark: 1.2}}
    for page, mark in MARKED.items()
    for device, values in (("phone", MEASURED), ("desktop", UNTOUCHED))
)
STRANGE = {**VIEWS[0], "page": "/nowhere"}

FAILURES = (
    (f"{names.HTTP_SERVER_DURATION}_count", status_5xx(names.LABEL_STATUS)),
    (f"{names.DB_OPERATION_DURATION}_count", f'{names.LABEL_ERROR_TYPE}!=""'),
    (f"{names.LOAD_FAILED}_total", ""),
)
"""Counters, and what matches what fails."""

MAIN = "name: main\nwarmup: 2s\nstages: [{duration: 25s, rate: 24}]\nusers: 200\n"
# Ended when all has been seen, which is the sooner the less any route is asked for more rarely than others.
VISITORS = """
name: visitors
warmup: 1s
stages: [{duration: 10m, rate: 12}]
users: 200
mix: {Caller: 2, Agent: 2, Provider: 2, Keeper: 2, Manager: 1, Founder: 3, Follower: 3, Monitor: 1}
"""
AS_PEOPLE = """
import sys
sys.path.insert(0, {directory!r})
from locustfile import *
from locustfile import Persona
Persona.default_headers = {{"user-agent": "Mozilla/5.0"}}
"""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What somebody was told of one objective, by which severity, and whether it was that all is well again."""

    slo: str
    severity: str
    resolved: bool


@dataclass(kw_only=True)
class Live:
    """What was seen. Moments are in seconds since the epoch; bundles are those of the runs."""

    directory: Path
    objectives: tailgate_slo.Objectives
    rules: dict[str, Any]
    stack: Stack
    prometheus: Prometheus
    manager: str
    told: list[Told] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    """Of each page in Alertmanager, by its objective, at the height of the incident."""
    told_meanwhile: tuple[Told, ...] = ()
    """What was told from the incident on, while the silence was there."""
    begun: float = 0.0
    between: float = 0.0
    broken: float = 0.0
    mended: float = 0.0
    failed: float = 0.0
    ended: float = 0.0

    def bundle(self, run: str) -> Bundle:
        """What a run left."""
        return Bundle.open((self.directory / run / "latest").resolve())

    def firing(self, slo: str) -> bool:
        """Whether somebody is to be paged for an objective by now."""
        return bool(self.prometheus.query(fires(slo)))

    def lines(self, expr: str, step: float = 1.0) -> list[Line]:
        """What an expression said all the time."""
        return self.prometheus.query_range(expr, self.begun, self.ended, step)


def fires(slo: str) -> str:
    """What there is while an objective's page fires."""
    labels = {"alertstate": "firing", names.LABEL_SLO_ID: slo, names.LABEL_SEVERITY: "page"}
    return select("ALERTS", *(equal(*label) for label in labels.items()))


@contextmanager
def living(directory: Path, version: Version) -> Iterator[Live]:
    """All of it, once; the servers go on as long as the context."""
    command = command_in(directory)
    objectives = _objectives(directory)
    told: list[Told] = []
    with ExitStack() as running:
        stack = running.enter_context(start(StackConfig(slo=directory / "slo.yaml")))
        pager = running.enter_context(Loopback(_pager(told))).url
        manager = running.enter_context(alertmanager(directory, _telling(pager))).url
        rules = _calmed(compile_rules(objectives, pace=PACE))
        load = f"127.0.0.1:{free_port()}"
        server = running.enter_context(_watching(directory, render(rules), stack, manager, load, version))
        live = Live(
            directory=directory,
            objectives=objectives,
            rules=rules,
            stack=stack,
            prometheus=Prometheus(server.url),
            manager=manager,
            told=told,
        )
        live.begun = time.time()
        eventually(lambda: live.prometheus.query(f'up{{job="{JOB}"}} == 1'))
        run = ("--host", stack.url, "--targets", str(stack.targets), "--metrics-port", load.rpartition(":")[2])
        _main(command, live, run)
        live.between = _scraped(live)
        with _viewing(stack.url):
            _visitors(command, live, run)
        live.ended = time.time()
        yield live


def _scraped(live: Live) -> float:
    """A moment at which all that had happened until now had been scraped."""
    now = time.time()
    (last,) = eventually(lambda: live.prometheus.query(f'timestamp(up{{job="{JOB}"}}) > {now}'))
    return last.value


def _objectives(directory: Path) -> tailgate_slo.Objectives:
    """The reference API's, with one threshold changed; and a file of those of one route's latency alone."""
    documents = list(yaml.safe_load_all(tailgate_slo.reference_path().read_text()))
    latency = [each for each in documents if each["metadata"]["name"] == "conversations-latency"]
    (changed,) = (each["spec"]["objectives"][0] for each in latency if each["kind"] == "SLO")
    assert str(changed["value"]) == USUAL
    changed["value"] = float(CHANGED)
    (directory / "slo.yaml").write_text(yaml.safe_dump_all(documents))
    (directory / "inbox.yaml").write_text(yaml.safe_dump_all([documents[0], *latency]))
    return tailgate_slo.load(directory / "slo.yaml")


def _telling(pager: str) -> str:
    """Our Alertmanager's configuration, which tells somebody, and does so soon."""
    config = yaml.safe_load((DASHBOARDS / "alertmanager.yml").read_text())
    config["route"] |= {"group_wait": "0s", "group_interval": "1s"}
    for receiver in config["receivers"]:
        if receiver["name"] != "nobody":
            receiver["webhook_configs"] = [{"url": pager}]
    return yaml.safe_dump(config)


def _calmed(rules: dict[str, Any]) -> dict[str, Any]:
    """Each second only what the incident is looked at by: all rules each second would keep a core busy."""
    watched = tuple(f"{slo}:" for slo in (PAGED, SILENCED))
    for group in rules["groups"]:
        group["interval"] = "1s" if group["name"].startswith(watched) else "5s"
    return rules


@contextmanager
def _watching(directory: Path, rules: str, stack: Stack, manager: str, load: str, version: Version) -> Iterator[Server]:
    config = yaml.safe_load((DASHBOARDS / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    for name in ("rules", "targets"):
        (directory / name).mkdir()
    (directory / "rules" / "objectives.yaml").write_text(rules)
    service = stack.metrics_url.removeprefix("http://").removesuffix("/metrics")
    for name, address in (("service", service), ("load", load), ("alertmanager", manager.removeprefix("http://"))):
        (directory / "targets" / f"{name}.yaml").write_text(yaml.safe_dump([{"targets": [address]}]))
    with prometheus(directory, yaml.safe_dump(config), binary=version.prometheus) as server:
        yield server


def _main(command: Command, live: Live, run: tuple[str, ...]) -> None:
    (live.directory / "main.yaml").write_text(MAIN)
    main = ("run", "-f", str(locustfile()), "--profile", "main.yaml", "--slo", "slo.yaml", "--out", "main")
    done = command(*main, *run, "--metrics", live.stack.metrics_url)
    # Passed, missed or undecided: it was put on.
    assert done.returncode in (0, 1, 3), done.stdout + done.stderr


def _visitors(command: Command, live: Live, run: tuple[str, ...]) -> None:
    (live.directory / "visitors.yaml").write_text(VISITORS)
    (live.directory / "visitors.py").write_text(AS_PEOPLE.format(directory=str(locustfile().parent)))
    visitors = ("run", "-f", "visitors.py", "--profile", "visitors.yaml", "--slo", "inbox.yaml", "--out", "visitors")
    process = command.start(*visitors, *run, "--alertmanager", live.manager)
    try:
        eventually(lambda: _known(live) == {slo.name for slo in live.objectives.slos}, within=3 * PATIENCE)
        # A busy machine may have been slow enough by itself.
        eventually(lambda: not any(map(live.firing, (PAGED, SILENCED))), within=3 * PATIENCE)
        live.told.clear()
        live.broken = time.time()
        with _locking(live.stack.owner_dsn):
            eventually(lambda: Told(slo=PAGED, severity="page", resolved=False) in live.told)
            eventually(lambda: SILENCED in _pages(live.manager))
            live.states = _pages(live.manager)
        live.mended = time.time()
        eventually(lambda: Told(slo=PAGED, severity="page", resolved=True) in live.told)
        eventually(lambda: not live.firing(SILENCED))
        with _away(live.stack.owner_dsn):
            failing = " and ".join(f"sum(rate({select(*each)}[5s])) > 0" for each in FAILURES)
            eventually(lambda: live.prometheus.query(failing))
            live.failed = time.time()
        live.told_meanwhile = tuple(live.told)
    finally:
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, said


@contextmanager
def _viewing(url: str) -> Iterator[None]:
    """Meanwhile, every page reports a view on each device each second, as one does that is left."""
    over = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        reporting = pool.submit(_report, url, over)
        try:
            yield
        finally:
            over.set()
            reporting.result()


def _report(url: str, over: threading.Event) -> None:
    while not over.wait(1):
        answers = [_beacon(url, view) for view in VIEWS]
        assert answers == [204] * len(VIEWS)
        assert _beacon(url, STRANGE) == 422


def _beacon(url: str, view: Mapping[str, Any]) -> int:
    """What is answered to it."""
    headers = {"Content-Type": "application/json", "User-Agent": "Mozilla/5.0"}
    request = urllib.request.Request(f"{url}/api/vitals", data=json.dumps(view).encode(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            status: int = answer.status
    except urllib.error.HTTPError as refused:
        with refused:
            status = refused.code
    return status


def _known(live: Live) -> set[str]:
    """The objectives whose budget somebody has spent of, or kept."""
    series = live.prometheus.series(names.SLO_CURRENT_BURN_RATE, live.begun, time.time())
    return {each[names.LABEL_SLO_NAME] for each in series}


def _pages(manager: str) -> dict[str, str]:
    """The state of every page in an Alertmanager, by its objective."""
    with urllib.request.urlopen(f"{manager}/api/v2/alerts?filter=severity%3Dpage", timeout=10) as answer:
        return {each["labels"][names.LABEL_SLO_ID]: each["status"]["state"] for each in json.loads(answer.read())}


@contextmanager
def _locking(dsn: str) -> Iterator[None]:
    """Meanwhile, who reads a conversation waits for more than a second: somebody locks the table again and again."""
    over = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_lock(dsn, over)))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _away(dsn: str) -> Iterator[None]:
    """Meanwhile, who reads a contact fails: the table has another name."""
    asyncio.run(_execute(dsn, "ALTER TABLE contacts RENAME TO away"))
    try:
        yield
    finally:
        asyncio.run(_execute(dsn, "ALTER TABLE away RENAME TO contacts"))


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _lock(dsn: str, over: threading.Event) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        while not over.is_set():
            async with connection.transaction():
                await connection.execute("LOCK TABLE conversations IN ACCESS EXCLUSIVE MODE")
                await asyncio.to_thread(over.wait, LOCKED)
    finally:
        await connection.close()


def _pager(told: list[Told]) -> Callable[[Request], Response]:
    """Who is told by Alertmanager."""

    def answer(request: Request) -> Response:
        told.extend(
            Told(
                slo=alert["labels"].get(names.LABEL_SLO_ID, ""),
                severity=alert["labels"][names.LABEL_SEVERITY],
                resolved=alert["status"] == "resolved",
            )
            for alert in json.loads(request.body)["alerts"]
        )
        return Response()

    return answer
