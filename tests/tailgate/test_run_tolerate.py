"""A generator that is kept from its work: no verdict, unless the user bears it."""

import json
from collections.abc import Callable

import pytest
from tailgate_otel import names

from tests.tailgate.conftest import Command

pytestmark = pytest.mark.xdist_group("load")

BLOCKING = """
import time

from locust import FastHttpUser, task

class Blocking(FastHttpUser):
    @task
    def look(self):
        self.client.get("/look")
        end = time.monotonic() + 0.1
        while time.monotonic() < end:
            pass
"""
GENTLE = """
apiVersion: tailgate/v1
kind: Profile
name: gentle
warmup: 0s
stages: [{duration: 4s, rate: 8}]
users: 20
"""


@pytest.mark.parametrize("tolerated", [False, True])
def test_a_blocked_engine_decides_nothing_unless_that_is_tolerated(
    tailgate: Command, foreign_api: str, objectives: Callable[..., str], tolerated: bool
) -> None:
    (tailgate.cwd / "blocking.py").write_text(BLOCKING)
    (tailgate.cwd / "gentle.yaml").write_text(GENTLE)
    slo = objectives(("up", "availability", None, None, "0.5"))
    if not tolerated:
        del tailgate.environment[names.ENV_TOLERATE]
    load = "--host", foreign_api, "-f", "blocking.py", "--profile", "gentle.yaml", "--slo", slo
    done = tailgate.here("run", *load, "--json")
    document = json.loads((tailgate.cwd / "runs" / "latest" / "run.json").read_text())
    if tolerated:
        assert done.returncode == 0, done.stdout
        assert any("stood still" in warning for warning in document["warnings"])
    else:
        assert done.returncode == 3
        assert any("stood still" in reason for reason in json.loads(done.stdout)["verdict"]["reasons"])


def test_a_limit_that_is_none_is_refused_before_anything_starts(tailgate: Command) -> None:
    done = tailgate.here("run", "--tolerate", "steel=30%")
    assert done.returncode == 2
    assert "--tolerate 'steel=30%': no limit is called 'steel'; did you mean steal?" in " ".join(done.stderr.split())
    assert not (tailgate.cwd / "runs").exists()
