"""``tailgate slo``: objectives files."""

from pathlib import Path
from typing import Annotated

import tailgate_slo
import typer
from rich.table import Table
from tailgate_slo import SLO, samples_to_decide

from tailgate import objectives as objectives_files
from tailgate.console import out, print_json
from tailgate.verbs import slo_rules

app = typer.Typer(no_args_is_help=True, help="Objectives: validate an OpenSLO file, compile it into Prometheus rules.")
app.command()(slo_rules.rules)


@app.command()
def check(
    files: Annotated[list[Path] | None, typer.Argument(help="slo.yaml here is the default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The objectives as JSON.")] = False,
) -> None:
    """Read objectives files whole, and list what they ask for; a mistake is named by file, document and key."""
    loaded = [tailgate_slo.load(path) for path in files or [objectives_files.DEFAULT]]
    if as_json:
        print_json([{"file": each.file, "objectives": [_document(slo) for slo in each.slos]} for each in loaded])
        return
    for each in loaded:
        table = Table("objective", "route", "good", "target", "samples to decide", box=None, pad_edge=False)
        for slo in each.slos:
            route = slo.measure.route if slo.measure else None
            table.add_row(slo.name, route or "all", _good(slo), f"{slo.target:%}", str(samples_to_decide(slo.target)))
        out().print(f"{each.file}: {len(each.slos)} objectives", markup=False)
        out().print(table)
        for title in each.ignored:
            out().print(f"passed over: {title}", markup=False)


def _good(slo: SLO) -> str:
    measure = slo.measure
    if measure is None:
        return "by a Prometheus query"
    if measure.kind == "latency" and measure.threshold is not None:
        return f"answered within {measure.threshold * 1000:f} ms"
    if measure.kind == "queries":
        return f"at most {measure.threshold} queries"
    return (
        "answered without an error"
        if measure.kind == "availability"
        else f"{measure.vital} at most {measure.threshold}"
    )


def _document(slo: SLO) -> dict[str, object]:
    measure = slo.measure
    return {
        "name": slo.name,
        "display_name": slo.display_name,
        "service": slo.service,
        "target": str(slo.target),
        "period_days": slo.period_days,
        "measure": measure.kind if measure else None,
        "route": measure.route if measure else None,
        "threshold": str(measure.threshold) if measure and measure.threshold is not None else None,
    }
