"""``tailgate``: one verb a file. Every error a user can cause is one sentence on standard error, and exit code 2."""

import sys
from collections.abc import Iterable
from importlib import import_module

import typer
from tailgate_dashboards.errors import DashboardError
from tailgate_loadtest.errors import LoadtestError
from tailgate_service.errors import ServiceError
from tailgate_slo import SloError

from tailgate.console import USAGE, complain
from tailgate.errors import CommandError

VERBS = (
    "run",
    "gate",
    "ab",
    "calibrate",
    "compare",
    "history",
    "comment",
    "report",
    "vitals",
    "init",
    "serve",
    "db",
    "slo",
    "dashboards",
    "profile",
)
"""Each a module of ``tailgate.verbs``, with a function of that name or, where it has verbs of its own, an ``app``."""


def command(verbs: Iterable[str] = VERBS) -> typer.Typer:
    """The command with these of its verbs; no other is imported."""
    app = typer.Typer(
        name="tailgate",
        help=(
            "Put an API under realistic load, watch it from the inside, and say with a known error rate whether it"
            " keeps its objectives.\n\nStart with `tailgate run`: with no --host it brings its own API and database."
            " `tailgate init` writes files to begin with for your own API.\n\nExit codes: 0 pass, 1 an objective is"
            " missed, 2 wrong usage or set-up, 3 inconclusive, 130/143 interrupted."
        ),
        no_args_is_help=True,
        rich_markup_mode="markdown",
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def alone() -> None:
        """Without it, a verb by itself would be taken for the whole command."""

    for verb in verbs:
        module = import_module(f"tailgate.verbs.{verb}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=verb)
        else:
            app.command(verb)(getattr(module, verb))
    return app


def main() -> None:
    """The console script."""
    # What lists the verbs, or names the nearest of them, knows them all.
    asked = [word for word in sys.argv[1:2] if word in VERBS]
    try:
        command(asked or VERBS)()
    except (CommandError, DashboardError, LoadtestError, ServiceError, SloError) as error:
        complain(str(error))
        sys.exit(USAGE)
    except OSError as error:
        # A file or a socket of the system that nobody above had a better word for.
        complain(f"{error.filename or 'the system'}: {error.strerror or error}")
        sys.exit(USAGE)
