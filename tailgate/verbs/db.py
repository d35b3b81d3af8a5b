"""``tailgate db``: the life of the reference API's database, on any Postgres."""

import asyncio
import os
from collections.abc import Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from asyncpg import exceptions
from tailgate_loadtest.targets import DEFAULT as DEFAULT_TARGETS
from tailgate_otel.names import ENV_DATABASE_URL
from tailgate_service import targets as targets_file
from tailgate_service.live import prune as prune_events
from tailgate_service.migrations import runner
from tailgate_service.migrations.files import ROLE
from tailgate_service.seed.config import SeedConfig
from tailgate_service.seed.writer import seed as write_seed
from tailgate_service.store.readmodel import backfill as readmodel
from tailgate_service.verify import run as verification

from tailgate.console import out, print_json
from tailgate.errors import CommandError
from tailgate.verbs import db_benchmark, db_verify

T = TypeVar("T")
_DAY = 86_400
_MOST_DAYS = 36_500
# The last two of addresses that cannot be.
_UNDONE = (OSError, exceptions.PostgresError, exceptions.InterfaceError, OverflowError, ValueError)

app = typer.Typer(
    no_args_is_help=True,
    help=(
        "The reference API's database, a Postgres of your own: `migrate` it, `seed` it, serve it. Its address, as"
        f" postgresql://USER:PASSWORD@HOST:PORT/DATABASE, is taken from {ENV_DATABASE_URL}. `benchmark` and `baseline`"
        " bring databases of their own."
    ),
)


def _dsn() -> str:
    # An address holds a password: not an option, which the process list would show.
    dsn = os.environ.get(ENV_DATABASE_URL, "")
    if not dsn:
        raise CommandError(f"{ENV_DATABASE_URL} is not set; set it to postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    return dsn


def _do(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except _UNDONE as error:
        raise CommandError(f"the database of {ENV_DATABASE_URL}: {_told(error)}") from error


def _told(error: Exception) -> str:
    if isinstance(error, exceptions.UndefinedTableError | exceptions.UndefinedFunctionError):
        return "its schema is missing, or too old for this: migrate it first"
    # What the driver says names the server and the cause; it never repeats the password.
    said = " ".join(str(error).split())
    if isinstance(error, exceptions.InsufficientPrivilegeError):
        return f"{said}: log in as the owner of the tables, which the service's role {ROLE} is not"
    return said


@app.command()
def migrate(
    to: Annotated[int | None, typer.Option(min=1, help="The version to stop at; the newest without it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="What was applied, as JSON.")] = False,
) -> None:
    """Apply the migrations that are missing, while the service serves; after an interruption, run it again."""
    done = _do(runner.migrate(_dsn(), to))
    _tell("applied", [f"{m.version:04d}_{m.name}" for m in done], as_json=as_json)


@app.command()
def rollback(
    steps: Annotated[int, typer.Option(min=1, help="How many of the last migrations.")] = 1,
    drop_everything: Annotated[
        bool, typer.Option("--drop-everything", help="The first migration, too: every table, and all data, for good.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="What was taken back, as JSON.")] = False,
) -> None:
    """Take back the last migrations, newest first, while the service serves; it goes over to a variant that is left."""
    done = _do(runner.rollback(_dsn(), steps, drop_everything=drop_everything))
    _tell("taken back", [f"{m.version:04d}_{m.name}" for m in done], as_json=as_json)


@app.command()
def seed(
    workspaces: Annotated[int, typer.Option(min=1)] = 20,
    conversations: Annotated[int, typer.Option(min=1, help="Of each workspace.")] = 2132,
    messages: Annotated[int, typer.Option(min=1, help="Of each conversation, on average.")] = 10,
    number: Annotated[int, typer.Option("--seed", help="Another number, other data.")] = 1,
    targets: Annotated[Path, typer.Option(help="Where the targets file is written.")] = DEFAULT_TARGETS,
    as_json: Annotated[bool, typer.Option("--json", help="The rows written, as JSON.")] = False,
) -> None:
    """Fill a migrated, empty database with data that is the same for the same number, and write its targets file.

    Who signs deliveries does it by the targets file: with TAILGATE_WEBHOOK_SECRET and TAILGATE_WEBHOOK_VERIFY_TOKEN
    where they are set, as they are for the service, and with new ones where not.
    """
    config = SeedConfig(workspaces=workspaces, conversations=conversations, messages=messages, seed=number)

    async def fill() -> dict[str, int]:
        rows = await write_seed(_dsn(), config)
        await targets_file.write(targets, _dsn(), targets_file.Webhook.from_env(os.environ))
        return rows

    rows = _do(fill())
    if as_json:
        print_json({"rows": rows, "targets": str(targets)})
        return
    for table, count in rows.items():
        out().print(f"{table:<20} {count}", markup=False)
    out().print(f"targets: {targets}", markup=False)


@app.command()
def prune(
    keep: Annotated[float, typer.Option(help="Days for which an event is kept.")] = prune_events.KEPT / _DAY,
    as_json: Annotated[bool, typer.Option("--json", help="How many were removed, as JSON.")] = False,
) -> None:
    """Remove old events of live connections, while the service serves; whoever was away for longer reads anew."""
    # NaN is not in between, either.
    if not 0 <= keep <= _MOST_DAYS:
        raise CommandError(f"--keep {keep:g}: it is a number of days, from 0 to {_MOST_DAYS}")
    removed = _do(prune_events.prune(_dsn(), keep * _DAY))
    if as_json:
        print_json({"removed": removed})
        return
    out().print(f"{removed} events removed", markup=False)


@app.command()
def backfill(
    as_json: Annotated[bool, typer.Option("--json", help="What was done, as JSON.")] = False,
) -> None:
    """Make the read model's documents that are missing, compare each with the tables, and mend what differs."""
    done = asdict(_do(readmodel.backfill(_dsn())))
    if as_json:
        print_json(done)
        return
    for what, count in done.items():
        out().print(f"{what:<10} {count}", markup=False)


@app.command()
def verify(
    as_json: Annotated[bool, typer.Option("--json", help="All that was found, as JSON.")] = False,
) -> None:
    """Try what the migrations promise: indexes used, policies asked once and keeping others out, data whole.

    Each check shows its evidence, and times before and after tuning where it has any. Everything tried is undone. Exit
    code 1: a check fails.
    """
    findings = _do(verification.verify(_dsn()))
    db_verify.show(findings, as_json=as_json)
    if not all(finding.passed for finding in findings):
        raise typer.Exit(1)


app.command()(db_benchmark.benchmark)
app.command()(db_benchmark.baseline)


def _tell(what: str, names: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json({what.replace(" ", "_"): names})
        return
    for name in names:
        out().print(f"{what} {name}", markup=False)
    if not names:
        out().print("nothing to do", markup=False)
