"""A file for Docker Compose as a program: it is brought up in the foreground, and taken down with its data."""

import hashlib
import json
import os
import subprocess
from dataclasses import replace
from typing import Any

from tailgate_otel import names

from tailgate.errors import CommandError
from tailgate.sides import surroundings
from tailgate.sides.program import Program
from tailgate.untrusted import printable

_BUILD = "docker compose build"


def composed(program: Program) -> Program:
    """The program that a program with a Compose file is; any other as it is.

    The sides' containers, volumes and networks are told apart by the project's name, and so are the images that are
    built. Raises ``CommandError``.
    """
    service = program.service
    if service.compose is None:
        return program
    file = program.directory / service.compose
    place = f"{program.option} {program.what}: {file}"
    try:
        if names.ENV_PORT not in file.read_text(encoding="utf-8"):
            raise CommandError(
                f'{place} does not publish the port of a side: write `ports: ["127.0.0.1:${{{names.ENV_PORT}}}:8000"]`'
            )
    except (OSError, ValueError) as error:
        raise CommandError(f"{place} cannot be read: {error}") from error
    where = hashlib.sha256(os.fsencode(program.directory.absolute())).hexdigest()[:8]
    project = f"tailgate-{program.side}-{where}"
    # Until it starts there is nothing of its own to tell, but what the file asks for has to be there.
    environ = {
        **program.environ,
        names.ENV_SIDE: program.side.value,
        names.ENV_PORT: "0",
        names.ENV_RUN_METRICS_PORT: "0",
        names.ENV_SIDE_DIRECTORY: str(program.directory),
        names.ENV_RUN_SECRET: "",
        names.ENV_COMPOSE_FILE: str(file),
        names.ENV_COMPOSE_PROJECT: project,
    }
    images = {
        name: {"image": f"{project}-{name}"}
        for name, each in _config(program, environ, place)["services"].items()
        if "build" in each and "image" in each
    }
    if images:
        # By one name, what is built for the second side would be what the first one runs.
        override = program.log.with_suffix(".images.json")
        override.write_text(json.dumps({"services": images}), encoding="utf-8")
        environ[names.ENV_COMPOSE_FILE] = os.pathsep.join((str(file), str(override)))
    return replace(
        program,
        environ=environ,
        service=replace(
            service,
            compose=None,
            build=_BUILD if service.build is None else f"(\n{service.build}\n) && {_BUILD}",
            start="exec docker compose up",
            stop=service.stop or "docker compose down --volumes --remove-orphans",
        ),
    )


def _config(program: Program, environ: dict[str, str], place: str) -> Any:
    try:
        done = subprocess.run(
            ["docker", "compose", "config", "--format", "json"],  # noqa: S607
            cwd=program.directory,
            env=surroundings.inherited() | environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise CommandError(f"{place} is for Docker Compose, and there is no docker on the PATH") from error
    if done.returncode != 0:
        said = printable(done.stderr.decode(errors="replace")).strip()
        raise CommandError(f"{place} is refused by Docker Compose: {said}")
    return json.loads(done.stdout)
