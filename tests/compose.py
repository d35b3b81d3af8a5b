"""docker-compose.yml as tests read it."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docker-compose.yml"
PAGE = ROOT / "docs" / "stack.md"

Service = dict[str, Any]

_VARIABLE = re.compile(r"\$\$|\$\{([A-Z_]+):([?-])([^}]*)\}")


class UnsetError(LookupError):
    """A variable is not set that has no default."""


def document(environ: Mapping[str, str]) -> dict[str, Any]:
    """All of it, with its variables put in as Compose does. Raises ``UnsetError``."""

    def put(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        if name is None:
            return "$"
        if environ.get(name):
            return environ[name]
        if kind == "?":
            raise UnsetError(f"{name}: {rest}")
        return rest

    def each(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: each(value) for key, value in node.items()}
        if isinstance(node, list):
            return [each(value) for value in node]
        return _VARIABLE.sub(put, node) if isinstance(node, str) else node

    return each(yaml.safe_load(FILE.read_text(encoding="utf-8")))


def secrets() -> set[str]:
    """The variables without which it does not start."""
    found = re.findall(r"\$\{([A-Z_]+):\?", FILE.read_text(encoding="utf-8"))
    return set(found)


def services() -> dict[str, Service]:
    """By name; each secret is its own name in small letters."""
    return document({name: name.lower() for name in secrets()})["services"]


def mounted(service: Service) -> Iterator[tuple[Path, str, bool]]:
    """What of the checkout it mounts: the path here, the path there, and whether it may only be read."""
    for volume in service.get("volumes", ()):
        source, target, *mode = volume.split(":")
        if source.startswith("."):
            yield ROOT / source, target, mode == ["ro"]


def standing() -> dict[str, Service]:
    """Those that go on running without a load."""
    return {
        name: service
        for name, service in services().items()
        if "profiles" not in service and service["restart"] == "unless-stopped"
    }
