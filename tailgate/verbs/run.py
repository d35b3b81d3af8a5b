"""``tailgate run``: the main job."""

from pathlib import Path
from typing import Annotated

import typer
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.shapes.orders import Swarm
from tailgate_loadtest.shapes.profile import Profile, find
from tailgate_loadtest.shapes.units import seconds

from tailgate import objectives as objectives_files
from tailgate import settings as settings_file
from tailgate.console import say
from tailgate.errors import CommandError
from tailgate.planning import show_plan
from tailgate.running import Request, against_host, conclude, embedded

_DEFAULT_PROFILE = "smoke"
_WHAT, _OPEN, _CLOSED = "What to load", "Open model: arrivals by plan", "Closed model: users, as under Locust"
_JUDGING, _REFERENCE, _OUTPUT = "What to judge by", "The reference API", "What comes out"


def run(
    classes: Annotated[list[str] | None, typer.Argument(help="Only these user classes of the locustfile.")] = None,
    locustfile: Annotated[
        str | None,
        typer.Option("-f", "--locustfile", envvar="LOCUST_LOCUSTFILE", help="Any locustfile.", rich_help_panel=_WHAT),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            "-H",
            "--host",
            envvar="LOCUST_HOST",
            help="The API's address; without it, the reference API.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            help="smoke, load, stress, spike, soak, breakpoint, or a .yaml file: arrivals by plan.",
            rich_help_panel=_OPEN,
        ),
    ] = None,
    users: Annotated[
        int | None,
        typer.Option(
            "-u",
            "--users",
            envvar="LOCUST_USERS",
            min=1,
            help="Closed model: this many users.",
            rich_help_panel=_CLOSED,
        ),
    ] = None,
    spawn_rate: Annotated[
        float | None,
        typer.Option(
            "-r",
            "--spawn-rate",
            envvar="LOCUST_SPAWN_RATE",
            min=0.001,
            help="Users started per second.",
            rich_help_panel=_CLOSED,
        ),
    ] = None,
    run_time: Annotated[
        str | None,
        typer.Option(
            "-t",
            "--run-time",
            envvar="LOCUST_RUN_TIME",
            help="How long, such as 30s or 1h30m.",
            rich_help_panel=_CLOSED,
        ),
    ] = None,
    tags: Annotated[
        list[str] | None,
        typer.Option("-T", "--tags", envvar="LOCUST_TAGS", help="Only tasks with this tag.", rich_help_panel=_WHAT),
    ] = None,
    exclude_tags: Annotated[
        list[str] | None,
        typer.Option(
            "-E", "--exclude-tags", envvar="LOCUST_EXCLUDE_TAGS", help="No tasks with this tag.", rich_help_panel=_WHAT
        ),
    ] = None,
    slo: Annotated[
        str | None, typer.Option(help="The objectives file; by default slo.yaml here.", rich_help_panel=_JUDGING)
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            help="The service's Prometheus metrics page, for its own side of the run.", rich_help_panel=_JUDGING
        ),
    ] = None,
    targets: Annotated[
        str | None, typer.Option(help="The targets file that the personas read.", rich_help_panel=_WHAT)
    ] = None,
    variant: Annotated[
        str, typer.Option(help="Of the reference API: parallel or sequential.", rich_help_panel=_REFERENCE)
    ] = "parallel",
    db_rtt: Annotated[
        str,
        typer.Option(
            help="A round trip put between the reference API and its database, such as 20ms.",
            rich_help_panel=_REFERENCE,
        ),
    ] = "0ms",
    out_dir: Annotated[
        str | None, typer.Option("--out", help="Where bundles are written; by default runs/.", rich_help_panel=_OUTPUT)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed, the same arrivals.", rich_help_panel=_OPEN)] = 1,
    tag: Annotated[
        list[str] | None, typer.Option(help="k=v, kept with the run; may be given often.", rich_help_panel=_OUTPUT)
    ] = None,
    plan: Annotated[
        bool,
        typer.Option("--plan", help="Only say what would happen, and what it could decide.", rich_help_panel=_OUTPUT),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The verdict as JSON on standard output.", rich_help_panel=_OUTPUT)
    ] = False,
) -> None:
    """Start what is needed, put the load on, judge it, write the bundle.

    With no --host the reference API is started on a database of its own and loaded; nothing has to be installed. With
    --profile the model is open: arrivals come when they are due, however slow the answers. With -u, -r, -t, or a
    LoadTestShape in the locustfile, it is closed, as under Locust.

        tailgate run --profile smoke
        tailgate run --host http://127.0.0.1:8000 -f locustfile.py --profile load --slo slo.yaml
        tailgate run --host http://127.0.0.1:8000 -f locustfile.py -u 20 -t 30s
    """
    defaults = settings_file.load()
    host = host or defaults.host
    locustfile = locustfile or defaults.locustfile
    closed = users is not None or run_time is not None or spawn_rate is not None
    if profile and closed:
        raise CommandError("--profile sets arrivals, -u/-r/-t set users: give one or the other")
    if spawn_rate is not None and users is None:
        raise CommandError("-r says how quickly users start: give -u, their number, with it")
    request = Request(
        host=host,
        locustfile=_file(locustfile, "-f") if locustfile else None,
        load=_load(profile or (None if closed else defaults.profile), users, spawn_rate, run_time, locustfile),
        objectives=objectives_files.find(slo or defaults.slo, reference=host is None and locustfile is None),
        variant=variant,
        db_rtt=_seconds(db_rtt, "--db-rtt"),
        metrics=metrics or defaults.metrics,
        targets=Path(given) if (given := targets or defaults.targets) else None,
        out=Path(out_dir or defaults.out or "runs"),
        seed=seed,
        labels=_labels(tag or []),
        classes=tuple(classes or ()),
        tags=tuple(tags or ()),
        exclude_tags=tuple(exclude_tags or ()),
    )
    if host is not None and request.db_rtt:
        raise CommandError("--db-rtt is put before the reference API's own database; it cannot be with --host")
    with Interruption() as interruption:
        try:
            if plan:
                show_plan(request.plan(host or "http://127.0.0.1"), embedded=host is None, as_json=as_json)
                return
            bundle = against_host(request, interruption) if host else embedded(request, interruption)
        except KeyboardInterrupt:
            say("interrupted before the load began; nothing was measured")
            raise typer.Exit(interruption.exit_code) from None
        raise typer.Exit(conclude(bundle, request.objectives, as_json=as_json))


def _load(
    profile: str | None, users: int | None, spawn_rate: float | None, run_time: str | None, locustfile: str | None
) -> Profile | Swarm:
    if profile:
        return find(profile)
    if users is None and run_time is None and locustfile is None:
        return find(_DEFAULT_PROFILE)
    seconds_of_load = _seconds(run_time, "-t") if run_time else None
    if seconds_of_load == 0:
        raise CommandError("-t 0: a load must last longer than that")
    return Swarm(users=users or 1, spawn_rate=spawn_rate or float(users or 1), run_time=seconds_of_load)


def _file(name: str, option: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise CommandError(f"{option} {name}: there is no such file")
    return path


def _seconds(text: str, option: str) -> float:
    try:
        return seconds(text)
    except ValueError as error:
        raise CommandError(f"{option}: {error}") from error


def _labels(pairs: list[str]) -> dict[str, str]:
    labels = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise CommandError(f"--tag {pair!r} must be written key=value")
        labels[key] = value
    return labels
