"""``--openapi``, and ``openapi:`` in the settings: requests without a name go by the API's own paths."""

import json
from collections.abc import Callable

import pytest

from tests.tailgate.conftest import Command

LOCUSTFILE = """
import itertools
from locust import FastHttpUser, task
items = itertools.count()
class Visitor(FastHttpUser):
    @task
    def look(self):
        self.client.get(f"/items/sku-{next(items)}")
        self.client.get(f"/items/sku-{next(items)}", name="/items/mine")
"""
OPENAPI = "openapi: 3.1.0\npaths:\n  /items/{sku}:\n    get: {}\n"


@pytest.fixture
def locustfile(tailgate: Command) -> str:
    (tailgate.cwd / "visitor.py").write_text(LOCUSTFILE)
    (tailgate.cwd / "openapi.yaml").write_text(OPENAPI)
    return "visitor.py"


@pytest.mark.xdist_group("load")
@pytest.mark.parametrize("given", ["option", "settings"])
def test_a_run_and_its_plan_call_requests_by_the_files_paths(
    tailgate: Command, foreign_api: str, locustfile: str, objectives: Callable[..., str], given: str
) -> None:
    option = ["--openapi", "openapi.yaml"] if given == "option" else []
    if given == "settings":
        (tailgate.cwd / "tailgate.yaml").write_text("openapi: openapi.yaml\n")
    slo = objectives(("there", "latency", "'GET /items/{sku}'", "2s", "0.5"))
    arguments = ["run", "--host", foreign_api, "-f", locustfile, "--profile", "quick.yaml", "--slo", slo, *option]
    plan = json.loads(tailgate.here(*arguments, "--plan", "--json").stdout)
    assert set(plan["samples_per_route"]) == {"GET /items/{sku}", "GET /items/mine"}
    if given == "settings":
        return  # the run has it as the plan has
    done = tailgate.here(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    run = json.loads((tailgate.cwd / "runs" / "latest" / "run.json").read_text())
    assert {route["route"] for route in run["routes"]} == {"GET /items/{sku}", "GET /items/mine"}


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("none.yaml", None, "none.yaml: cannot be read"),
        ("bad.yaml", "paths: {/a: {get: {}}}\n", "bad.yaml: openapi: is ''"),
        ("bad.json", '{"openapi": "3.1.0", "paths": {"a": {}}}', "bad.json: paths: 'a': a path begins with a slash"),
    ],
)
def test_a_file_that_is_wrong_is_named_before_anything_starts(
    tailgate: Command, locustfile: str, name: str, text: str | None, named: str
) -> None:
    if text is not None:
        (tailgate.cwd / name).write_text(text)
    done = tailgate.here("run", "-f", locustfile, "--openapi", name)
    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr
