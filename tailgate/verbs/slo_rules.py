"""``tailgate slo rules``: objectives into Prometheus rules."""

from pathlib import Path
from typing import Annotated

import tailgate_slo
import typer
from tailgate_dashboards import rules as compiler

from tailgate import objectives as objectives_files
from tailgate.console import print_json, say
from tailgate.output import refuse_inputs, write


def rules(
    file: Annotated[Path | None, typer.Argument(help="slo.yaml here is the default.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Standard output without it.")] = None,
    form: Annotated[
        compiler.Form,
        typer.Option("--format", help="A rule file, a PrometheusRule for Kubernetes, or a namespace for mimirtool."),
    ] = "prometheus",
    existing: Annotated[
        list[Path] | None,
        typer.Option("--existing", help="A rule file in use: what it records may not be recorded again. Repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The groups of rules as JSON.")] = False,
) -> None:
    """Compile an objectives file into Prometheus recording rules and alerts."""
    file = file or objectives_files.DEFAULT
    if output is not None:
        refuse_inputs(output, (file, *(existing or ())))
    objectives = tailgate_slo.load(file)
    compiled = compiler.compile_rules(objectives)
    compiler.refuse_recorded(compiled, existing or ())
    if without := compiler.left_out(objectives):
        say(f"no rules, since only a run measures them: {', '.join(without)}")
    if as_json:
        print_json(compiled)
        return
    text = compiler.render(compiled, form, name=compiler.name_of(objectives))
    if output is None:
        typer.echo(text, nl=False)
        return
    write(output, text)
