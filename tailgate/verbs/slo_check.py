"""``tailgate slo check``: whether objectives files are right, and whether a Prometheus can answer them."""

from pathlib import Path
from typing import Annotated, Any

import tailgate_slo
import typer
from rich.table import Table
from rich.text import Text
from tailgate_dashboards.prometheus import Prometheus
from tailgate_dashboards.prometheus.check import Finding
from tailgate_dashboards.prometheus.check import check as check_series
from tailgate_loadtest.judge.forecast import needed
from tailgate_slo import SLO, Objectives

from tailgate import objectives as objectives_files
from tailgate.console import out, print_json

_BAD = 1


def check(
    files: Annotated[list[Path] | None, typer.Argument(help="slo.yaml here is the default.")] = None,
    prometheus: Annotated[
        str | None,
        typer.Option(help="The address of a Prometheus: it must have every series and every threshold's bucket."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The objectives as JSON.")] = False,
) -> None:
    """Read objectives files whole, and list what they ask for; a mistake is named by file, document and key.

    With --prometheus, exit 1 when one of them cannot be answered there.

        tailgate slo check --prometheus http://prometheus:9090
    """
    loaded = [tailgate_slo.load(path) for path in files or [objectives_files.DEFAULT]]
    client = Prometheus(prometheus) if prometheus is not None else None
    found = [{each.slo.name: each for each in check_series(one, client)} if client else {} for one in loaded]
    if as_json:
        print_json([_file(one, findings) for one, findings in zip(loaded, found, strict=True)])
    else:
        for one, findings in zip(loaded, found, strict=True):
            _show(one, findings)
    if any(finding.good is False for findings in found for finding in findings.values()):
        raise typer.Exit(_BAD)


def _show(objectives: Objectives, findings: dict[str, Finding]) -> None:
    more = ("in Prometheus",) if findings else ()
    # Of every profile that has no gate of its own; `run --plan` tells those.
    gate = objectives.gate("")
    table = Table("objective", "route", "good", "target", "samples to decide", *more, box=None, pad_edge=False)
    for slo in objectives.slos:
        route = slo.measure.route if slo.measure else None
        row = [slo.name, route or "all", _good(slo), f"{slo.target:%}", str(needed(slo, gate))]
        if findings:
            row.append({True: "yes", False: "no", None: "-"}[findings[slo.name].good])
        table.add_row(*map(Text, row))
    out().print(f"{objectives.file}: {objectives_files.how_many(len(objectives.slos))}", markup=False)
    out().print(table)
    for title in objectives.ignored:
        out().print(f"passed over: {title}", markup=False)
    for finding in findings.values():
        if not finding.good:
            out().print(f"{finding.slo.name}: {finding.said}", markup=False, highlight=False, soft_wrap=True)
    notes: dict[str, list[str]] = {}
    for finding in findings.values():
        if finding.note:
            notes.setdefault(finding.note, []).append(finding.slo.name)
    for note, concerned in notes.items():
        out().print(f"{', '.join(concerned)}: {note}", markup=False, highlight=False, soft_wrap=True)


def _good(slo: SLO) -> str:
    measure = slo.measure
    if measure is None:
        return "by a Prometheus query"
    if measure.threshold is None:
        return "answered without an error"
    if measure.kind == "queries":
        return f"at most {measure.threshold} queries"
    if measure.vital == "cls":
        return f"cls at most {measure.threshold}"
    what = measure.vital or measure.timing or "answered"
    return f"{what} within {(measure.threshold * 1000).normalize():f} ms"


def _file(objectives: Objectives, findings: dict[str, Finding]) -> dict[str, Any]:
    return {
        "file": objectives.file,
        "objectives": [_document(slo) | (_found(findings[slo.name]) if findings else {}) for slo in objectives.slos],
    }


def _found(finding: Finding) -> dict[str, Any]:
    return {"prometheus": {"answers": finding.good, "said": finding.said, "note": finding.note}}


def _document(slo: SLO) -> dict[str, Any]:
    measure = slo.measure
    return {
        "name": slo.name,
        "display_name": slo.display_name,
        "service": slo.service,
        "target": str(slo.target),
        "period_days": slo.period_days,
        "measure": measure.kind if measure else None,
        "route": measure.route if measure else None,
        "vital": measure.vital if measure else None,
        "timing": measure.timing if measure else None,
        "threshold": str(measure.threshold) if measure and measure.threshold is not None else None,
    }
