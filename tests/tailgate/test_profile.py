"""A log made by a known process becomes a profile and a locustfile, and those load a real server as the log has it."""

import ast
import gzip
import json
import math
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.loadtest.traffic_logs import SECRETS, line, shop
from tests.tailgate.conftest import Command, free_port

SECONDS = 240
RATES = np.interp(np.arange(SECONDS) + 0.5, [0, 120, 240], [20, 60, 20])
SHARES = {"GET /orders": 0.5, "GET /orders/{id}": 0.25, "GET /search": 0.2, "POST /orders": 0.05}
ROWS = {
    "GET /orders/{id}": '[{"path": "/orders/17"}, {"path": "/orders/18"}]',
    "GET /search": '[{"path": "/search?q=shoes"}]',
    "POST /orders": '[{"json": {"sku": 1}}]',
}


@pytest.fixture(scope="module")
def logged() -> bytes:
    return gzip.compress("".join(shop(np.random.default_rng(3).poisson(RATES))).encode())


@pytest.fixture
def log(tailgate: Command, logged: bytes) -> str:
    (tailgate.cwd / "access.log.gz").write_bytes(logged)
    return "access.log.gz"


def make(tailgate: Command, *arguments: str, code: int = 0) -> str:
    done = tailgate.here("profile", "from", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code else done.stdout


def fill(path: Path, given: Mapping[str, str] = ROWS) -> None:
    text = path.read_text()
    for route, rows in given.items():
        assert f'"{route}": None' in text
        text = text.replace(f'"{route}": None', f'"{route}": {rows}')
    path.write_text(text)


def test_rates_mix_and_burstiness_are_those_of_the_process(tailgate: Command, log: str) -> None:
    done = tailgate("profile", "from", "--access-log", log, "--window", "2m", "--duration", "30s", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["window"]["seconds"] == 120
    assert found["window"]["rate"] == pytest.approx(50, rel=0.06)
    assert found["profile"]["arrivals"] == pytest.approx(found["window"]["rate"] * 30, rel=0.02)
    assert found["dispersion"]["index"] == pytest.approx(1, abs=4 * found["dispersion"]["error"])
    assert not found["dispersion"]["bursty"]
    requests = sum(route["requests"] for route in found["routes"])
    for route in found["routes"]:
        share = SHARES[route["route"]]
        assert route["share"] == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / requests))


@pytest.mark.xdist_group("load")
def test_what_was_made_loads_a_server_with_the_logs_mix(tailgate: Command, foreign_api: str, log: str) -> None:
    make(tailgate, "--access-log", log, "--window", "2m", "--duration", "6s")
    fill(tailgate.cwd / "production.py")
    done = tailgate.here("run", "--profile", "production.yaml", "-f", "production.py", "--host", foreign_api)
    assert done.returncode == 0, done.stdout + done.stderr
    run = json.loads((tailgate.cwd / "runs" / "latest" / "run.json").read_text())
    requests = {route["route"]: route["requests"] for route in run["routes"]}
    total = sum(requests.values())
    assert total == pytest.approx(50 * 6, abs=4 * math.sqrt(50 * 6) + 0.06 * 300)
    for route, share in SHARES.items():
        assert requests[route] == pytest.approx(total * share, abs=4 * math.sqrt(total * share * (1 - share)) + 2)


def test_no_load_begins_and_none_is_planned_while_a_route_lacks_something(
    tailgate: Command, foreign_api: str, log: str
) -> None:
    printed = make(tailgate, "--access-log", log)
    assert "3 routes that need something" in printed
    made = tailgate.cwd / "production.py"
    unfilled = made.read_text()
    run = ("run", "--profile", "production.yaml", "-f", "production.py", "--host", foreign_api)
    missing = "GET /orders/{id} needs data; GET /search needs a query; POST /orders needs a body: give it in ROWS"
    for more in ((), ("--plan",)):
        done = tailgate.here(*run, *more)
        assert done.returncode == 2
        assert missing in " ".join(done.stderr.split())
    ready = json.loads(tailgate.here(*run, "--plan", "--json", "-T", "ready").stdout)
    assert set(ready["samples_per_route"]) == {"GET /orders"}
    fill(made, {**ROWS, "GET /orders/{id}": '[{"path": "/orders/17"}, {"id": 18}]'})
    done = tailgate.here(*run, "--plan")
    assert done.returncode == 2
    assert "GET /orders/{id} needs data: give it in ROWS" in " ".join(done.stderr.split())
    made.write_text(unfilled.replace('    "POST /orders": None,\n', ""))
    assert "POST /orders needs a body" in " ".join(tailgate.here(*run, "--plan").stderr.split())
    made.write_text(unfilled)
    fill(made)
    plan = json.loads(tailgate.here(*run, "--plan", "--json").stdout)
    samples = plan["samples_per_route"]
    assert {route: count / sum(samples.values()) for route, count in samples.items()} == pytest.approx(SHARES, abs=0.15)


def test_nothing_personal_is_written_or_printed(tailgate: Command, log: str) -> None:
    printed = make(tailgate, "--access-log", log) + make(tailgate, "--access-log", log, "--json", "--force")
    written = (tailgate.cwd / "production.yaml").read_text() + (tailgate.cwd / "production.py").read_text()
    assert not [secret for secret in SECRETS if secret in printed + written]


def test_the_locustfile_imports_before_it_is_filled(tailgate: Command, log: str) -> None:
    make(tailgate, "--access-log", log)
    # In a process of its own: Locust changes the one that imports it.
    weights = "import production; print(sum(t.locust_task_weight for t in {*production.Production.tasks}))"
    done = subprocess.run(
        [sys.executable, "-c", weights], cwd=tailgate.cwd, capture_output=True, text=True, timeout=60, check=True
    )
    assert int(done.stdout) == pytest.approx(10_000, abs=2)


def test_hostile_paths_are_only_text(tailgate: Command) -> None:
    lines = [
        line(1_760_000_400 + i, f"GET {path}")
        for i in range(61)
        for path in ("/__class__", "/a/b", "/a-b", "/a_b", "/class", "/x.y/import", "/[red]a[/red]", '/\\";exit()#')
    ]
    (tailgate.cwd / "access.log").write_text("".join(lines))
    make(tailgate, "--access-log", "access.log", "--name", "x")
    tree = ast.parse((tailgate.cwd / "x.py").read_text())
    persona = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Production")
    names = [node.targets[0].id for node in persona.body if isinstance(node, ast.Assign)]
    assert len(names) == len(set(names)) == 1 + 7


def test_what_is_there_is_not_overwritten_unless_forced(tailgate: Command, log: str) -> None:
    make(tailgate, "--access-log", log, "--out", "load")
    before = (tailgate.cwd / "load" / "production.py").read_text()
    (tailgate.cwd / "load" / "production.yaml").unlink()
    error = make(tailgate, "--access-log", log, "--out", "load", code=2)
    assert "load/production.py is there already; nothing was written. --force overwrites" in error
    assert not (tailgate.cwd / "load" / "production.yaml").exists()
    make(tailgate, "--access-log", log, "--out", "load", "--force")
    assert (tailgate.cwd / "load" / "production.py").read_text() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give either --access-log, once or more, or --prometheus"),
        (("--access-log", "a", "--prometheus", "http://b"), "give either --access-log"),
        (("--access-log", "none.log"), "none.log: cannot be read: No such file or directory"),
        (("--access-log", "a", "--window", "soon"), "--window: 'soon' is no duration"),
        (("--access-log", "a", "--duration", "0s"), "--duration 0s: must be a second at least"),
        (("--access-log", "a", "--name", "../x"), "--name '../x' must be of letters"),
        (("--access-log", "a", "--openapi", "none.yaml"), "none.yaml: cannot be read"),
        (("--prometheus", "http://b", "--openapi", "a"), "--openapi goes with --access-log"),
        (("--prometheus", f"http://127.0.0.1:{free_port()}"), "cannot be asked"),
        (("--prometheus", "nowhere"), "must be an address like"),
    ],
)
def test_what_cannot_be_is_one_sentence(tailgate: Command, arguments: tuple[str, ...], message: str) -> None:
    error = " ".join(make(tailgate, *arguments, code=2).split())
    assert message in error
    assert "Traceback" not in error
    assert sorted(path.name for path in tailgate.cwd.iterdir()) == ["quick.yaml"]
