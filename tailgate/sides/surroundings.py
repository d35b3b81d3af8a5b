"""What a side's commands are told by their environment."""

import os
import random
import socket
from pathlib import Path

from tailgate_loadtest.shapes.sides import Side
from tailgate_otel import names

from tailgate.errors import CommandError
from tailgate.settings import FILE, Service
from tailgate.sides.places import check, places

LOOPBACK = "127.0.0.1"
TOLD = (
    names.ENV_SIDE,
    names.ENV_PORT,
    names.ENV_RUN_METRICS_PORT,
    names.ENV_SIDE_DIRECTORY,
    names.ENV_RUN_SECRET,
)
"""What each start of a side is told of its own."""
_PORTS = range(20_000, 32_000)
"""Below those that the kernel gives to outgoing connections, of which a load has many."""
_ATTEMPTS = 100
_OF_A_REPOSITORY = (
    "GIT_DIR",
    "GIT_COMMON_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
)
"""What git tells a hook would lead commands in another checkout astray."""


def inherited() -> dict[str, str]:
    """Ours, as the shell handed it to us."""
    return {name: value for name, value in os.environ.items() if name not in _OF_A_REPOSITORY}


def own(side: Side, directory: Path, run_secret: str) -> dict[str, str]:
    """The values of ``TOLD``, with two ports that nobody listens at."""
    port, metrics_port = _found_ports()
    return dict(zip(TOLD, (side.value, port, metrics_port, str(directory), run_secret), strict=True))


def instrumented(metrics_port: str) -> dict[str, str]:
    """Where metrics are asked for, in OpenTelemetry's words."""
    return {names.ENV_METRICS_HOST: LOOPBACK, names.ENV_METRICS_PORT: metrics_port}


def check_service(service: Service) -> None:
    """Raises ``CommandError`` when a service's settings ask for what it is not told, or tell it what we do."""
    check({"ready": service.ready, "metrics": service.metrics, "targets": service.targets}, TOLD)
    check({f"env: {name}": value for name, value in service.env.items()}, TOLD)
    # Whatever the values will be: 1 is a port, and a part of a path.
    places(service, f"http://{LOOPBACK}", dict.fromkeys(TOLD, "1"))
    if taken := [name for name in TOLD if name in service.env]:
        raise CommandError(f"{FILE}: service: env: {taken[0]}: each side is told its own; remove it there")


def _found_ports() -> tuple[str, str]:
    found: list[str] = []
    for port in random.sample(_PORTS, _ATTEMPTS):
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
        found.append(str(port))
        if len(found) == 2:
            return found[0], found[1]
    raise CommandError(f"too few ports from {_PORTS.start} to {_PORTS.stop} are free")
