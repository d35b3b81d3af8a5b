"""A real Prometheus and a real Alertmanager for tests: on loopback, in a directory of the test, ended by their ids."""

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds: long, because how quick a machine is, is nothing that a test may fail for."""
ATTEMPTS = 3
PATH = os.pathsep.join((str(Path(__file__).parents[2] / ".venv/peers/usr/bin"), os.environ["PATH"]))


def program(*names: str) -> str | None:
    """The first of these programs that is there, on the PATH or unpacked by ``.ci/peers``."""
    return next((found for name in names if (found := shutil.which(name, path=PATH))), None)


@dataclass(frozen=True)
class Version:
    """The programs of one version of Prometheus; None for one that is not there."""

    prometheus: str | None
    promtool: str | None


def _versions() -> dict[str, Version]:
    found = {"2": Version(program("prometheus"), program("promtool"))}
    if third := os.environ.get("PROMETHEUS3") or program("prometheus3"):
        found["3"] = Version(third, str(Path(third).with_name("promtool")))
    return found


VERSIONS = _versions()
"""Debian's; and one of version 3 with the promtool beside it, where one goes by that name, or the variable names it."""
PROMETHEUS, PROMTOOL = VERSIONS["2"].prometheus, VERSIONS["2"].promtool
# Debian gives it another name.
ALERTMANAGER = program("alertmanager", "prometheus-alertmanager")
AMTOOL = program("amtool")

needs_prometheus = pytest.mark.skipif(
    PROMETHEUS is None or PROMTOOL is None, reason="prometheus is not installed: apt-get install prometheus"
)
needs_alertmanager = pytest.mark.skipif(
    ALERTMANAGER is None or AMTOOL is None,
    reason="alertmanager is not installed: apt-get install prometheus-alertmanager",
)


@dataclass(frozen=True, kw_only=True)
class Server:
    """One that answers."""

    url: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def reload(self) -> None:
        """Have it read its configuration again; it does so soon after."""
        self.process.send_signal(signal.SIGHUP)


@contextmanager
def prometheus(directory: Path, config: str, *options: str, binary: str | None = PROMETHEUS) -> Iterator[Server]:
    """A Prometheus with this configuration, whose relative paths are below ``directory``, and exemplars kept."""
    with _server(
        directory,
        "prometheus.yml",
        config,
        lambda file, address: [
            str(binary),
            f"--config.file={file}",
            f"--storage.tsdb.path={directory / 'prometheus'}",
            "--enable-feature=exemplar-storage",
            f"--web.listen-address={address}",
            *options,
        ],
    ) as server:
        yield server


@contextmanager
def alertmanager(directory: Path, config: str, *options: str) -> Iterator[Server]:
    """An Alertmanager with this configuration, alone: it looks for no others of its kind."""
    with _server(
        directory,
        "alertmanager.yml",
        config,
        lambda file, address: [
            str(ALERTMANAGER),
            f"--config.file={file}",
            f"--storage.path={directory / 'alertmanager'}",
            "--cluster.listen-address=",
            f"--web.listen-address={address}",
            *options,
        ],
    ) as server:
        yield server


def promtool(*arguments: str, cwd: Path, binary: str | None = PROMTOOL) -> str:
    """What ``promtool`` says; it has to be content."""
    return _content(binary, *arguments, cwd=cwd)


def amtool(*arguments: str, cwd: Path) -> str:
    """What ``amtool`` says; it has to be content."""
    return _content(AMTOOL, *arguments, cwd=cwd)


def eventually(condition: Callable[[], T], within: float = PATIENCE) -> T:
    """What ``condition`` returns once that is true; it is asked again until then."""
    end = time.monotonic() + within
    while not (found := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {within:g} s: the last answer was {found!r}")
        time.sleep(0.1)
    return found


def free_port() -> int:
    """A port that nobody listens at, just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _server(directory: Path, name: str, config: str, command: Callable[[Path, str], list[str]]) -> Iterator[Server]:
    file = directory / name
    file.write_text(config, encoding="utf-8")
    log = directory / f"{name}.log"
    for _ in range(ATTEMPTS):
        address = f"127.0.0.1:{free_port()}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command(file, address), cwd=directory, stdout=output, stderr=output, start_new_session=True
            )
        try:
            if _ready(f"http://{address}/-/ready", process):
                yield Server(url=f"http://{address}", process=process, log=log)
                return
        finally:
            _end(process)
        # Somebody else may have been given the port meanwhile; a bad configuration is not better the next time.
        if b"address already in use" not in log.read_bytes():
            break
    raise RuntimeError(f"{name}: no answer; its log:\n{log.read_text(errors='replace')}")


def _ready(url: str, process: "subprocess.Popen[bytes]") -> bool:
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status == 200
        except OSError:
            time.sleep(0.05)
    return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(20)
    finally:
        # Whoever is left of its session: nobody, if it has ended well.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _content(tool: str | None, *arguments: str, cwd: Path) -> str:
    done = subprocess.run(
        [str(tool), *arguments], cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
