"""``tailgate calibrate``: how often is a verdict of ``tailgate ab`` wrong here? The same against itself, many times."""

from typing import Annotated

import typer
from tailgate_loadtest.judge.regression.calibration.rates import rates
from tailgate_loadtest.report.calibration.page import page
from tailgate_loadtest.report.calibration.table import calibration_table
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.shapes.sides import BLOCK

from tailgate import options
from tailgate import settings as settings_file
from tailgate.asking import request_of
from tailgate.calibrating import CALIBRATION, Keep
from tailgate.calibrating import calibrate as make_gates
from tailgate.console import out, print_json, say
from tailgate.sides.opening import WORKING_TREE

_REFERENCE = "parallel"
_UNKNOWN = 3


def calibrate(
    side: Annotated[
        str | None,
        typer.Option(
            "--side",
            help="What is compared with itself: a git revision, a variant of the reference API, an address, cmd:COMMAND"
            " or compose:FILE. By default the working directory's files; where tailgate.yaml starts no service, the"
            " reference API.",
        ),
    ] = None,
    gates: Annotated[int, typer.Option("--gates", min=1, help="How many there are to be in the end.")] = 20,
    keep: Annotated[
        Keep, typer.Option("--keep", help="What is left of a gate's own files; a false alarm's are kept in any case.")
    ] = Keep.LOGS,
    budget: options.Budget = "5m",
    turn: options.Turn = BLOCK,
    error_rate: options.ErrorRate = 0.01,
    classes: options.Classes = None,
    locustfile: options.Locustfile = None,
    profile: options.ProfileName = None,
    slo: options.Slo = None,
    targets: options.TargetsFile = None,
    openapi: options.OpenApi = None,
    tolerate: options.Tolerate = None,
    calibration: options.CalibrationFile = CALIBRATION,
    seed: options.Seed = 1,
    db_rtt: options.DbRtt = "0ms",
    as_json: options.AsJson = False,
) -> None:
    """Measure how often `tailgate ab` errs on this machine: the same thing is compared with itself, again and again.

    Every gate loads for its whole budget, so that it tells as well what more minutes would show. What is interrupted
    goes on with the next gate. Later verdicts of `tailgate ab` on this machine repeat the numbers.

    Exit code 0: as often as promised, for all that so many gates can tell; 1: more often than promised; 3: nobody can
    tell, since in every gate a side gave out.

        tailgate calibrate
        tailgate calibrate --side parallel --gates 100
        tailgate calibrate --side http://10.0.0.1:8000 -f locustfile.py --budget 10m
    """
    what = side or (WORKING_TREE if settings_file.load().service.starts else _REFERENCE)
    request = request_of(
        base=what,
        candidate=what,
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
        seed=seed,
        db_rtt=db_rtt,
        out=None,
    )
    found, code = make_gates(request, calibration, gates, keep)
    if not found.gates:
        say("interrupted before a gate was over; nothing was measured")
        raise typer.Exit(code)
    known, target = rates(found), calibration.with_suffix(".html")
    if known is not None:
        Bundle(target.parent).write_text(target.name, page(found, known))
    if as_json:
        print_json(
            {
                "calibration": str(calibration),
                "page": None if known is None else str(target),
                "rates": None if known is None else known.model_dump(mode="json"),
                **found.model_dump(mode="json"),
            }
        )
    else:
        out().print(calibration_table(found, known))
        say(f"kept in      {calibration}" + ("" if known is None else f"\nthe picture  {target}"))
    if known is None:
        raise typer.Exit(code or _UNKNOWN)
    raise typer.Exit(code or int(known.false_alarms_low > error_rate))
