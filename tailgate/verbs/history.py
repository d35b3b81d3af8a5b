"""``tailgate history``: many runs over time."""

import difflib
import os
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from tailgate_loadtest.judge.history import History, read
from tailgate_loadtest.report import show
from tailgate_loadtest.report.history.page import page
from tailgate_loadtest.report.history.table import history_table
from tailgate_loadtest.run.bundle import Bundle

from tailgate.console import out, print_json, say
from tailgate.errors import CommandError

_MAX_NAMED = 12
_LONGEST = 200


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
    if route is not None:
        _check(route, found)
    target = out_to or directory / "history.html"
    root = os.path.relpath(directory, target.parent)
    Bundle(target.parent).write_text(target.name, page(found, "" if root == "." else f"{root}/"))
    if as_json:
        print_json(found.model_dump(mode="json", by_alias=True))
    else:
        out().print(history_table(found, route, last))
        say(f"the picture: {target}")


def _check(route: str, history: History) -> None:
    """A table of nothing but dashes would look like a fault of the runs."""
    known: Counter[str] = Counter()
    for run in history.runs:
        known.update({each.route: each.requests for each in run.routes})
    if route in known:
        return
    names = [each for each, _ in known.most_common()]
    # Whoever leaves the method out has the path right.
    near = [each for each in names if each.partition(" ")[2] == route] or difflib.get_close_matches(route, names, n=1)
    hint = f"did you mean '{_line(near[0])}'? There are" if near else "there are"
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    there = f"{hint} {', '.join(map(_line, names[:_MAX_NAMED]))}{more}" if names else "none of them had any request"
    raise CommandError(f"--route {_line(route)}: no run in {history.directory} has that route; {there}")


def _line(route: str) -> str:
    return show.one_line(route, _LONGEST)
