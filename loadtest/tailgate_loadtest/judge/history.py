"""Many runs over time: of each when, of what, how it was judged, and its routes' percentiles, failures and queries.

Read from run.json and verdict.json alone, so that a thousand bundles take seconds. Only runs of one profile, host,
variant and machine can be put beside one another; they make a series.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import Field

from tailgate_loadtest.errors import BundleError
from tailgate_loadtest.judge.document import Verdict
from tailgate_loadtest.judge.regression.apart.environments import host
from tailgate_loadtest.judge.verdict import read_verdict
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import Model, RouteRecord, RunDocument
from tailgate_loadtest.run.found import name, places, side_of
from tailgate_loadtest.shapes.sides import SIDES, Side

SCHEMA: Literal["tailgate/history/v1"] = "tailgate/history/v1"


class RouteRow(Model):
    """One route of a run."""

    route: str
    requests: int
    bad: int
    """Failed or never answered."""
    p50: float | None
    """Of the requests that succeeded, in seconds; here and below, None where there is none."""
    p95: float | None
    p99: float | None
    queries: float | None
    """Mean per request, by the service's own count."""


class RunRow(Model):
    """One run."""

    path: str
    """Its bundle, relative to the directory."""
    report: str | None
    """Its page, likewise; that of both sides for one of two."""
    began: float
    """Seconds since the epoch."""
    started: str
    revision: str | None
    dirty: bool
    series: int
    """Runs with the same number were made by one profile, against one variant on one host, on one machine."""
    seconds: float
    verdict: Verdict | None
    """None: it was never judged."""
    why: str | None
    """The first reason for that."""
    rate_held: float | None
    requests: int
    bad: int
    keys: tuple[str, ...]
    """Routes of key objectives."""
    routes: tuple[RouteRow, ...]


class Series(Model):
    """What runs must have in common to be joined by a line."""

    number: int
    model: str
    profile: str | None
    host: str
    variant: str | None
    """What was loaded there, where the service says."""
    side: Side | None
    """Of two that were loaded together, each by a share of the arrivals; None: alone."""
    machine: str


class Skipped(Model):
    """A directory that was to be a bundle, and cannot be read."""

    path: str
    why: str


class History(Model):
    """All of them."""

    schema_: Literal["tailgate/history/v1"] = Field(default=SCHEMA, alias="schema")
    directory: str
    series: tuple[Series, ...]
    """In the order in which they began."""
    runs: tuple[RunRow, ...]
    """The oldest first."""
    skipped: tuple[Skipped, ...]

    def of(self, series: Series) -> list[RunRow]:
        """The runs of a series, the oldest first."""
        return [run for run in self.runs if run.series == series.number]


def key_routes(runs: Sequence[RunRow], most: int) -> list[str]:
    """The routes to show first: those of the newest run's key objectives, else those with the most requests."""
    newest = runs[-1]
    busiest = sorted(newest.routes, key=lambda each: (each.route not in newest.keys, -each.requests, each.route))
    return [each.route for each in busiest[:most]]


def read(directory: Path) -> History:
    """The history of a directory of bundles, those of ``tailgate ab`` with both of their sides.

    Raises:
        BundleError: it holds no bundle that can be read; the message says why of the first that cannot.
    """
    if not directory.is_dir():
        raise BundleError(f"{directory}: there is no such directory; give the one that holds the runs, such as runs")
    rows: list[tuple[_Kin, RunRow]] = []
    skipped: list[Skipped] = []
    for path in places(directory, *SIDES):
        where = name(path.relative_to(directory))
        try:
            rows.append(_row(Bundle.open(path), where))
        except BundleError as error:
            skipped.append(Skipped(path=where, why=str(error)))
    if not rows:
        why = f"none of {len(skipped)} bundles can be read: {skipped[0].why}" if skipped else "holds no run bundle"
        raise BundleError(f"{directory}: {why}; give a directory with what `tailgate run` wrote")
    rows.sort(key=lambda row: (row[1].began, row[1].path))
    numbers = {kin: number for number, kin in enumerate(dict.fromkeys(kin for kin, _ in rows), 1)}
    return History(
        directory=name(directory),
        series=tuple(Series(number=number, **asdict(kin)) for kin, number in numbers.items()),
        runs=tuple(row.model_copy(update={"series": numbers[kin]}) for kin, row in rows),
        skipped=tuple(skipped),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kin:
    """What runs of one series have in common."""

    model: str
    profile: str | None
    host: str
    variant: str | None
    side: Side | None
    machine: str


def _row(bundle: Bundle, path: str) -> tuple[_Kin, RunRow]:
    run = bundle.read_run()
    judged = read_verdict(bundle) if (bundle.path / "verdict.json").exists() else None
    where = run.environment
    revision = where.get("revision")
    variant = where.get("variant")
    kin = _Kin(
        model=run.plan.model,
        profile=run.plan.profile,
        host=host(run.plan.host),
        variant=None if variant is None else str(variant),
        side=side_of(bundle.path),
        machine=_machine(run),
    )
    return kin, RunRow(
        path=path,
        report=_report(bundle.path, path),
        began=run.began,
        started=run.started,
        revision=str(revision) if revision not in (None, "", "nogit") else None,
        dirty=bool(where.get("dirty")),
        series=0,
        seconds=run.seconds,
        verdict=judged.verdict if judged else None,
        why=judged.reasons[0] if judged and judged.reasons and judged.verdict != "pass" else None,
        rate_held=_number(judged.rate_held) if judged else None,
        requests=sum(route.requests for route in run.routes),
        bad=sum(route.failed + route.censored for route in run.routes),
        keys=tuple(dict.fromkeys(f.route for f in judged.objectives if f.key and f.route)) if judged else (),
        routes=tuple(_route(route) for route in run.routes if route.requests),
    )


def _report(bundle: Path, path: str) -> str | None:
    if (bundle / "report.html").exists():
        return f"{path}/report.html"
    if side_of(bundle) and (bundle.parent / "report.html").exists():
        return f"{PurePosixPath(path).parent}/report.html"
    return None


def _route(route: RouteRecord) -> RouteRow:
    times = route.response
    return RouteRow(
        route=route.route,
        requests=route.requests,
        bad=route.failed + route.censored,
        p50=_number(times.p50) if times else None,
        p95=_number(times.p95) if times else None,
        p99=_number(times.p99) if times else None,
        queries=_number(route.queries),
    )


def _number(value: float | None) -> float | None:
    """The value, where it is one: NaN, infinity and what is below 0 nobody has measured."""
    return value if value is not None and math.isfinite(value) and value >= 0 else None


def _machine(run: RunDocument) -> str:
    cores, processor = run.environment.get("cores"), run.environment.get("processor")
    return f"{processor or 'unknown processor'}, {cores or 'unknown'} cores"
