"""The command as a user runs it: a working directory of its own, a real service, and the installed script.

Where the start of the script is not what a test is about, the same command is asked in this process, which has imported
it already; what it starts itself are processes of their own all the same.
"""

import io
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
import pytest
from tailgate_otel import names

from tailgate.entry import main
from tests.loadtest.conftest import DISTURBED
from tests.server import Request, Response, Server

SCRIPT = Path(sys.executable).with_name("tailgate")

QUICK = """
apiVersion: tailgate/v1
kind: Profile
name: quick
warmup: 500ms
stages: [{duration: 2s, rate: 60}]
users: 100
"""


def free_port() -> int:
    """A port that nobody listens at, just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environment() -> dict[str, str]:
    """Ours, without what would configure the command from outside."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TAILGATE_", "LOCUST_", "OTEL_", "PYTHON", "GITHUB_")) and name != "CI"
    }


def a_users_environment() -> dict[str, str]:
    """A clean one, but that a disturbed generator is no reason to decide nothing."""
    return clean_environment() | {
        names.ENV_TOLERATE: " ".join(f"{limit}={share:.0%}" for limit, share in DISTURBED.moved.items())
    }


@dataclass
class Command:
    """Runs ``tailgate`` in a directory."""

    cwd: Path
    environment: dict[str, str] = field(default_factory=a_users_environment)

    def __call__(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """What came of it."""
        return subprocess.run(
            [SCRIPT, *arguments],
            cwd=self.cwd,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def here(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What came of it in this process."""
        said, complained = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, self.environment, clear=True),
            mock.patch.object(sys, "argv", [str(SCRIPT), *arguments]),
            chdir(self.cwd),
            redirect_stdout(said),
            redirect_stderr(complained),
            pytest.raises(SystemExit) as ended,
        ):
            main()
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return subprocess.CompletedProcess(arguments, code or 0, said.getvalue(), complained.getvalue())

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [SCRIPT, *arguments],
            cwd=self.cwd,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


def command_in(directory: Path) -> Command:
    """The command in a fresh directory, which then holds a quick profile."""
    (directory / "quick.yaml").write_text(QUICK)
    return Command(directory)


@contextmanager
def serving(command: Command, *options: str) -> Iterator[tuple[dict[str, Any], list[psutil.Process]]]:
    """What ``tailgate serve`` says of itself, on free ports, and its processes, of which none is left."""
    process = command.start("serve", *options, "--port", "0", "--metrics-port", "0", "--json")
    if process.stdout is None:
        raise ValueError("its output is not ours")
    text = ""
    for line in process.stdout:
        text += line
        if line.startswith("}"):
            break
    children = psutil.Process(process.pid).children(recursive=True)
    try:
        yield json.loads(text), children
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 0
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


@pytest.fixture
def tailgate(tmp_path: Path) -> Command:
    """The command in a fresh directory, which holds a quick profile."""
    return command_in(tmp_path)


@pytest.fixture
def refused(tailgate: Command) -> Callable[..., str]:
    """Asks the command in this process for what it has to refuse; what it says is returned."""

    def refuse(*arguments: str) -> str:
        done = tailgate.here(*arguments)
        assert done.returncode == 2, done.stdout + done.stderr
        return " ".join(done.stderr.split())

    return refuse


Row = tuple[str, str, str | None, str | None, str]


def objectives_in(directory: Path, *rows: Row, name: str = "objectives.yaml") -> str:
    """Writes an objectives file of (name, measure, route, threshold, target) rows, and returns its name."""
    documents = []
    for slo, measure, route, threshold, target in rows:
        spec = ", ".join(
            part
            for part in (
                f"measure: {measure}",
                f"route: {route}" if route else "",
                f"threshold: {threshold}" if threshold else "",
            )
            if part
        )
        documents.append(
            f"""apiVersion: openslo/v1
kind: SLO
metadata: {{name: {slo}}}
spec:
  service: test
  timeWindow: [{{duration: 30d, isRolling: true}}]
  budgetingMethod: Occurrences
  indicator:
    metadata: {{name: {slo}}}
    spec:
      thresholdMetric:
        metricSource:
          type: tailgate
          spec: {{{spec}}}
  objectives: [{{target: {target}}}]
"""
        )
    documents.append("apiVersion: tailgate/v1\nkind: Gate\nmetadata: {name: all}\nspec: {minimumSamples: 20}\n")
    (directory / name).write_text("---\n".join(documents))
    return name


@pytest.fixture
def objectives(tmp_path: Path) -> Callable[..., str]:
    """Writes an objectives file into the command's directory, and returns its name."""
    return partial(objectives_in, tmp_path)


@pytest.fixture
def foreign_api() -> Iterator[str]:
    """An API that knows nothing of this project."""

    def answer(request: Request) -> Response:
        status = 500 if request.path.startswith("/broken") else 200
        return Response(b'{"ok":true}', status, {"Content-Type": "application/json"})

    with Server(answer) as server:
        yield server.url


def below() -> set[psutil.Process]:
    """The processes that this one has started, and they; other tests' are among them."""
    return set(psutil.Process().children(recursive=True))
