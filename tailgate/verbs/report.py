"""``tailgate report``: write a bundle's reports again."""

from pathlib import Path
from typing import Annotated

import typer

from tailgate.bundles import kept
from tailgate.console import print_json


def report(
    run: Annotated[Path, typer.Argument(help="A bundle's directory, such as runs/latest.")] = Path("runs/latest"),
    as_json: Annotated[bool, typer.Option("--json", help="Where they were written, as JSON.")] = False,
) -> None:
    """Write the reports of a run, a comparison or `tailgate vitals` again; the verdict stays what it was."""
    page = kept(run).report()
    if as_json:
        print_json({"report": str(page)})
    else:
        typer.echo(str(page))
