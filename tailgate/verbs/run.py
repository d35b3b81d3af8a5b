"""``tailgate run``: the main job."""

import secrets
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from tailgate_loadtest.data import locustfile as reference_locustfile
from tailgate_loadtest.judge.verdict import judge_bundle
from tailgate_loadtest.report.terminal import final_table
from tailgate_loadtest.report.write import write as write_report
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.conduct import conduct
from tailgate_loadtest.run.environment import Fact
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.run.plan import Plan
from tailgate_loadtest.run.traces import TraceReceiver
from tailgate_loadtest.shapes.orders import Swarm
from tailgate_loadtest.shapes.profile import Profile, find
from tailgate_loadtest.shapes.units import seconds
from tailgate_service.stack import Stack, StackConfig
from tailgate_service.stack import start as start_stack
from tailgate_slo import Objectives

from tailgate import objectives as objectives_files
from tailgate import settings as settings_file
from tailgate.console import out, print_json, say
from tailgate.errors import CommandError
from tailgate.live import LiveLine
from tailgate.planning import show_plan

_DEFAULT_PROFILE = "smoke"
_WHAT, _OPEN, _CLOSED = "What to load", "Open model: arrivals by plan", "Closed model: users, as under Locust"
_JUDGING, _REFERENCE, _OUTPUT = "What to judge by", "The reference API", "What comes out"


@dataclass(frozen=True, kw_only=True)
class _Request:
    """What was asked for, the settings file's defaults applied."""

    host: str | None
    locustfile: Path | None
    load: Profile | Swarm
    objectives: Objectives | None
    variant: str
    db_rtt: float
    metrics: str | None
    targets: Path | None
    out: Path
    seed: int
    labels: dict[str, str]
    classes: tuple[str, ...]
    tags: tuple[str, ...]
    exclude_tags: tuple[str, ...]

    def plan(self, host: str, **more: Any) -> Plan:
        """The plan of a run against a host."""
        given = {
            "locustfile": self.locustfile or reference_locustfile(),
            "load": self.load,
            "out": self.out,
            "seed": self.seed,
            "objectives": self.objectives,
            "metrics_url": self.metrics,
            "targets": self.targets,
            "classes": self.classes,
            "tags": self.tags,
            "exclude_tags": self.exclude_tags,
            "labels": self.labels,
        }
        return Plan(**{**given, **more, "host": host})


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
    request = _Request(
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
            bundle = _against_host(request, interruption) if host else _embedded(request, interruption)
        except KeyboardInterrupt:
            say("interrupted before the load began; nothing was measured")
            raise typer.Exit(interruption.exit_code) from None
        raise typer.Exit(_conclude(bundle, request.objectives, as_json=as_json))


def _against_host(request: _Request, interruption: Interruption) -> Bundle:
    plan = request.plan(request.host or "")
    parts = urlsplit(plan.host)
    say(f"loading {parts.scheme}://{parts.netloc} with {plan.locustfile.name}, {_describe(request.load)}")
    with _live(request.load) as live:
        return conduct(plan, interruption, on_tick=live.show)


def _embedded(request: _Request, interruption: Interruption) -> Bundle:
    say(f"starting the reference API ({request.variant}) on a database of its own")
    with ExitStack() as stack:
        receiver = stack.enter_context(TraceReceiver())
        secret = secrets.token_urlsafe(24)
        service: Stack = stack.enter_context(
            start_stack(
                StackConfig(
                    variant=request.variant,
                    db_rtt=request.db_rtt,
                    slo=Path(request.objectives.file) if request.objectives else None,
                    otlp_endpoint=receiver.endpoint,
                    run_secret=secret,
                )
            )
        )
        plan = request.plan(
            service.url,
            metrics_url=service.metrics_url,
            targets=service.targets,
            run_secret=secret,
            facts=_flat(service.facts),
        )
        say(f"loading {service.url} with {plan.locustfile.name}, {_describe(request.load)}")
        with _live(request.load) as live:
            # Closing the service makes it hand over its last traces.
            return conduct(plan, interruption, on_tick=live.show, after_load=service.close, traces=receiver.store)


def _conclude(bundle: Bundle, objectives: Objectives | None, *, as_json: bool) -> int:
    verdict = judge_bundle(bundle, objectives)
    document = bundle.read_run()
    page = write_report(bundle, document, verdict)
    if as_json:
        print_json(
            {"bundle": str(bundle.path), "report": str(page), "verdict": verdict.model_dump(mode="json", by_alias=True)}
        )
    else:
        out().print(final_table(document, verdict))
        say(f"bundle  {bundle.path}\nreport  {page}")
    return verdict.exit_code


def _live(load: Profile | Swarm) -> LiveLine:
    if isinstance(load, Swarm):
        return LiveLine(load.run_time, 0.0)
    return LiveLine(load.warmup + load.duration, load.warmup)


def _describe(load: Profile | Swarm) -> str:
    if isinstance(load, Swarm):
        return f"closed model: {load.users} users" + (f" for {load.run_time:g} s" if load.run_time else "")
    return (
        f"profile {load.name}: {load.warmup:g} s of warm-up, then {load.duration:g} s, about {load.arrivals:.0f}"
        f" arrivals, at most {load.peak:g} a second"
    )


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


def _flat(facts: dict[str, Any], prefix: str = "") -> dict[str, Fact]:
    """Nested facts as one level: ``db_rtt: {emulated: 0}`` becomes ``db_rtt.emulated: 0``."""
    flat: dict[str, Fact] = {}
    for key, value in facts.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def _labels(pairs: list[str]) -> dict[str, str]:
    labels = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise CommandError(f"--tag {pair!r} must be written key=value")
        labels[key] = value
    return labels
