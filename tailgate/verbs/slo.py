"""``tailgate slo``: objectives files."""

import typer

from tailgate.verbs import slo_backtest, slo_check, slo_import, slo_rules

app = typer.Typer(
    no_args_is_help=True,
    help="Objectives: validate an OpenSLO file, compile it into Prometheus rules, take it over, replay it.",
)
app.command()(slo_check.check)
app.command()(slo_rules.rules)
app.command("import")(slo_import.import_)
app.command()(slo_backtest.backtest)
