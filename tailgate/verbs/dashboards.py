"""``tailgate dashboards``: Grafana's boards, and the rules that they read."""

from pathlib import Path
from typing import Annotated

import tailgate_slo
import typer
from tailgate_dashboards.boards import files as compiler

from tailgate import objectives as objectives_files
from tailgate.console import out, print_json
from tailgate.output import refuse_inputs
from tailgate.verbs import dashboards_push

_DRIFTED = 1
_LINES = 20
"""Of a diff, as many as show where to look."""

app = typer.Typer(no_args_is_help=True, help="Grafana's boards and Prometheus' rules, compiled from the objectives.")

_File = Annotated[Path | None, typer.Argument(metavar="FILE", help="The objectives; slo.yaml here is the default.")]
_Output = Annotated[Path, typer.Option("-o", "--output", help="The directory of what is compiled.")]
_Json = Annotated[bool, typer.Option("--json", help="The result as JSON.")]
_DIRECTORY = Path("dashboards/generated")


@app.command()
def build(file: _File = None, output: _Output = _DIRECTORY, as_json: _Json = False) -> None:
    """Write the boards and the rules of an objectives file; what is right already is left as it is."""
    file = file or objectives_files.DEFAULT
    refuse_inputs(output / compiler.RULES, (file,))
    texts = compiler.compiled(tailgate_slo.load(file))
    found = list(compiler.drifts(output, texts))
    for drift in found:
        compiler.put_right(output, texts, drift)
    if as_json:
        print_json({"directory": str(output), "files": sorted(texts), "changed": [drift.path for drift in found]})
        return
    for drift in found:
        out().print(
            f"{'removed' if drift.what == 'stray' else 'written'}: {output / drift.path}", markup=False, soft_wrap=True
        )
    out().print(f"{output}: {len(texts)} files, {len(found) or 'none'} of them changed", markup=False, soft_wrap=True)


@app.command()
def check(file: _File = None, output: _Output = _DIRECTORY, as_json: _Json = False) -> None:
    """Compare the boards and the rules with the objectives; exit code 1 where any of them is not what they say."""
    objectives = tailgate_slo.load(file or objectives_files.DEFAULT)
    found = list(compiler.drifts(output, compiler.compiled(objectives)))
    if as_json:
        drifted = [{"path": drift.path, "what": drift.what, "diff": drift.diff} for drift in found]
        print_json({"directory": str(output), "drifted": drifted})
    for drift in found if not as_json else ():
        out().print(f"{output / drift.path}: {drift.what}", markup=False, soft_wrap=True)
        for line in drift.diff.splitlines()[:_LINES]:
            out().print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
    if found:
        if not as_json:
            cure = f"tailgate dashboards build {objectives.file} -o {output}"
            out().print(f"{len(found)} files are not what {objectives.file} says: {cure}", markup=False, soft_wrap=True)
        raise typer.Exit(_DRIFTED)
    if not as_json:
        out().print(f"{output}: as {objectives.file} says", markup=False, soft_wrap=True)


app.command()(dashboards_push.push)
