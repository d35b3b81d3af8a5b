"""What watches ``tailgate serve --observe``, as far as the programs are found.

They run by the files of ``docker-compose.yml``, on loopback, and keep what they know in a directory:

    <directory>/
      prometheus.yml, alertmanager.yml       as they come with the package
      rules/, boards/                        compiled from the objectives
      targets/                               whom Prometheus asks, and whom it tells
      prometheus/, alertmanager/, grafana/   what each keeps, from one start to the next
      NAME.log
"""

import contextlib
import fcntl
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from tailgate_dashboards import data
from tailgate_dashboards.boards import files
from tailgate_slo import Objectives

from tailgate.errors import CommandError
from tailgate.leash import Leashed
from tailgate.watchers import LOOPBACK, WATCHERS

RUN_METRICS_PORT = 9465
"""Where a run is looked for: ``tailgate run --metrics-port 9465``."""


@dataclass(frozen=True, kw_only=True)
class Observers:
    """``addresses``: name -> URL of those that run; ``missing``: name -> why, of those that do not."""

    addresses: Mapping[str, str]
    missing: Mapping[str, str]
    programs: dict[str, Leashed] = field(repr=False)
    aim: Callable[[Mapping[str, str]], None] = field(repr=False)

    def ended(self) -> dict[str, str]:
        """Name -> how, of those that have ended by themselves since this was last asked; nobody is sent to them."""
        fates = {name: fate for name, program in self.programs.items() if (fate := program.fate())}
        for name in fates:
            del self.programs[name]
        if fates:
            self.aim({name: self.addresses[name] for name in self.programs})
        return fates


@contextmanager
def observing(directory: Path, metrics_url: str, objectives: Objectives) -> Iterator[Observers]:
    """Watch the service whose metrics are at ``metrics_url`` by its objectives, for the length of the block.

    What is not found, or does not start, is among the missing; the others run without it. To be entered by the thread
    that this process began with. Raises ``DashboardError`` when the objectives cannot be compiled, ``CommandError``
    when the directory is another's, ``OSError`` when it cannot be written.
    """
    directory = directory.absolute()
    with _alone(directory), ExitStack() as running:
        urls = {watcher.name: f"http://{LOOPBACK}:{_port(watcher.usual_port)}" for watcher in WATCHERS}
        _write(directory, objectives)
        found = {watcher.name: watcher.find(directory, urls) for watcher in WATCHERS}
        missing = {name: why for name, why in found.items() if isinstance(why, str)}
        programs: dict[str, Leashed] = {}
        aim = partial(_aim, directory, urlsplit(metrics_url).netloc)
        for watcher in WATCHERS:
            # Prometheus, which reads it, comes after whom it is to tell.
            aim({name: urls[name] for name in urls if name not in missing})
            if isinstance(which := found[watcher.name], str):
                continue
            log = directory / f"{watcher.name}.log"
            program = running.enter_context(Leashed(which.argv, {**_innocent(os.environ), **which.environ}, log))
            if why := program.failed(urls[watcher.name] + watcher.ready):
                missing[watcher.name] = why
                program.close()
            else:
                programs[watcher.name] = program
        addresses = {name: urls[name] for name in programs}
        aim(addresses)
        yield Observers(addresses=addresses, missing=missing, programs=programs, aim=aim)


def _innocent(environ: Mapping[str, str]) -> dict[str, str]:
    """Without what is ours to know: secrets, and where the database is."""
    return {name: value for name, value in environ.items() if not name.startswith(("TAILGATE_", "GRAFANA_"))}


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Let nobody else write the files that ours read."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(
                f"{directory}: another `tailgate serve --observe` keeps its data there; end that, or start in another"
                " directory"
            ) from error
        yield


def _write(directory: Path, objectives: Objectives) -> None:
    texts = files.compiled(objectives)
    for drift in list(files.drifts(directory, texts)):
        files.put_right(directory, texts, drift)
    for name in ("prometheus.yml", "alertmanager.yml"):
        (directory / name).write_text(data.file(name).read_text(encoding="utf-8"), encoding="utf-8")


def _aim(directory: Path, metrics: str, urls: Mapping[str, str]) -> None:
    """Whom Prometheus asks and whom it tells: of those that watch, who is there. It reads these files as they change.

    Whoever else listens later where one of the others would have been is sent no alert.
    """
    told = {
        "service": [metrics],
        "load": [f"{LOOPBACK}:{RUN_METRICS_PORT}"],
        "stack": [urlsplit(url).netloc for url in urls.values()],
        "alertmanager": [urlsplit(url).netloc for name, url in urls.items() if name == "alertmanager"],
    }
    (directory / "targets").mkdir(exist_ok=True)
    for name, targets in told.items():
        (directory / "targets" / f"{name}.yaml").write_text(yaml.safe_dump([{"targets": targets}]), encoding="utf-8")


def _port(usual: int) -> int:
    """The usual one where it is free, any other where it is not."""
    for wanted in (usual, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOOPBACK, wanted))
            found: int = probe.getsockname()[1]
            return found
    raise CommandError(f"no port of {LOOPBACK} is free")
