"""The command as a user runs it: the installed script, a working directory of its own, a real service."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tailgate_otel import names

from tailgate.main import main
from tests.loadtest.conftest import DISTURBED

SCRIPT = Path(sys.executable).with_name("tailgate")

QUICK = """
apiVersion: tailgate/v1
kind: Profile
name: quick
warmup: 1s
stages: [{duration: 3s, rate: 40}]
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
        if not name.startswith(("TAILGATE_", "LOCUST_", "OTEL_", "PYTHON")) and name != "CI"
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


@pytest.fixture
def tailgate(tmp_path: Path) -> Command:
    """The command in a fresh directory, which holds a quick profile."""
    (tmp_path / "quick.yaml").write_text(QUICK)
    return Command(tmp_path)


@pytest.fixture
def refused(
    tailgate: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Runs the command in this process, which is quicker; it has to refuse, and what it says is returned."""
    monkeypatch.chdir(tailgate.cwd)

    def refuse(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["tailgate", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == 2
        return " ".join(capsys.readouterr().err.split())

    return refuse


@pytest.fixture
def objectives(tmp_path: Path) -> Callable[..., str]:
    """Writes an objectives file of (name, measure, route, threshold, target) rows, and returns its name."""

    def write(*rows: tuple[str, str, str | None, str | None, str], name: str = "objectives.yaml") -> str:
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
        (tmp_path / name).write_text("---\n".join(documents))
        return name

    return write


@pytest.fixture
def foreign_api() -> Iterator[str]:
    """An API that knows nothing of this project."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status = 500 if self.path.startswith("/broken") else 200
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "11")
            self.end_headers()
            self.wfile.write(b'{"ok":true}')

        do_GET = do_POST = _answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()
