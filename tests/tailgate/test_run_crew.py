"""More than one process by the command: processes here, a master and workers, and what is refused."""

import json
from collections.abc import Callable

import pytest

from tests.tailgate.conftest import Command, free_port

pytestmark = pytest.mark.xdist_group("load")

LOCUSTFILE = """
from locust import FastHttpUser, task
class Visitor(FastHttpUser):
    @task
    def home(self):
        self.client.get("/home")
"""


@pytest.fixture
def load(tailgate: Command, foreign_api: str, objectives: Callable[..., str]) -> tuple[str, ...]:
    """What a master, or a run alone, is told to load."""
    (tailgate.cwd / "visitor.py").write_text(LOCUSTFILE)
    slo = objectives(("up", "availability", None, None, "0.9"))
    return ("--host", foreign_api, "-f", "visitor.py", "--profile", "quick.yaml", "--slo", slo)


def run_document(tailgate: Command) -> dict:
    return json.loads((tailgate.cwd / "runs" / "latest" / "run.json").read_text())


def test_processes_here_are_one_more_option(tailgate: Command, load: tuple[str, ...]) -> None:
    done = tailgate.here("run", *load, "--processes", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    document = run_document(tailgate)
    assert document["generator"]["workers"] == 2
    assert document["arrivals"]["arrived"] == document["arrivals"]["completed"] > 100


def test_a_master_and_workers_find_each_other_and_know_each_other_by_the_key(
    tailgate: Command, load: tuple[str, ...]
) -> None:
    port = str(free_port())
    tailgate.environment["TAILGATE_CREW_KEY"] = "known to both"
    workers = [tailgate.start("run", "--worker", "-f", "visitor.py", "--master-port", port) for _ in range(2)]
    done = tailgate.here("run", *load, "--master", "--master-port", port, "--expect-workers", "2")
    outcomes = [(*worker.communicate(timeout=30), worker.returncode) for worker in workers]
    assert done.returncode == 0, done.stdout + done.stderr
    assert [code for _, _, code in outcomes] == [0, 0], outcomes
    assert run_document(tailgate)["generator"]["workers"] == 2
    assert "known to both" not in "".join(path.read_text() for path in (tailgate.cwd / "runs/latest").iterdir())


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--master", "--expect-workers", "2", "--master-bind-host", "0.0.0.0"], "--unauthenticated-workers"),
        (["--master"], "--expect-workers"),
        (["--expect-workers", "2"], "--master"),
        (["--processes", "1000"], "256"),
        (["--worker", "--profile", "smoke"], "the master's to say"),
        (["--worker", "--master"], "the master's to say"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(tailgate: Command, arguments: list[str], named: str) -> None:
    done = tailgate.here("run", *arguments)
    assert done.returncode == 2
    assert named in done.stderr
    assert not (tailgate.cwd / "runs").exists()


def test_workers_that_do_not_come_are_named_by_their_number(tailgate: Command, load: tuple[str, ...]) -> None:
    port = str(free_port())
    options = ("--master", "--master-port", port, "--expect-workers", "2", "--expect-workers-max-wait", "1s")
    done = tailgate.here("run", *load, *options)
    assert done.returncode == 2
    assert "only 0 of 2 workers came within 1 s" in done.stderr
