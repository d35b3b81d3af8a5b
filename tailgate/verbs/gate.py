"""``tailgate gate``: judge a bundle again."""

from pathlib import Path
from typing import Annotated

import typer

from tailgate.bundles import kept


def gate(
    run: Annotated[Path, typer.Argument(help="A bundle's directory, such as runs/latest.")] = Path("runs/latest"),
    slo: Annotated[str | None, typer.Option(help="Other objectives than those of the bundle.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The verdict as JSON on standard output.")] = False,
) -> None:
    """Judge a bundle again, from disk, of `tailgate run`, `ab` or `vitals`: the same bundle, the same verdict.

    What `tailgate compare --out` wrote has no runs of its own: its verdict is said again. Writes the verdict and the
    reports anew. The objectives are those that the bundle keeps, unless --slo names others.
    """
    raise typer.Exit(kept(run).gate(slo, as_json=as_json))
