"""``tailgate compare``: what changed between runs of two moments."""

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer
from tailgate_loadtest.judge.regression.apart.compared import compare as compare_bundles
from tailgate_loadtest.judge.regression.document import ComparisonDocument
from tailgate_loadtest.judge.regression.stored import write_document
from tailgate_loadtest.report.regression.terminal import comparison_table
from tailgate_loadtest.report.regression.write import write as write_report
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.found import bundles, name
from tailgate_loadtest.shapes.sides import Side

from tailgate.console import out, print_json
from tailgate.errors import CommandError


def compare(
    base: Annotated[Path, typer.Argument(help="A run's directory, or one that holds runs: those of before.")],
    candidate: Annotated[Path, typer.Argument(help="The same of the change.")],
    out_to: Annotated[
        Path | None, typer.Option("--out", help="A directory to write comparison.json and the reports into.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The comparison as JSON on standard output.")] = False,
) -> None:
    """Say whether runs of a change are worse than runs of before, made at other times.

    A directory stands for all the runs in it. Three runs of each side are the least that can call response times worse:
    one against one is shown, and only what is counted (queries per request, a route that fails throughout) is called.
    """
    if out_to is not None and ((out_to / "run.json").exists() or (out_to / Side.BASE).exists()):
        raise CommandError(f"--out {out_to}: holds runs itself, and is left alone; name another directory")
    today = dt.datetime.now(dt.UTC).date()
    document = compare_bundles(
        bundles(base, Side.BASE), bundles(candidate, Side.CANDIDATE), names=(name(base), name(candidate)), today=today
    )
    if out_to is not None:
        _write(out_to, document)
    if as_json:
        print_json(document.model_dump(mode="json", by_alias=True))
    else:
        out().print(comparison_table(document))
    raise typer.Exit(document.exit_code)


def _write(directory: Path, document: ComparisonDocument) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    write_document(Bundle(directory), document)
    write_report(directory, document)
