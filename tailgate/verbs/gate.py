"""``tailgate gate``: judge a bundle again."""

from pathlib import Path
from typing import Annotated

import tailgate_slo
import typer
from tailgate_loadtest.judge.regression.stored import read_document
from tailgate_loadtest.judge.regression.terms.asked import Terms
from tailgate_loadtest.judge.regression.together import judge_pair
from tailgate_loadtest.judge.verdict import judge_bundle
from tailgate_loadtest.report.terminal import final_table
from tailgate_loadtest.report.write import write as write_report
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.comparison import Comparison

from tailgate.console import out, print_json
from tailgate.errors import CommandError
from tailgate.telling import conclude


def gate(
    run: Annotated[Path, typer.Argument(help="A run's directory, such as runs/latest.")] = Path("runs/latest"),
    slo: Annotated[str | None, typer.Option(help="Other objectives than those of the run.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The verdict as JSON on standard output.")] = False,
) -> None:
    """Judge a run's bundle from disk, or a comparison of `tailgate ab`: the same bundle, the same verdict.

    What `tailgate compare --out` wrote has no runs of its own: its verdict is said again. Writes the verdict and the
    reports anew. The objectives are those that the bundle keeps, unless --slo names others.
    """
    if (comparison := Comparison.found(run)) is not None:
        if slo:
            raise CommandError("--slo: a comparison is judged by the objectives that both of its sides had")
        found = read_document(comparison.directory)
        # Of sides that were not loaded together the runs are elsewhere, if anywhere: its verdict is said again.
        again = judge_pair(comparison, Terms.of(found)) if found.kind == "ab" else found
        raise typer.Exit(conclude(comparison, again, as_json=as_json))
    bundle = Bundle.open(run)
    document = bundle.read_run()
    path = Path(slo) if slo else bundle.objectives
    objectives = tailgate_slo.load(path) if path.exists() or slo else None
    verdict = judge_bundle(bundle, objectives)
    write_report(bundle, document, verdict)
    if as_json:
        print_json(verdict.model_dump(mode="json", by_alias=True))
    else:
        out().print(final_table(document, verdict))
    raise typer.Exit(verdict.exit_code)
