"""``tailgate gate`` of a bundle of which something has gone missing: exit code 2, never a verdict by what is left."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.server import Response, Server

from .conftest import Command, command_in, objectives_in
from .test_compare import LOCUSTFILE


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that keeps its objectives."""
    directory = tmp_path_factory.mktemp("made")
    tailgate = command_in(directory)
    (directory / "locustfile.py").write_text(LOCUSTFILE)
    slo = objectives_in(directory, ("up", "availability", None, None, "0.9"))
    with Server(Response()) as server:
        load = ("--host", server.url, "-f", "locustfile.py", "--profile", "quick.yaml")
        done = tailgate.here("run", *load, "--slo", slo)
    assert done.returncode == 0, done.stdout + done.stderr
    return (directory / "runs" / "latest").resolve()


def cut(name: str, *, between_lines: bool = False) -> Callable[[Path], object]:
    """Leaves half of a file."""

    def half(bundle: Path) -> None:
        text = (bundle / name).read_bytes()
        left = text[: len(text) // 2]
        (bundle / name).write_bytes(left[: left.rindex(b"\n") + 1] if between_lines else left)

    return half


def without_gate(bundle: Path) -> None:
    slo = bundle / "slo.yaml"
    slo.write_text(slo.read_text().partition("---\n")[0])


def without_an_end(bundle: Path) -> None:
    run = bundle / "run.json"
    run.write_text(json.dumps({**json.loads(run.read_text()), "seconds": math.nan}))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no run.json": (lambda bundle: (bundle / "run.json").unlink(), "is no run bundle"),
    "no log": (lambda bundle: (bundle / "latency.hlog").unlink(), "latency.hlog: cannot be read"),
    "no counters": (lambda bundle: (bundle / "server.json").unlink(), "server.json: cannot be read"),
    "no objectives": (lambda bundle: (bundle / "slo.yaml").unlink(), "slo.yaml: is missing, and there were objectives"),
    "objectives cut short": (without_gate, "slo.yaml: has other objectives than there were at first"),
    "objectives that are none": (lambda bundle: (bundle / "slo.yaml").write_text("{"), "slo.yaml"),
    "run.json cut short": (cut("run.json"), "run.json: is not JSON"),
    "a moment that is no number": (without_an_end, "run.json: seconds: Input should be a finite number"),
    "counters cut short": (cut("server.json"), "server.json: is not JSON"),
    "a log cut short": (cut("latency.hlog"), "latency.hlog"),
    "a log cut short between two lines": (cut("latency.hlog", between_lines=True), "a file was cut short"),
    "an empty log": (lambda bundle: (bundle / "latency.hlog").write_bytes(b""), "has 0 requests to GET /shop"),
    "a log that is none": (lambda bundle: (bundle / "latency.hlog").write_bytes(b"\xff\x00"), "is no histogram log"),
    "another schema": (
        lambda bundle: (bundle / "run.json").write_text('{"schema": "tailgate/run/v9"}'),
        "written by a newer tailgate",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_no_verdict_comes_of_what_is_left(made: Path, tailgate: Command, name: str) -> None:
    shutil.copytree(made, tailgate.cwd / "run")
    whole = tailgate.here("gate", "run")
    assert whole.returncode == 0, whole.stderr
    damage, why = DAMAGE[name]
    damage(tailgate.cwd / "run")
    done = tailgate.here("gate", "run")
    assert done.returncode == 2, done.stdout
    assert why in " ".join(done.stderr.split())


def test_other_objectives_take_the_place_of_those_that_are_gone(made: Path, tailgate: Command) -> None:
    shutil.copytree(made, tailgate.cwd / "run")
    (tailgate.cwd / "run" / "slo.yaml").unlink()
    slo = objectives_in(tailgate.cwd, ("up", "availability", None, None, "0.5"))
    assert tailgate.here("gate", "run", "--slo", slo).returncode == 0
