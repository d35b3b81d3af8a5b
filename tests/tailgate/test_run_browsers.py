"""``tailgate run`` with real browsers beside the load: what people feel while it is on."""

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tailgate_loadtest.browser.found import MEASURE
from tailgate_otel import names

from tests.browser import needs_chromium, needs_pages
from tests.loadtest.browser.conftest import HOME
from tests.loadtest.browser.site import Page, Site
from tests.tailgate.conftest import Command

pytestmark = [
    needs_chromium,
    pytest.mark.skipif(not MEASURE.is_file(), reason=f"{MEASURE.name} is not built: `make setup` where npm is found"),
    pytest.mark.xdist_group("browser"),
]

LOCUSTFILE = """
from locust import task
from tailgate_loadtest.engine.http import LoadUser


class Someone(LoadUser):
    @task
    def look(self):
        self.client.get("/data")
"""
SCRIPT = """
export const page = "/home";

export default async function visit({ page, host }) {
  await page.goto(`${host}/`);
  await page.getByRole("button").click();
  await page.getByText("It was pressed").waitFor();
}
"""
VISITED = """
name: visited
warmup: 1s
stages: [{duration: 8s, rate: 10}]
users: 100
browsers: [{visit: visit.js, count: 2}, {visit: visit.js, device: phone, network: fast-4g}]
"""
LONG = VISITED.replace("8s", "60s")
SEEN = (
    ("data", "latency", "GET /data", "10s", "0.5"),
    ("home-lcp", "vital, vital: lcp", "/home", "30s", "0.1"),
    ("home-shown", "vital, timing: shown", "/home", "30s", "0.1"),
    ("other-lcp", "vital, vital: lcp", "/other", "30s", "0.1"),
)
"""Two visits can decide those of the page."""


@pytest.fixture
def site(tailgate: Command) -> Iterator[Site]:
    """A site with a page and data, and in the working directory what loads and visits it."""
    for name, text in (("locustfile.py", LOCUSTFILE), ("visit.js", SCRIPT), ("visited.yaml", VISITED)):
        (tailgate.cwd / name).write_text(text)
    with Site() as site:
        site.pages["/"] = Page(body=HOME)
        site.pages["/data"] = Page(body="{}", kind="application/json")
        yield site


def latest(tailgate: Command) -> Path:
    return (tailgate.cwd / "runs" / "latest").resolve()


def read(bundle: Path, name: str) -> Any:
    return json.loads((bundle / name).read_text())


def visits_of(bundle: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (bundle / "visits.jsonl").read_text().splitlines()]


def test_browsers_visit_while_the_load_is_on_and_their_pages_are_judged_with_it(
    tailgate: Command, site: Site, objectives: Callable[..., str]
) -> None:
    slo = objectives(*SEEN)
    host = ("--host", site.url, "-f", "locustfile.py")
    done = tailgate.here("run", *host, "--profile", "visited.yaml", "--slo", slo)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 browsers visit visit (desktop), 1 browser visits visit (phone fast-4g)" in " ".join(done.stderr.split())
    assert ("as root Chromium has no sandbox" in done.stderr) == (os.geteuid() == 0)
    bundle = latest(tailgate)
    run, verdict, visits = read(bundle, "run.json"), read(bundle, "verdict.json"), visits_of(bundle)
    assert {visit["lane"] for visit in visits} == {"desktop", "phone fast-4g"}
    assert all(visit["failed"] is None for visit in visits)
    assert run["browsers"]["ended"] == len(visits)
    assert run["browsers"]["browser"].startswith("Chromium ")
    judged = [visit for visit in visits if visit["began"] >= run["measured_from"]]
    # None began once the judged part was over; it takes a moment until a browser hears of that, and for as long as the
    # engine or the browsers' driver stands still nobody hears of anything.
    moment = 1 + run["generator"]["longest_stall"] + run["browsers"]["load"]["loop_delay_max"]
    assert all(visit["began"] < run["measured_to"] + moment for visit in visits)
    found = {each["name"]: each for each in verdict["objectives"]}
    assert {name: each["verdict"] for name, each in found.items()} == dict.fromkeys(
        ("data", "home-lcp", "home-shown"), "pass"
    )
    assert verdict["skipped"] == ["other-lcp"]
    lcp = found["home-lcp"]
    (worst,) = {each["lane"] for each in lcp["lanes"][:1]}
    assert lcp["samples"] == sum(visit["lane"] == worst for visit in judged)
    assert {each["lane"] for each in lcp["lanes"]} == {"desktop", "phone fast-4g"}
    page = (bundle / "report.html").read_text()
    assert "What people felt" in page
    assert 'src="data:image/jpeg;base64,' in page
    # Judged again from disk, with nothing of it there any more, it is the same.
    again = {name: (bundle / name).read_bytes() for name in ("verdict.json", "report.html", "summary.md", "junit.xml")}
    (tailgate.cwd / slo).unlink()
    assert tailgate.here("gate").returncode == 0
    assert {name: (bundle / name).read_bytes() for name in again} == again


def test_a_page_that_people_wait_for_fails_a_run_whose_api_is_quick(
    tailgate: Command, site: Site, objectives: Callable[..., str]
) -> None:
    slo = objectives(SEEN[0], ("slow", "vital, vital: lcp", "/home", "1ms", "0.9"))
    host = ("--host", site.url, "-f", "locustfile.py")
    visited = ("--profile", "visited.yaml", "--visit", "visit.js", "--browsers", "2")
    done = tailgate.here("run", *host, *visited, "--slo", slo)
    assert done.returncode == 1, done.stdout + done.stderr
    # The options' browsers are in the place of the profile's.
    assert {visit["lane"] for visit in visits_of(latest(tailgate))} == {"desktop"}
    assert "slow: p90 is" in " ".join(done.stdout.split())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_keeps_its_visits_and_leaves_no_browser(
    tailgate: Command, site: Site, number: signal.Signals, code: int
) -> None:
    (tailgate.cwd / "visited.yaml").write_text(LONG)
    process = tailgate.start("run", "--host", site.url, "-f", "locustfile.py", "--profile", "visited.yaml")
    while not any(file.stat().st_size for file in tailgate.cwd.glob("runs/*/visits.jsonl")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code, out + err
    bundle = latest(tailgate)
    assert visits_of(bundle)
    assert read(bundle, "run.json")["browsers"]["interrupted"] == number.name
    assert read(bundle, "verdict.json")["verdict"] == "interrupted"
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


FAR = """
name: far
warmup: 1s
stages: [{duration: 24s, rate: 2}]
users: 100
browsers: [{visit: dashboard, count: 2}]
"""


def looked_at_from_afar(
    tailgate: Command, objectives: Callable[..., str], variant: str
) -> tuple[int, dict[str, dict[str, Any]]]:
    """Runs a variant, 300 ms from its database, with browsers at its dashboard: exit code and findings.

    The untuned one asks for the day in numbers by twelve statements, one after another: 3.6 s for the way alone.
    """
    slo = objectives(
        # Of a share that is decided by the few visits that a busy machine has time for.
        ("panels", "vital, timing: panels_complete", "/dashboard", "3s", "0.6"),
        ("paint", "vital, vital: lcp", "/dashboard", "30s", "0.1"),
    )
    (tailgate.cwd / "far.yaml").write_text(FAR)
    done = tailgate.here("run", "--profile", "far.yaml", "--variant", variant, "--db-rtt", "300ms", "--slo", slo)
    assert done.returncode in (0, 1, 3), done.stdout + done.stderr
    return done.returncode, {each["name"]: each for each in read(latest(tailgate), "verdict.json")["objectives"]}


@needs_pages
@pytest.mark.row("C9")
def test_a_dashboard_far_from_its_database_misses_its_objective_and_the_report_shows_why(
    tailgate: Command, objectives: Callable[..., str]
) -> None:
    code, found = looked_at_from_afar(tailgate, objectives, "sequential")
    assert {name: each["verdict"] for name, each in found.items()} == {"panels": "fail", "paint": "pass"}
    assert code == 1
    bundle = latest(tailgate)
    visits = visits_of(bundle)
    assert all(visit["failed"] is None for visit in visits), visits
    # The slowest visit is told by its own trace: the requests of its panels, as the service saw them.
    run = read(bundle, "run.json")
    judged = [visit for visit in visits if visit["began"] >= run["measured_from"]]
    slowest = max(judged, key=lambda visit: max(visit["values"]["lcp"], *visit["timings"].values()))
    traces = [line for line in (bundle / "traces.jsonl").read_text().splitlines() if slowest["trace_id"] in line]
    assert len(traces) >= 5
    said = " ".join(re.sub("<[^>]*>", " ", (bundle / "report.html").read_text()).split()).replace("\u202f", " ")
    why = said.partition("Why the slowest visit took ")[2].partition("As it looked")[0]
    assert re.search(
        r"The last to end was GET /api/[\w/-]+: [\d ]+ ms, of it \d+ quer(y|ies), [\d. ]+ ms in the database", why
    )
    assert "panels_complete" in why
    assert re.search(r"/ ?api/ ?analytics", why)


@needs_pages
@pytest.mark.row("C9")
def test_a_dashboard_whose_queries_go_out_together_keeps_its_objective_as_far_from_its_database(
    tailgate: Command, objectives: Callable[..., str]
) -> None:
    code, found = looked_at_from_afar(tailgate, objectives, "parallel")
    assert {name: each["verdict"] for name, each in found.items()} == {"panels": "pass", "paint": "pass"}
    assert code == 0


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--browsers", "2"), "--browsers says how browsers visit: give --visit"),
        (("--device", "phone"), "--device says how browsers visit: give --visit"),
        (("--visit", "nobody"), "visit 'nobody': there is none of that name"),
        (("--visit", "./nowhere.js"), "--visit ./nowhere.js: there is no such file"),
        (("--visit", "inbox", "--cpu", "0.5"), "cpu 0.5 is no factor from 1 to 20"),
        (("--visit", "inbox", "--browsers", "17"), "17 browsers; take from 1 to 16"),
        (("--visit", "inbox", "--visit", "inbox"), "lane 'desktop' visits 'inbox' twice"),
    ],
)
def test_what_cannot_visit_is_refused_before_anything_starts(
    refused: Callable[..., str], arguments: tuple[str, ...], named: str
) -> None:
    assert named in refused("run", *arguments)


def test_a_browser_that_is_not_there_is_named_before_anything_starts(
    tailgate: Command, refused: Callable[..., str]
) -> None:
    tailgate.environment[names.ENV_CHROMIUM] = "/nowhere/chromium"
    assert "/nowhere/chromium" in refused("run", "--visit", "inbox")


def test_a_profiles_browsers_are_named_by_their_visit_where_they_cannot_be(
    tailgate: Command, refused: Callable[..., str]
) -> None:
    (tailgate.cwd / "wrong.yaml").write_text(
        "stages: [{duration: 1s, rate: 1}]\nbrowsers: [{visit: inbox, device: car}]"
    )
    assert "browsers of inbox: device 'car': there is none of that name" in refused("run", "--profile", "wrong.yaml")


def test_a_plan_names_its_browsers_and_starts_none(tailgate: Command, site: Site) -> None:
    host = ("--host", site.url, "-f", "locustfile.py", "--profile", "visited.yaml", "--plan")
    done = tailgate.here("run", *host)
    assert done.returncode == 0, done.stderr
    assert "beside it, 2 browsers visit visit (desktop)" in " ".join(done.stdout.split())
    plan = json.loads(tailgate.here("run", *host, "--json").stdout)
    assert [browser["lane"] for browser in plan["browsers"]] == ["desktop", "phone fast-4g"]
    assert not site.of("/")
