"""``tailgate profile``: load profiles."""

import keyword
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text
from tailgate_loadtest.shapes.openapi import routes
from tailgate_loadtest.shapes.plain import read
from tailgate_loadtest.shapes.profile import parse
from tailgate_loadtest.shapes.templates import Templates
from tailgate_loadtest.shapes.units import seconds
from tailgate_loadtest.traffic.accesslog import AccessLog
from tailgate_loadtest.traffic.document import burstiness, document, origin, shape
from tailgate_loadtest.traffic.draft import Draft, draft
from tailgate_loadtest.traffic.mix import Source
from tailgate_loadtest.traffic.prometheus import METRIC, Counter, Prometheus
from tailgate_loadtest.traffic.skeleton import skeleton
from tailgate_otel import names

from tailgate.console import out, print_json
from tailgate.errors import CommandError

app = typer.Typer(no_args_is_help=True, help="Load profiles: make one from production's traffic.")
_LOGS, _PROMETHEUS, _OUTPUT = "From access logs", "From a Prometheus", "What comes out"


@app.callback()
def _group() -> None:
    """Have ``from`` be a verb of its own, though it is the only one."""


@app.command("from")
def make(
    access_log: Annotated[
        list[str] | None,
        typer.Option(
            help="Common, Combined or JSON lines, plain or gzip; - is standard input; may be given often.",
            rich_help_panel=_LOGS,
        ),
    ] = None,
    openapi: Annotated[
        Path | None, typer.Option(help="The routes, instead of a guess from the paths.", rich_help_panel=_LOGS)
    ] = None,
    prometheus: Annotated[str | None, typer.Option(help="Its address.", rich_help_panel=_PROMETHEUS)] = None,
    since: Annotated[str, typer.Option(help="How far back to look.", rich_help_panel=_PROMETHEUS)] = "24h",
    metric: Annotated[str, typer.Option(help="The counter of requests.", rich_help_panel=_PROMETHEUS)] = METRIC,
    match: Annotated[
        str, typer.Option(help="Its label matchers, such as 'job=\"shop\"'.", rich_help_panel=_PROMETHEUS)
    ] = "",
    method_label: Annotated[
        str, typer.Option(help="The label with the method.", rich_help_panel=_PROMETHEUS)
    ] = names.LABEL_METHOD,
    route_label: Annotated[
        str, typer.Option(help="The label with the route.", rich_help_panel=_PROMETHEUS)
    ] = names.LABEL_ROUTE,
    window: Annotated[str, typer.Option(help="The busiest stretch of this length is taken.")] = "1h",
    duration: Annotated[str, typer.Option(help="The time it takes in the profile, at the same rates.")] = "10m",
    directory: Annotated[Path, typer.Option("--out", help="Where to write.", rich_help_panel=_OUTPUT)] = Path(),
    name: Annotated[
        str, typer.Option(help="Of the profile, and of both files.", rich_help_panel=_OUTPUT)
    ] = "production",
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.", rich_help_panel=_OUTPUT)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="What was found, as JSON.", rich_help_panel=_OUTPUT)] = False,
) -> None:
    """Make a profile and a locustfile from what production was asked: its routes, peak and burstiness.

    Routes that need a path, a query or a body are named, and the locustfile runs once they have it.

        tailgate profile from --access-log access.log --access-log access.log.1.gz

        zstdcat access.log.zst | tailgate profile from --access-log - --openapi openapi.yaml

        tailgate profile from --prometheus http://prometheus:9090 --match 'job="shop"' --since 168h
    """
    if not name.isidentifier() or keyword.iskeyword(name) or not name.isascii():
        raise CommandError(f"--name {name!r} must be of letters, digits and _, like black_friday")
    profile_path, locustfile_path = directory / f"{name}.yaml", directory / f"{name}.py"
    standing = [path for path in (profile_path, locustfile_path) if path.exists()]
    if standing and not force:
        raise CommandError(f"{standing[0]} is there already; nothing was written. --force overwrites")
    lengths = {option: _seconds(text, option) for option, text in (("--window", window), ("--duration", duration))}
    if access_log and prometheus is None:
        source: Source = AccessLog(access_log, Templates(routes(openapi)) if openapi else None)
    elif prometheus is not None and not access_log:
        if openapi:
            raise CommandError("--openapi goes with --access-log: a Prometheus has routes already")
        counter = Counter(metric=metric, match=match, method=method_label, route=route_label)
        source = Prometheus(prometheus, counter, since=_seconds(since, "--since"))
    else:
        raise CommandError("give either --access-log, once or more, or --prometheus")
    made = draft(source, name=name, window=lengths["--window"], duration=lengths["--duration"])
    texts = {profile_path: document(made), locustfile_path: skeleton(made.mix)}
    parse(read(texts[profile_path].encode()), str(profile_path))  # what could not be run is not written
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{path}: cannot be written: {error.strerror}") from error
    if as_json:
        print_json({"written": [str(path) for path in texts], **_found(made)})
    else:
        _show(made, list(texts))


def _show(made: Draft, written: list[Path]) -> None:
    console = out()
    for note in (*origin(made), shape(made), burstiness(made)):
        console.print(note, markup=False, highlight=False)
    table = Table("route", "share", "rate", "needs", box=None, pad_edge=False)
    for route in made.mix.routes:
        share = made.mix.share(route)
        table.add_row(
            Text(route.name), f"{share:.2%}", f"{share * made.window.rate:.4g}/s", Text(" and ".join(route.needs))
        )
    console.print(table)
    for path in written:
        typer.echo(f"wrote {path}")
    waiting = sum(1 for route in made.mix.routes if route.needs)
    profile, locustfile = written
    if waiting:
        typer.echo(f"next: give the {waiting} routes that need something rows in {locustfile}, then")
    else:
        typer.echo("next:")
    typer.echo(f"  tailgate run --plan --profile {profile} -f {locustfile} --host YOUR_API")


def _found(made: Draft) -> dict[str, object]:
    spread = made.dispersion
    return {
        "window": {
            "start": made.window.start,
            "seconds": made.window.seconds,
            "requests": made.window.requests,
            "rate": made.window.rate,
            "peak": made.window.peak,
            "peak_over_seconds": made.window.step,
        },
        "profile": {
            "seconds": made.profile.duration,
            "arrivals": made.profile.arrivals,
            "typical_error": made.ramps.typical,
            "worst_error": made.ramps.worst,
        },
        "dispersion": spread and {"index": spread.index, "error": spread.error, "bursty": spread.bursty},
        "bursts": [{"at": made.window.start + each.at, "counts": list(each.counts)} for each in made.bursts],
        "routes": [
            {
                "route": route.name,
                "requests": route.requests,
                "share": made.mix.share(route),
                "rate": made.mix.share(route) * made.window.rate,
                "needs": list(route.needs),
            }
            for route in made.mix.routes
        ],
        "left_out": dict(made.mix.left_out),
        "notes": list(made.notes),
    }


def _seconds(text: str, option: str) -> float:
    try:
        length = seconds(text)
    except ValueError as error:
        raise CommandError(f"{option}: {error}") from error
    if length < 1:
        raise CommandError(f"{option} {text}: must be a second at least")
    return length
