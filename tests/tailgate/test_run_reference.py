"""``tailgate run`` against the reference API: its own Postgres, real HTTP, real Locust."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.tailgate.conftest import Command, command_in, objectives_in

pytestmark = pytest.mark.xdist_group("load")

BY_PHONE = "GET /api/contacts/by-phone"
ROUTES = (
    BY_PHONE,
    "GET /api/conversations",
    "GET /api/conversations/{conversation_id}/messages",
    "POST /api/messages/send",
    "POST /api/webhook/kapso",
)
SHORT = """
apiVersion: tailgate/v1
kind: Profile
name: short
stages: [{duration: 3s, rate: 60}]
users: 1000
"""
LONG = "name: long\nwarmup: 500ms\nstages: [{duration: 60s, rate: 40}]\nusers: 100\n"
GENEROUS = (
    ("fast", "latency", BY_PHONE, "5s", "0.9"),
    ("few-queries", "queries", BY_PHONE, "4", "0.99"),
    ("available", "availability", None, None, "0.9"),
)


def latest(tailgate: Command) -> Path:
    return (tailgate.cwd / "runs" / "latest").resolve()


def wait_for_load(process: subprocess.Popen[str]) -> None:
    """Until the load has begun; the service is up by then."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("loading "):
            return
    raise AssertionError(f"the load never began; exit code {process.wait()}")


def wait_for_judged_load(tailgate: Command) -> None:
    """Until it has lasted for a second, which is when its log is first handed over; half of that is warm-up."""
    for _ in range(1200):
        if any(log.stat().st_size for log in tailgate.cwd.glob("runs/*/latency.hlog")):
            return
        time.sleep(0.05)
    raise AssertionError("nothing was ever logged")


def tree(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


Ran = tuple[Command, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run that keeps its objectives, for all who only look at what it left."""
    tailgate = command_in(tmp_path_factory.mktemp("kept"))
    slo = objectives_in(tailgate.cwd, *GENEROUS)
    return tailgate, tailgate("run", "--profile", "quick.yaml", "--slo", slo, "--tag", "why=test")


# No more than the pool of a slow variant can bear, and of each route so few a second that every slow trace is kept.
CALM = "name: calm\nwarmup: 1s\nstages: [{duration: 8s, rate: 10}]\nusers: 100\n"


@pytest.fixture(scope="module")
def missed(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run of a slow variant that is far from its database, with objectives that it cannot keep."""
    tailgate = command_in(tmp_path_factory.mktemp("missed"))
    (tailgate.cwd / "calm.yaml").write_text(CALM)
    # Quoted: in YAML a brace has a meaning.
    strict = ((f"fast-{n}", "latency", f'"{route}"', "1ms", "0.95") for n, route in enumerate(ROUTES))
    slo = objectives_in(tailgate.cwd, *strict, ("look-up", "latency", BY_PHONE, "100ms", "0.9"))
    far = "--variant", "sequential", "--db-rtt", "30ms"
    return tailgate, tailgate.here("run", "--profile", "calm.yaml", *far, "--slo", slo)


def test_a_run_leaves_a_whole_bundle_and_passes(kept: Ran) -> None:
    tailgate, done = kept
    assert done.returncode == 0, done.stderr + done.stdout
    bundle = latest(tailgate)
    names = {path.name for path in bundle.iterdir()}
    assert {
        "run.json", "latency.hlog", "server.json", "traces.jsonl", "verdict.json", "report.html", "summary.md",
        "junit.xml", "slo.yaml",
    } <= names  # fmt: skip
    assert (tailgate.cwd / "runs" / ".gitignore").read_text() == "*\n"
    run = json.loads((bundle / "run.json").read_text())
    routes = {route["route"] for route in run["routes"]}
    assert routes > {BY_PHONE, "GET /api/conversations", "POST /api/messages/send", "POST /api/webhook/kapso"}
    assert run["tags"] == {"why": "test"}
    assert run["server"] == "complete"
    assert all(route["failed"] == 0 for route in run["routes"])
    assert next(route["queries"] for route in run["routes"] if route["route"] == BY_PHONE) > 0
    assert run["arrivals"]["completed"] == run["arrivals"]["arrived"]
    assert bundle.name in done.stderr
    assert "by-phone" in done.stdout


def test_the_traces_of_a_run_are_whole_and_hold_no_parameter(missed: Ran) -> None:
    tailgate, _ = missed
    lines = (latest(tailgate) / "traces.jsonl").read_text().splitlines()
    assert lines
    for line in lines:
        spans = [s for r in json.loads(line)["resourceSpans"] for c in r["scopeSpans"] for s in c["spans"]]
        ids = {span["spanId"] for span in spans}
        assert len({span["traceId"] for span in spans}) == 1
        servers = [span for span in spans if span["kind"] == 2]
        assert len(servers) == 1
        assert all(span["parentSpanId"] in ids for span in spans if span["kind"] != 2)
    run_files = [path for path in latest(tailgate).iterdir() if path.suffix in {".json", ".jsonl", ".html", ".hlog"}]
    for path in run_files:
        assert "x-api-key" not in path.read_text()
        assert "tg_" not in path.read_text(), path


def test_judging_a_bundle_again_gives_the_same_verdict(kept: Ran) -> None:
    tailgate, _ = kept
    first = (latest(tailgate) / "verdict.json").read_bytes()
    report = (latest(tailgate) / "report.html").read_bytes()
    (tailgate.cwd / "objectives.yaml").unlink(missing_ok=True)
    again = tailgate.here("gate", "runs/latest")
    assert again.returncode == 0, again.stderr
    assert (latest(tailgate) / "verdict.json").read_bytes() == first
    assert tailgate.here("report", "runs/latest").returncode == 0
    assert (latest(tailgate) / "report.html").read_bytes() == report


def test_a_slow_variant_far_from_its_database_misses_its_objective_by_name(missed: Ran) -> None:
    tailgate, done = missed
    assert done.returncode == 1, done.stderr
    verdict = json.loads((latest(tailgate) / "verdict.json").read_text())
    failed = {each["name"]: each for each in verdict["objectives"] if each["verdict"] == "fail"}
    by_phone = failed["look-up"]
    assert by_phone["number"] > 0.1
    assert by_phone["low"] > 0.1
    assert any("look-up" in reason for reason in verdict["reasons"])
    assert "look-up" in done.stdout


def split_of(tailgate: Command, route: str, percentile: str = "p95") -> dict[str, float]:
    """What a percentile of a route is made of, in seconds by part."""
    run = json.loads((latest(tailgate) / "run.json").read_text())
    parts = next(each for each in run["routes"] if each["route"] == route)["split"][percentile]
    assert parts.pop("told") == parts.pop("requests")
    return parts


def test_the_time_of_a_slow_variant_is_its_databases_and_its_slowest_requests_lead_to_their_traces(missed: Ran) -> None:
    tailgate, done = missed
    usual, slow = (split_of(tailgate, BY_PHONE, percentile) for percentile in ("p50", "p95"))
    assert usual["database"] > 0.8 * sum(usual.values())
    # Of those around p95 the machine may have had a part, where it stood still.
    assert max(slow, key=slow.__getitem__) == "database"
    assert re.search(r"by-phone around p95, [0-9 .]+ ms: database ", " ".join(done.stdout.split()))
    bundle = latest(tailgate)
    run, lines = json.loads((bundle / "run.json").read_text()), (bundle / "traces.jsonl").read_text()
    slowest = run["slowest"]
    assert len(slowest) == 50
    assert all(re.fullmatch("[0-9a-f]{32}", each["trace_id"]) for each in slowest)
    # Slower than their objective, all but a few; what has none is kept by chance.
    judged = [each["trace_id"] in lines for each in slowest if each["route"] in ROUTES]
    assert sum(judged) >= 0.8 * len(judged) >= 8
    page = (bundle / "report.html").read_text()
    links = re.findall(r'href="#(trace-[0-9]+)"', page.partition('id="trace"')[0])
    assert len(links) >= 5
    assert all(f'id="{link}"' in page for link in links)


def test_the_time_of_a_service_short_of_connections_is_its_pools(tailgate: Command) -> None:
    """Sixty callers a second, of several queries that take a quarter of a second each, for twenty connections."""
    (tailgate.cwd / "quick.yaml").write_text(SHORT)
    done = tailgate.here("run", "Caller", "--profile", "quick.yaml", "--variant", "sequential", "--db-rtt", "250ms")
    assert done.returncode in (1, 3), done.stderr
    parts = split_of(tailgate, BY_PHONE)
    assert max(parts, key=lambda part: parts[part]) == "pool"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_a_marked_bundle_and_no_process(
    tailgate: Command, objectives: Callable[..., str], number: signal.Signals, code: int
) -> None:
    (tailgate.cwd / "long.yaml").write_text(LONG)
    process = tailgate.start("run", "--profile", "long.yaml", "--slo", objectives(*GENEROUS))
    wait_for_judged_load(tailgate)
    children = tree(process)
    assert children
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == code, out + err
    bundle = latest(tailgate)
    assert json.loads((bundle / "run.json").read_text())["interrupted"] == number.name
    assert json.loads((bundle / "verdict.json").read_text())["verdict"] == "interrupted"
    assert (bundle / "report.html").stat().st_size > 0
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []


def test_a_service_killed_in_the_middle_fails_the_run_with_all_failures_counted(
    tailgate: Command, objectives: Callable[..., str]
) -> None:
    (tailgate.cwd / "long.yaml").write_text(LONG.replace("60s", "4s"))
    process = tailgate.start("run", "--profile", "long.yaml", "--slo", objectives(*GENEROUS))
    wait_for_judged_load(tailgate)
    service = next(child for child in tree(process) if child.cmdline()[-1:] == ["tailgate_service"])
    service.kill()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, out + err
    run = json.loads((latest(tailgate) / "run.json").read_text())
    assert sum(route["failed"] for route in run["routes"]) > 0
    assert run["server"] == "lost"
    assert (latest(tailgate) / "report.html").exists()


def test_killed_itself_the_command_leaves_no_process(tailgate: Command) -> None:
    (tailgate.cwd / "long.yaml").write_text(LONG)
    process = tailgate.start("run", "--profile", "long.yaml")
    wait_for_load(process)
    children = tree(process)
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(children, timeout=15)
    assert alive == []
