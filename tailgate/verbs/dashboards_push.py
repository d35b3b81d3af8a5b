"""``tailgate dashboards push``: the boards into a Grafana."""

import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import tailgate_slo
import typer
from tailgate_dashboards.boards.catalog import boards_of
from tailgate_dashboards.boards.draw import render
from tailgate_dashboards.grafana import push as pushing
from tailgate_dashboards.grafana import things
from tailgate_otel import names

from tailgate import objectives as objectives_files
from tailgate.console import out, print_json
from tailgate.errors import CommandError

_TIMEOUT = 10.0
_DONE = {"create": "created", "update": "updated", "keep": "as it should be"}
_TO_DO = {"create": "to be created", "update": "to be updated", "keep": "as it should be"}


def push(
    file: Annotated[Path | None, typer.Argument(help="The objectives; slo.yaml here is the default.")] = None,
    grafana: Annotated[str | None, typer.Option("--grafana", envvar=names.ENV_GRAFANA_URL, help="Its address.")] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--grafana-token-file",
            envvar=names.ENV_GRAFANA_TOKEN_FILE,
            help=f"Holds a service account's token; {names.ENV_GRAFANA_TOKEN} without it.",
        ),
    ] = None,
    folder: Annotated[str, typer.Option(help="The folder's title.")] = "Tailgate",
    prometheus: Annotated[
        str | None, typer.Option(help="Make a data source of this Prometheus, as the Grafana reaches it.")
    ] = None,
    tempo: Annotated[str | None, typer.Option(help="And of this Tempo, where exemplars lead to.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="What was done, as JSON.")] = False,
) -> None:
    """Put the boards into a Grafana: their folder, themselves, and data sources where they are named.

    Only what differs is written, so that doing it again does nothing. What was changed there by hand is put back.
    """
    if not grafana:
        raise CommandError(f"which Grafana? Give --grafana URL, or set {names.ENV_GRAFANA_URL}")
    if not folder.strip():
        raise CommandError("--folder: a folder needs a title")
    objectives = tailgate_slo.load(file or objectives_files.DEFAULT)
    message = f"tailgate {version('tailgate')}, objectives {objectives.digest[:12]}"
    wanted: list[things.Thing] = [things.Folder(title=folder)]
    if tempo:
        wanted.append(things.tempo(tempo))
    if prometheus:
        wanted.append(things.prometheus(prometheus, tempo=tempo is not None))
    wanted += [things.Board(model=json.loads(render(board)), message=message) for board in boards_of(objectives)]
    # With it comes its client, which takes a quarter of a second to import.
    from tailgate.grafana import connect

    there = connect(grafana, token_file, os.environ, timeout=_TIMEOUT)
    changes = pushing.compare(there, wanted)
    if not dry_run:
        pushing.carry_out(there, changes)
    if as_json:
        print_json({"grafana": there.url, "dry_run": dry_run, "changes": [_document(each) for each in changes]})
        return
    words = _TO_DO if dry_run else _DONE
    for change in changes:
        out().print(f"{change.thing.kind} {change.thing.title}: {words[change.action]}", markup=False, highlight=False)
        if dry_run and change.diff:
            out().print(change.diff, markup=False, highlight=False, soft_wrap=True)


def _document(change: pushing.Change) -> dict[str, Any]:
    thing = change.thing
    return {
        "kind": thing.kind,
        "uid": thing.uid,
        "title": thing.title,
        "action": change.action,
        "diff": change.diff,
    }
