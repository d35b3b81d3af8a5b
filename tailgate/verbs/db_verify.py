"""What ``tailgate db verify`` shows."""

from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table
from tailgate_service.verify.ground import Finding

from tailgate.console import out, print_json


def show(findings: Sequence[Finding], *, as_json: bool) -> None:
    """The findings as a table with the evidence below it, or all of it as JSON."""
    if as_json:
        passed = all(finding.passed for finding in findings)
        print_json({"passed": passed, "checks": [asdict(finding) for finding in findings]})
        return
    table = Table("", "check", "before", "after", "found", box=None, pad_edge=False)
    for finding in findings:
        fate = "[green]pass[/]" if finding.passed else "[red]FAIL[/]"
        table.add_row(fate, finding.name, _shown(finding.before), _shown(finding.after), finding.detail)
    out().print(table)
    for finding in findings:
        out().print(f"\n{finding.name}", markup=False, highlight=False, style="bold")
        for line in finding.evidence:
            out().print(f"  {line}", markup=False, highlight=False)


def _shown(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e3:.2f} ms"
