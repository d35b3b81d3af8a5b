"""``tailgate ab``: did this change make it worse? Two live sides, and a verdict with a known error rate."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.shapes.openapi import routes as routes_of
from tailgate_loadtest.shapes.profile import find
from tailgate_loadtest.shapes.sides import BLOCK

from tailgate import objectives as objectives_files
from tailgate import options
from tailgate import settings as settings_file
from tailgate.comparing import Request, compare, quiet_enough
from tailgate.console import say
from tailgate.telling import conclude
from tailgate.texts import file_of, seconds_of, tolerance_from

_SIDES, _JUDGING = "What to compare", "What to judge by"
_DEFAULT_PROFILE = "gate"
_LEAST, _MOST = 1e-6, 0.2


class OnInconclusive(StrEnum):
    """What a verdict of inconclusive is to the change."""

    FAIL = "fail"
    NEUTRAL = "neutral"


def ab(
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            help="What was before: a git revision, a variant of the reference API, an address, cmd:COMMAND or"
            " compose:FILE. By default, what HEAD and the default branch have in common.",
            rich_help_panel=_SIDES,
        ),
    ] = None,
    candidate: Annotated[
        str | None,
        typer.Option(
            "--candidate",
            help="The change, said alike. By default, the working directory's files.",
            rich_help_panel=_SIDES,
        ),
    ] = None,
    budget: Annotated[
        str, typer.Option("--budget", help="How long to load both at the most.", rich_help_panel=_JUDGING)
    ] = "5m",
    turn: Annotated[
        int,
        typer.Option(
            "--turn", min=1, max=60, help="Seconds for which a side is loaded alone.", rich_help_panel=_JUDGING
        ),
    ] = BLOCK,
    error_rate: Annotated[
        float,
        typer.Option(
            "--error-rate",
            min=_LEAST,
            max=_MOST,
            help="How probable a verdict of worse may be for two sides that are the same.",
            rich_help_panel=_JUDGING,
        ),
    ] = 0.01,
    on_inconclusive: Annotated[
        OnInconclusive,
        typer.Option("--on-inconclusive", help="Whether doubt stops the change.", rich_help_panel=_JUDGING),
    ] = OnInconclusive.FAIL,
    classes: options.Classes = None,
    locustfile: options.Locustfile = None,
    profile: options.ProfileName = None,
    slo: options.Slo = None,
    targets: options.TargetsFile = None,
    openapi: options.OpenApi = None,
    tolerate: options.Tolerate = None,
    seed: options.Seed = 1,
    db_rtt: options.DbRtt = "0ms",
    out_dir: options.Out = None,
    as_json: options.AsJson = False,
) -> None:
    """Say whether a change made an API worse: both sides are loaded at the same time, every arrival on one of them.

    Exit code 0: not worse by more than is tolerated; 1: worse; 3: undecided within the budget.

        tailgate ab
        tailgate ab --base v1.2 --candidate HEAD
        tailgate ab --base sequential --candidate parallel --db-rtt 10ms
        tailgate ab --base http://10.0.0.1:8000 --candidate http://10.0.0.2:8000 -f locustfile.py
    """
    defaults = settings_file.load()
    file = locustfile or defaults.locustfile
    request = Request(
        base=base,
        candidate=candidate,
        service=defaults.service,
        locustfile=file_of(file, "-f") if file else None,
        profile=find(profile or defaults.profile or _DEFAULT_PROFILE),
        objectives=objectives_files.find(slo or defaults.slo, reference=file is None),
        budget=seconds_of(budget, "--budget"),
        error_rate=error_rate,
        turn=turn,
        seed=seed,
        db_rtt=seconds_of(db_rtt, "--db-rtt"),
        targets=Path(given) if (given := targets or defaults.targets) else None,
        out=Path(out_dir or defaults.out or "runs"),
        tolerance=quiet_enough(tolerance_from(tolerate or [])),
        classes=tuple(classes or ()),
        openapi=routes_of(Path(given)) if (given := openapi or defaults.openapi) else (),
        on_inconclusive=on_inconclusive.value,
        rates=None,
    )
    with Interruption() as interruption:
        try:
            comparison, document = compare(request, interruption)
        except KeyboardInterrupt:
            say("interrupted before the load began; nothing was measured")
            raise typer.Exit(interruption.exit_code) from None
        raise typer.Exit(conclude(comparison, document, as_json=as_json))
