"""tailgate.yaml in the working directory: what the command line need not repeat.

host: http://127.0.0.1:8000
locustfile: locustfile.py
profile: smoke
slo: slo.yaml
metrics: http://127.0.0.1:9464/metrics
targets: .tailgate/targets.json
openapi: openapi.yaml
out: runs
service:                    how ``tailgate ab`` brings a side up, and where traces come to; docs/ab.md
  build: make shop
  seed: ./shop --seed "$TAILGATE_DIRECTORY/shop.db"
  start: exec ./shop --port "$TAILGATE_PORT" --data "$TAILGATE_DIRECTORY/shop.db"
  ready: /health
  env: {SHOP_WORKERS: "2"}
  metrics: http://127.0.0.1:$TAILGATE_METRICS_PORT/metrics
  targets: $TAILGATE_DIRECTORY/targets.json
  traces: 0.0.0.0:4318
  timeout: 30s
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from tailgate_loadtest.shapes import plain
from tailgate_loadtest.shapes.units import seconds

from tailgate.errors import CommandError

FILE = Path("tailgate.yaml")
_MAX_BYTES = 64 * 1024
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ADDRESS = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3}):([1-9]\d{0,4})", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Service:
    """How a service of the user's own is brought up; None: not given.

    ``build``, ``seed``, ``start`` and ``stop`` are commands of a shell, ``compose`` is a file for Docker Compose in
    place of ``start``. ``ready``, ``metrics`` and ``targets`` are an address, an address and a file, in which the
    side's values stand by their names. ``traces`` is an address and a port of this machine, at which traces of services
    that run elsewhere are received. ``timeout``: seconds until it must be ready.
    """

    build: str | None = None
    seed: str | None = None
    start: str | None = None
    compose: str | None = None
    ready: str | None = None
    stop: str | None = None
    metrics: str | None = None
    targets: str | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    traces: tuple[str, int] | None = None
    timeout: float = 60.0

    @property
    def starts(self) -> bool:
        """Whether it says how to start one."""
        return self.start is not None or self.compose is not None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The defaults of a working directory; None: not given."""

    host: str | None = None
    locustfile: str | None = None
    profile: str | None = None
    slo: str | None = None
    metrics: str | None = None
    targets: str | None = None
    openapi: str | None = None
    out: str | None = None
    service: Service = field(default_factory=Service)


def load(path: Path = FILE) -> Settings:
    """The settings of a file; none at all when there is no such file.

    Raises:
        CommandError: naming the file, the key and what would be right.
    """
    try:
        with path.open("rb") as file:
            document = plain.read(file.read(_MAX_BYTES))
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CommandError(f"{path}: {error}") from error
    if document is None:
        return Settings()
    given = _known(Settings, document, f"{path}")
    service = given.pop("service", None)
    _texts(given, f"{path}")
    return Settings(**given, service=_service(service, f"{path}: service"))


def _service(document: Any, place: str) -> Service:
    if document is None:
        return Service()
    given = _known(Service, document, place)
    timeout, traces, env = given.pop("timeout", None), given.pop("traces", None), given.pop("env", None) or {}
    _texts(given, place)
    if empty := [key for key, value in given.items() if not value.strip()]:
        raise CommandError(f"{place}: {empty[0]}: is empty; leave it out")
    if "start" in given and "compose" in given:
        raise CommandError(f"{place}: start and compose: give one or the other")
    if not isinstance(env, dict):
        raise CommandError(f"{place}: env: must be a mapping of names to texts")
    for name in env:
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            raise CommandError(f"{place}: env: {name!r} is no name of a variable")
    _texts(env, f"{place}: env")
    if timeout is not None:
        try:
            given["timeout"] = seconds(str(timeout))
        except ValueError as error:
            raise CommandError(f"{place}: timeout: {error}") from error
    if traces is not None:
        given["traces"] = _address(traces, f"{place}: traces")
    return Service(**given, env=env)


def _address(given: Any, place: str) -> tuple[str, int]:
    found = _ADDRESS.fullmatch(given) if isinstance(given, str) else None
    if found is None or int(found[2]) >= 1 << 16:
        raise CommandError(
            f"{place}: {given!r} is nowhere to listen; give an address of this machine, in numbers, and a port, like"
            " 0.0.0.0:4318"
        )
    return found[1], int(found[2])


def _known(kind: type, document: Any, place: str) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise CommandError(f"{place}: must be a mapping of keys to values")
    known = [each.name for each in fields(kind)]
    for key in document:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise CommandError(f"{place}: unknown key {key!r}; {hint}")
    return dict(document)


def _texts(given: Mapping[str, Any], place: str) -> None:
    for key, value in given.items():
        if not isinstance(value, str) or "\0" in value:
            raise CommandError(f"{place}: {key}: {value!r} must be text")
