"""report.html: one file that needs nothing else, neither a network nor a script."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tailgate_loadtest.judge.document import Finding, VerdictDocument
from tailgate_loadtest.judge.felt import judged_visits
from tailgate_loadtest.judge.statistics import MAX_WINDOWS, RESAMPLES
from tailgate_loadtest.measure.hlog import LatencyLog
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.report import arrivals, facts, felt, latency, marks, parts, plot, series, waterfall, words
from tailgate_loadtest.report.album import Album
from tailgate_loadtest.report.series import Span
from tailgate_loadtest.report.templating import environment
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import RouteRecord, RunDocument, SlowRequest
from tailgate_loadtest.run.server import SCHEMA as SERVER_SCHEMA
from tailgate_loadtest.run.server import QueryCounts, ServerCounters

MAX_SMALL = 24
"""The most routes with charts of their own."""
MAX_SLOWEST = 20
"""The most requests that are shown each by itself."""
_MAX_MARKS = 4


@dataclass(frozen=True, slots=True)
class Small:
    """A route's own chart among others of its kind."""

    route: str
    picture: Markup


@dataclass(frozen=True, slots=True)
class SlowRow:
    """One of the slowest requests, and which of the page's traces is its own, from 1."""

    request: SlowRequest
    trace: int | None


@dataclass(frozen=True, slots=True)
class QueryRow:
    """A route's queries per request."""

    route: str
    counts: QueryCounts
    most: float
    finding: Finding | None
    picture: Markup


def page(bundle: Bundle, run: RunDocument, verdict: VerdictDocument) -> str:
    """The whole page.

    Raises:
        BundleError: the bundle is incomplete or damaged.
    """
    log = bundle.read_log()
    server = ServerCounters.of(bundle.read_json("server.json", "tailgate/server/v", SERVER_SCHEMA))
    span = Span.of(run)
    flows = series.flows(run.timeline, span)
    busiest = _busiest(run.routes, verdict.objectives)
    slow = run.slowest[:MAX_SLOWEST]
    visits = judged_visits(bundle, run)
    traces = waterfall.slowest(bundle, run, {each.trace_id for each in slow if each.trace_id} | felt.wanted(visits))
    return (
        environment()
        .get_template("report.html")
        .render(
            run=run,
            verdict=verdict,
            words=words,
            marks=marks,
            parts=parts,
            facts=facts,
            findings=words.worst_first(verdict.objectives),
            charted=busiest,
            latency=_latency(log, verdict.objectives, span, busiest),
            curves=_curves(log, verdict.objectives, busiest),
            arrivals=_arrivals(run, flows, span),
            waiting=_waiting(flows, span),
            queries=_queries(server, verdict.objectives),
            splits=[(route.route, route.split.p95) for route in run.routes if route.split is not None],
            slowest=_slowest(slow, traces),
            traces=traces,
            more_traces=waterfall.MAX_OTHERS,
            felt=felt.section(visits, run.browsers, verdict.objectives, flows, span, traces, Album(bundle.path))
            if run.browsers
            else None,
            ratings=felt.RATINGS,
            max_windows=MAX_WINDOWS,
            resamples=RESAMPLES,
        )
    )


def _busiest(routes: Sequence[RouteRecord], findings: Sequence[Finding]) -> list[str]:
    """Which routes get charts of their own: those that missed an objective, then those with the most requests."""
    missed = Counter(f.route for f in findings if f.verdict == "fail")
    asked = [route for route in routes if route.requests]
    asked.sort(key=lambda route: (-missed[route.route], -route.requests, route.route))
    return [route.route for route in asked[:MAX_SMALL]]


def _latency(
    log: LatencyLog, findings: Sequence[Finding], span: Span, routes: Sequence[str]
) -> tuple[Markup, list[Small]] | None:
    whole = series.over_time(log, None, span)
    if not whole:
        return None
    marked = _marks(findings)
    values = [value for b in whole for value in (b.p50, b.p95, b.p99)]
    scale = latency.domain([*values, *(value for value, _ in marked)])
    overall = plot.both(
        lambda key, frame: latency.over_time(key, "all routes", whole, marked, span, scale, frame), "latency"
    )
    if len(routes) < 2:
        return overall, []
    bins = {route: series.over_time(log, route, span) for route in routes}
    own = {route: _own_marks(findings, route) for route in routes}
    # One axis for all, so that routes can be compared at a glance.
    shared = latency.domain(
        [
            *(value for each in bins.values() for b in each for value in (b.p50, b.p99)),
            *(value for each in own.values() for value, _ in each),
        ]
    )
    return overall, [
        Small(
            route,
            latency.over_time(f"latency-{i}", route, bins[route], own[route], span, shared, plot.SMALL, read=False),
        )
        for i, route in enumerate(routes, 1)
    ]


def _marks(findings: Sequence[Finding]) -> list[tuple[float, str]]:
    """Thresholds over all routes; with those of single routes, while they are few enough to be told apart."""
    known = [f for f in findings if f.measure == "latency" and f.threshold]
    together: dict[tuple[float, str], list[str | None]] = {}
    for f in known:
        together.setdefault((f.threshold or 0.0, words.short_target(f)), []).append(f.route)
    if len(together) > _MAX_MARKS:
        together = {key: routes for key, routes in together.items() if None in routes}
    return [(value, f"{label}, {_whose(routes)}") for (value, label), routes in together.items()]


def _whose(routes: Sequence[str | None]) -> str:
    if None in routes:
        return "all routes together"
    return f"each of {len(routes)} routes" if len(routes) > 1 else "one route"


def _own_marks(findings: Sequence[Finding], route: str) -> list[tuple[float, str]]:
    return [
        (f.threshold, words.short_target(f))
        for f in findings
        if f.measure == "latency" and f.threshold and f.route == route
    ]


def _curves(log: LatencyLog, findings: Sequence[Finding], routes: Sequence[str]) -> tuple[Markup, list[Small]] | None:
    response, service = (series.curve(log, None, kind) for kind in (Kind.RESPONSE, Kind.SERVICE))
    if not response.points:
        return None
    goals = [f for f in findings if f.measure == "latency" and f.threshold]
    over_all = [f for f in goals if f.route is None]
    overall = plot.both(
        lambda key, frame: latency.by_percentile(key, "all routes", response, service, over_all, frame),
        "curve",
    )
    if len(routes) < 2:
        return overall, []
    return overall, [
        Small(
            route,
            latency.by_percentile(
                f"curve-{i}",
                route,
                series.curve(log, route, Kind.RESPONSE),
                series.curve(log, route, Kind.SERVICE),
                [f for f in goals if f.route == route],
                plot.SMALL,
            ),
        )
        for i, route in enumerate(routes, 1)
    ]


def _arrivals(run: RunDocument, flows: Sequence[series.Flow], span: Span) -> Markup | None:
    if not flows:
        return None
    planned = run.plan.model == "open"
    return plot.both(lambda key, frame: arrivals.arrivals(key, flows, span, frame, planned=planned), "arrivals")


def _waiting(flows: Sequence[series.Flow], span: Span) -> Markup | None:
    if not any(flow.waiting for flow in flows):
        return None
    return plot.both(lambda key, frame: arrivals.waiting(key, flows, span, frame), "waiting")


def _slowest(requests: Sequence[SlowRequest], traces: Sequence[waterfall.Trace]) -> list[SlowRow]:
    # A trace of a service that calls itself is there more than once: its longest request comes first.
    places = {trace.id: place for place, trace in reversed(list(enumerate(traces, 1)))}
    return [SlowRow(each, places.get(each.trace_id or "")) for each in requests]


def _queries(server: ServerCounters, findings: Sequence[Finding]) -> list[QueryRow]:
    counts = server.queries()
    budgets = {f.route: f for f in findings if f.measure == "queries"}
    rows = []
    most = {route: each.percentile(0.99) for route, each in counts.items()}
    found = [budgets.get(route, budgets.get(None)) for route in counts]
    limits = [f.threshold for f in found if f and f.threshold is not None]
    largest = max(
        [1.0, *limits, *(each.mean for each in counts.values()), *(m for m in most.values() if m != float("inf"))]
    )
    for (route, each), finding in zip(counts.items(), found, strict=True):
        budget = finding.threshold if finding else None
        rows.append(QueryRow(route, each, most[route], finding, marks.queries(each.mean, most[route], budget, largest)))
    return sorted(rows, key=lambda row: row.route)
