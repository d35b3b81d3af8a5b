"""Anybody's locustfile against anybody's API: neither knows of this project."""

import json
from collections.abc import Callable

import pytest

from tests.tailgate.conftest import Command

pytestmark = pytest.mark.xdist_group("load")

BASES = ("HttpUser", "FastHttpUser")
PLAIN = """
from locust import {base}, task, between
class My{base}({base}):
    wait_time = between(0.05, 0.1)
    def on_start(self):
        self.client.post("/{base}/login", json={{"who": "me"}})
    @task(3)
    def home(self):
        self.client.get("/{base}/home?visitor=secret-value")
    @task
    def item(self):
        with self.client.get("/{base}/items/17", name="/{base}/items/[id]", catch_response=True) as response:
            if not response.json()["ok"]:
                response.failure("not ok")
"""

ROUTES = ("GET /{}/home", "GET /{}/items/[id]", "POST /{}/login")
OBJECTIVES = (
    *((f"{base.lower()}-fast", "latency", f"GET /{base}/home", "10s", "0.8") for base in BASES),
    ("available", "availability", None, None, "0.9"),
)


def run_document(tailgate: Command) -> dict:
    return json.loads((tailgate.cwd / "runs" / "latest" / "run.json").read_text())


@pytest.mark.parametrize("load", [["--profile", "quick.yaml"], ["-u", "4", "-t", "3s"]], ids=["open", "closed"])
def test_a_plain_locustfile_runs_unchanged(
    tailgate: Command, foreign_api: str, objectives: Callable[..., str], load: list[str]
) -> None:
    """With objectives; the tests below show that it needs none."""
    (tailgate.cwd / "plain.py").write_text("".join(PLAIN.format(base=base) for base in BASES))
    done = tailgate("run", "--host", foreign_api, "-f", "plain.py", *load, "--slo", objectives(*OBJECTIVES))
    assert done.returncode == 0, done.stdout + done.stderr
    run = run_document(tailgate)
    routes = {route["route"]: route for route in run["routes"]}
    assert set(routes) == {route.format(base) for route in ROUTES for base in BASES}
    for base in BASES:
        assert routes[f"POST /{base}/login"]["requests"] == 0
        assert routes[f"POST /{base}/login"]["setup"] > 0
        assert routes[f"GET /{base}/home"]["requests"] > routes[f"GET /{base}/items/[id]"]["requests"] > 0
    assert run["plan"]["model"] == ("open" if load[0] == "--profile" else "closed")
    bundle = tailgate.cwd / "runs" / "latest"
    assert all("secret-value" not in path.read_text() for path in bundle.iterdir())
    if run["plan"]["model"] == "closed":
        assert any("service times" in warning for warning in run["warnings"])


def test_failed_requests_fail_a_run_that_has_no_objectives(tailgate: Command, foreign_api: str) -> None:
    (tailgate.cwd / "broken.py").write_text(
        "from locust import HttpUser, task\n"
        "class Visitor(HttpUser):\n"
        "    @task\n"
        "    def broken(self):\n"
        "        self.client.get('/broken')\n"
    )
    done = tailgate.here("run", "--host", foreign_api, "-f", "broken.py", "--profile", "quick.yaml")
    assert done.returncode == 1
    (route,) = run_document(tailgate)["routes"]
    assert route["failed"] == route["requests"] > 0
    assert route["errors"] == {"HTTP 500": route["failed"]}


def test_packages_of_ones_own_with_our_folders_names_are_used_and_shadow_nothing(
    tailgate: Command, foreign_api: str
) -> None:
    names = ("service", "loadtest", "otel", "slo", "tests", "dashboards")
    for name in names:
        package = tailgate.cwd / name
        package.mkdir()
        (package / "__init__.py").write_text(f"MINE = 'my {name}'\n")
    (tailgate.cwd / "mine.py").write_text(
        "from locust import HttpUser, task\n"
        + "".join(f"import {name}\nassert {name}.MINE == 'my {name}', {name}.__file__\n" for name in names)
        + "class Visitor(HttpUser):\n"
        "    @task\n"
        "    def home(self):\n"
        "        self.client.get('/home')\n"
    )
    done = tailgate("run", "--host", foreign_api, "-f", "mine.py", "--profile", "quick.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_shape_of_the_locustfile_sets_the_load(tailgate: Command, foreign_api: str) -> None:
    (tailgate.cwd / "shaped.py").write_text(
        "from locust import HttpUser, LoadTestShape, constant, task\n"
        "class Visitor(HttpUser):\n"
        "    wait_time = constant(0.05)\n"
        "    @task\n"
        "    def home(self):\n"
        "        self.client.get('/home')\n"
        "class Steps(LoadTestShape):\n"
        "    def tick(self):\n"
        "        return (3, 3) if self.get_run_time() < 2 else None\n"
    )
    done = tailgate.here("run", "--host", foreign_api, "-f", "shaped.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert run_document(tailgate)["routes"][0]["requests"] > 25


def test_what_init_writes_is_ready_to_run(tailgate: Command, foreign_api: str) -> None:
    done = tailgate.here("init", "--host", foreign_api)
    assert done.returncode == 0, done.stderr
    assert tailgate.here("init").returncode == 2
    assert tailgate.here("slo", "check").returncode == 0
    assert tailgate.here("slo", "rules").stdout.count("\ngroups:") == 1
    plan = tailgate.here("run", "--plan", "--json")
    assert json.loads(plan.stdout)["samples_per_route"].keys() == {"GET /"}
    # A machine that stands still must not miss the other objective.
    written = (tailgate.cwd / "slo.yaml").read_text()
    assert written.count("threshold: 500ms") == 1
    (tailgate.cwd / "slo.yaml").write_text(written.replace("threshold: 500ms", "threshold: 10s"))
    done = tailgate.here("run", "--profile", "quick.yaml")
    assert done.returncode == 3, done.stdout + done.stderr  # 120 samples are too few for 99.9 %
    assert "2995" in done.stdout
