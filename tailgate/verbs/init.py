"""``tailgate init``: files to begin with, for one's own API."""

import re
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from tailgate.console import print_json
from tailgate.errors import CommandError

_ADDRESS = re.compile(r"https?://[\w.:\[\]~/-]+", re.ASCII)
"""What can stand in any of the files as it is."""
# Name in the templates -> where it goes.
_FILES = {
    "tailgate.yaml": "tailgate.yaml",
    "slo.yaml": "slo.yaml",
    "locustfile.py.txt": "locustfile.py",
    "gate.yml": ".github/workflows/tailgate.yml",
    "run.yml": ".github/workflows/tailgate-run.yml",
}


def init(
    directory: Annotated[Path, typer.Argument(help="Where to write them.")] = Path(),
    host: Annotated[str, typer.Option(help="Your API's address.")] = "http://127.0.0.1:8000",
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="What was written, as JSON.")] = False,
) -> None:
    """Write tailgate.yaml, slo.yaml, a locustfile and CI jobs, ready to be run and then changed.

    Of the two jobs, one compares each pull request with what it began at, the other makes a run every night.
    """
    if not _ADDRESS.fullmatch(host):
        # Not the text itself, which may hold a secret.
        raise CommandError(
            "--host: give an address like http://127.0.0.1:8000, without a user name, a password, a query or a fragment"
        )
    templates = files("tailgate") / "templates"
    wanted = {directory / name: (templates / template).read_text(encoding="utf-8") for template, name in _FILES.items()}
    standing = [path for path in wanted if path.exists()]
    if standing and not force:
        raise CommandError(f"{standing[0]} is there already; nothing was written. --force overwrites")
    for path, text in wanted.items():
        filled = text.replace("@VERSION@", version("tailgate")).replace("@HOST@", host)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(filled, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{path}: cannot be written: {error.strerror}") from error
    if as_json:
        print_json({"written": [str(path) for path in wanted]})
        return
    for path in wanted:
        typer.echo(f"wrote {path}")
    typer.echo(
        "next: start your API, then `tailgate run --plan`, then `tailgate run`\n"
        "for pull requests: `service:` in tailgate.yaml, OWNER and COMMIT in .github/workflows/tailgate.yml"
    )
