"""``tailgate``: one verb a file. Every error a user can cause is one sentence on standard error, and exit code 2."""

import sys

import typer
from tailgate_dashboards.errors import DashboardError
from tailgate_loadtest.errors import LoadtestError
from tailgate_service.errors import ServiceError
from tailgate_slo import SloError

from tailgate.console import USAGE, complain
from tailgate.errors import CommandError
from tailgate.verbs import db, gate, init, profile, report, run, serve, slo

app = typer.Typer(
    name="tailgate",
    help=(
        "Put an API under realistic load, watch it from the inside, and say with a known error rate whether it keeps"
        " its objectives.\n\nStart with `tailgate run`: with no --host it brings its own API and database. `tailgate"
        " init` writes files to begin with for your own API.\n\nExit codes: 0 pass, 1 an objective is missed, 2 wrong"
        " usage or set-up, 3 inconclusive, 130/143 interrupted."
    ),
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("gate")(gate.gate)
app.command("report")(report.report)
app.command("init")(init.init)
app.command("serve")(serve.serve)
app.add_typer(db.app, name="db")
app.add_typer(slo.app, name="slo")
app.add_typer(profile.app, name="profile")


def main() -> None:
    """The console script."""
    try:
        app()
    except (CommandError, DashboardError, LoadtestError, ServiceError, SloError) as error:
        complain(str(error))
        sys.exit(USAGE)
    except OSError as error:
        # A file or a socket of the system that nobody above had a better word for.
        complain(f"{error.filename or 'the system'}: {error.strerror or error}")
        sys.exit(USAGE)
