"""``tailgate slo import``: objectives of Sloth and Pyrra, taken over."""

from pathlib import Path
from typing import Annotated

import tailgate_slo
import typer
from tailgate_slo.importing import import_files

from tailgate import objectives as objectives_files
from tailgate.console import print_json, say
from tailgate.errors import CommandError
from tailgate.output import refuse_inputs, write

_LEFT_OUT = 1


def import_(
    files: Annotated[
        list[Path], typer.Argument(help="Sloth's own format, PrometheusServiceLevel, or Pyrra's ServiceLevelObjective.")
    ],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Standard output without it.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The text, and what was not kept, as JSON.")] = False,
) -> None:
    """Write an objectives file that asks for what Sloth's or Pyrra's files ask for.

    What cannot be kept is named on standard error, by file, line and key. Where an objective, or a whole document, had
    to be left out, the exit code is 1.

        tailgate slo import sloth/*.yaml -o slo.yaml
    """
    if output is not None:
        if output.exists() and not force:
            raise CommandError(f"{output} is there already; nothing was written. --force overwrites")
        refuse_inputs(output, files)
    imported = import_files(files)
    text = imported.text()
    tailgate_slo.parse(text.encode(), str(output or "what was imported"))  # what could not be read is not written
    for sentence in imported.lost:
        say(sentence)
    if output is not None:
        write(output, text)
    told = objectives_files.how_many(len(imported.objectives))
    if imported.left_out:
        told += f"; {imported.left_out} left out"
    if as_json:
        objectives = [each.name for each in imported.objectives]
        lost = {"not_kept": list(imported.lost), "left_out": imported.left_out}
        print_json({"objectives": objectives, **lost, "text": text})
    elif output is None:
        typer.echo(text, nl=False)
        say(told)
    else:
        typer.echo(f"wrote {output}: {told}")
    if imported.left_out:
        raise typer.Exit(_LEFT_OUT)
