"""What a side's commands are told by their environment."""

import os
import random
import socket
from collections.abc import Mapping
from pathlib import Path

from tailgate_loadtest.shapes.sides import Side
from tailgate_otel import names

from tailgate.errors import CommandError
from tailgate.settings import FILE

LOOPBACK = "127.0.0.1"
_PORTS = range(20_000, 32_000)
"""Below those that the kernel gives to outgoing connections, of which a load has many."""
_ATTEMPTS = 100
_OF_A_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")
"""What git tells a hook would lead commands in another checkout astray."""


def inherited() -> dict[str, str]:
    """Ours, as the shell handed it to us."""
    return {name: value for name, value in os.environ.items() if name not in _OF_A_REPOSITORY}


def own(side: Side, directory: Path, run_secret: str) -> dict[str, str]:
    """What is told to a start of a side, with two ports that nobody listens at."""
    metrics_port = str(_found_port())
    return {
        names.ENV_SIDE: side.value,
        names.ENV_PORT: str(_found_port()),
        names.ENV_RUN_METRICS_PORT: metrics_port,
        # The same in OpenTelemetry's words, for those who are instrumented.
        names.ENV_METRICS_HOST: LOOPBACK,
        names.ENV_METRICS_PORT: metrics_port,
        names.ENV_SIDE_DIRECTORY: str(directory),
        names.ENV_RUN_SECRET: run_secret,
    }


def refuse_ours(env: Mapping[str, str]) -> None:
    """Raises ``CommandError`` when a service's own variables are among those that it is told."""
    ours = (
        names.ENV_SIDE,
        names.ENV_PORT,
        names.ENV_RUN_METRICS_PORT,
        names.ENV_SIDE_DIRECTORY,
        names.ENV_RUN_SECRET,
    )
    if taken := [name for name in ours if name in env]:
        raise CommandError(f"{FILE}: service: env: {', '.join(taken)}: each side is told its own; remove it there")


def _found_port() -> int:
    for port in random.sample(_PORTS, _ATTEMPTS):
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port
    raise CommandError(f"no port from {_PORTS.start} to {_PORTS.stop} is free")
