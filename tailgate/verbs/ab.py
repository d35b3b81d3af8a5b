"""``tailgate ab``: did this change make it worse? Two live sides, and a verdict with a known error rate."""

import secrets
from enum import StrEnum
from typing import Annotated

import typer
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.shapes.sides import BLOCK

from tailgate import options
from tailgate.asking import request_of
from tailgate.calibrating import CALIBRATION, with_rates
from tailgate.comparing import compare
from tailgate.console import say
from tailgate.telling import conclude

_SIDES = "What to compare"
_SEEDS = 1_000_000


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
            " compose:FILE. By default, what HEAD and the default branch have in common; on GitHub, the branch that the"
            " pull request goes to.",
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
    budget: options.Budget = "5m",
    turn: options.Turn = BLOCK,
    error_rate: options.ErrorRate = 0.01,
    on_inconclusive: Annotated[
        OnInconclusive,
        typer.Option("--on-inconclusive", help="Whether doubt stops the change.", rich_help_panel=options.JUDGING),
    ] = OnInconclusive.FAIL,
    classes: options.Classes = None,
    locustfile: options.Locustfile = None,
    profile: options.ProfileName = None,
    slo: options.Slo = None,
    targets: options.TargetsFile = None,
    openapi: options.OpenApi = None,
    tolerate: options.Tolerate = None,
    calibration: options.CalibrationFile = CALIBRATION,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            min=0,
            help="The same seed, the same arrivals on the same sides; by default another each time.",
            rich_help_panel=options.OPEN,
        ),
    ] = None,
    db_rtt: options.DbRtt = "0ms",
    out_dir: options.Out = None,
    as_json: options.AsJson = False,
) -> None:
    """Say whether a change made an API worse: both sides are loaded at the same time, every arrival on one of them.

    The load ends as soon as it is decided, and after --budget at the latest. Exit code 0: not worse by more than is
    tolerated; 1: worse; 3: undecided within the budget.

        tailgate ab
        tailgate ab --base v1.2 --candidate HEAD
        tailgate ab --base sequential --candidate parallel --db-rtt 10ms
        tailgate ab --base http://10.0.0.1:8000 --candidate http://10.0.0.2:8000 -f locustfile.py
    """
    request = request_of(
        base=base,
        candidate=candidate,
        budget=budget,
        turn=turn,
        error_rate=error_rate,
        classes=classes,
        locustfile=locustfile,
        profile=profile,
        slo=slo,
        targets=targets,
        openapi=openapi,
        tolerate=tolerate,
        # Always the same, it would always give the same side the same moments of the load.
        seed=secrets.randbelow(_SEEDS) if seed is None else seed,
        db_rtt=db_rtt,
        out=out_dir,
        on_inconclusive=on_inconclusive.value,
    )
    request = with_rates(request, calibration)
    with Interruption() as interruption:
        try:
            comparison, document = compare(request, interruption)
        except KeyboardInterrupt:
            say("interrupted before the load began; nothing was measured")
            raise typer.Exit(interruption.exit_code) from None
        comparison.directory.point_latest()
        raise typer.Exit(conclude(comparison, document, as_json=as_json))
