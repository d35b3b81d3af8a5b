"""``tailgate report``: write a bundle's reports again."""

from pathlib import Path
from typing import Annotated

import typer
from tailgate_loadtest.judge.regression.stored import read_document
from tailgate_loadtest.judge.verdict import read_verdict
from tailgate_loadtest.report.regression.write import write as write_comparison
from tailgate_loadtest.report.write import write as write_report
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.comparison import Comparison

from tailgate.console import print_json


def report(
    run: Annotated[Path, typer.Argument(help="A run's directory, such as runs/latest.")] = Path("runs/latest"),
    as_json: Annotated[bool, typer.Option("--json", help="Where they were written, as JSON.")] = False,
) -> None:
    """Write report.html, summary.md and junit.xml again, of a run or a comparison; the verdict stays what it was."""
    if (comparison := Comparison.found(run)) is not None:
        page = write_comparison(run, read_document(comparison.directory))
    else:
        bundle = Bundle.open(run)
        page = write_report(bundle, bundle.read_run(), read_verdict(bundle))
    if as_json:
        print_json({"report": str(page)})
    else:
        typer.echo(str(page))
