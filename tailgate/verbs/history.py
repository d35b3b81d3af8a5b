"""``tailgate history``: many runs over time."""

import os
from pathlib import Path
from typing import Annotated

import typer
from tailgate_loadtest.judge.history import read
from tailgate_loadtest.report.history.page import page
from tailgate_loadtest.report.history.table import history_table
from tailgate_loadtest.run.bundle import Bundle

from tailgate.console import out, print_json, say


def history(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The directory that holds the runs.")] = Path("runs"),
    route: Annotated[str | None, typer.Option(help="Which route the table shows, such as 'GET /items/{id}'.")] = None,
    last: Annotated[int, typer.Option(min=1, help="How many runs of each profile the table shows.")] = 20,
    out_to: Annotated[
        Path | None, typer.Option("--out", help="Where to write the page.", show_default="DIR/history.html")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All runs as JSON on standard output.")] = False,
) -> None:
    """Show how runs went over time: a table here, and a page with a picture of every route.

    Only runs of one profile, host, variant and machine are joined by a line. Bundles that cannot be read are named.
    """
    found = read(directory)
    target = out_to or directory / "history.html"
    root = os.path.relpath(directory, target.parent)
    Bundle(target.parent).write_text(target.name, page(found, "" if root == "." else f"{root}/"))
    if as_json:
        print_json(found.model_dump(mode="json", by_alias=True))
    else:
        out().print(history_table(found, route, last))
        say(f"the picture: {target}")
