"""The board *API*: what the service answers, how fast, and what its callers see of that."""

from decimal import Decimal

from tailgate_otel import names
from tailgate_slo import Objectives

from . import process, variables
from .limits import Limits, latency_limits
from .panel import Board, Color, Column, Label, Level, Link, Panel, Query, Row
from .promql import number, summed
from .runs import chosen_route, response_time
from .service import Service

_QUANTILES = (Decimal("0.5"), Decimal("0.95"), Decimal("0.99"))
_P95 = Decimal("0.95")
_FAILING = (Level(color=Color.GOOD), Level(value=0.001, color=Color.WORSE), Level(value=0.01, color=Color.BAD))
_OVER_LIMIT = (Level(color=Color.GOOD), Level(value=0.8, color=Color.WORSE), Level(value=1, color=Color.BAD))


def board(objectives: Objectives, service: Service) -> Board:
    """The board of one service, by route, with a line for each limit of its objectives."""
    targets = {slo.target for slo in objectives.slos if slo.measure and slo.measure.kind == "latency"}
    limits = {
        q: Limits(limits=latency_limits(objectives, q), series=service.series, distribution=service.requests)
        for q in sorted({*_QUANTILES, *targets})
    }
    own = (Row(title="Process", panels=process.panels(service)),) if service.own else ()
    return Board(
        uid="tailgate-api",
        title="API",
        description="What the service answers, how fast, route by route, against its objectives.",
        variables=(variables.PROMETHEUS, *service.variables(), variables.RUN),
        rows=(
            Row(title="Now", panels=(*_now(service), _routes(service, limits[_P95]))),
            Row(title="Requests and errors", panels=(_rate(service), _errors(service), _statuses(service))),
            Row(
                title="Latency by route",
                panels=(
                    *_against(service, limits),
                    *(_quantile(service, q, found) for q, found in limits.items()),
                ),
            ),
            Row(title="Latency in full", panels=(_traces(service), _heatmap(service), *_both_sides(service))),
            *own,
        ),
    )


def name(q: Decimal) -> str:
    """A quantile as people say it: p95."""
    return f"p{number(q * 100)}"


def _error_ratio(service: Service, *by: str) -> str:
    # Nothing failed yet: no such series, which is none and not unknown.
    answered = service.answered(*by)
    return f"({service.failed(*by)} or 0 * {answered}) / ({answered} > 0)"


def _now(service: Service) -> tuple[Panel, ...]:
    requests = service.requests
    stats = [
        Panel(
            title="Requests",
            description="Answers per second. None at all while there should be some: the service, its network, or"
            " Prometheus' way to it is down - look at the targets of Prometheus first.",
            kind="stat",
            unit="reqps",
            width=5,
            height=4,
            levels=(Level(color=Color.PLAIN),),
            queries=(Query(expr=service.answered()),),
        ),
        Panel(
            title="Failed",
            description="The share of answers with a status of 500 and more. The panel of errors by route says"
            " which; the traces kept for `error` say why.",
            kind="stat",
            unit="percentunit",
            width=5,
            height=4,
            levels=_FAILING,
            queries=(Query(expr=_error_ratio(service)),),
        ),
        *(
            Panel(
                title=name(q),
                description=f"{number(q * 100)} % of the requests are answered within this. When it rises, see below"
                " which routes it is, and by the exemplars what their time went into.",
                kind="stat",
                unit="s",
                width=5,
                height=4,
                levels=(Level(color=Color.PLAIN),),
                queries=(Query(expr=requests.quantile(q)),),
            )
            for q in _QUANTILES[1:]
        ),
    ]
    if service.own:
        stats.append(
            Panel(
                title="In progress",
                description="Requests being answered at this moment. When it climbs while the rate stays, requests pile"
                " up: the pool of connections, the processor, or the database is at its limit.",
                kind="stat",
                unit="short",
                width=4,
                height=4,
                levels=(Level(color=Color.PLAIN),),
                queries=(Query(expr=summed(service.of(names.HTTP_SERVER_ACTIVE))),),
            )
        )
    return tuple(stats)


def _routes(service: Service, limits: Limits) -> Panel:
    by = service.by_route
    requests = service.requests
    against: tuple[Query, ...] = ()
    if limits.limits:
        column = Column(header="p95 of its objective", unit="percentunit", levels=_OVER_LIMIT)
        against = (Query(expr=_share(service, _P95, limits), column=column),)
    headers = {service.series.method: "Method", service.series.route: "Route"}
    return Panel(
        title="Routes",
        description="Every route at a glance; a click on one shows it alone. Red in the last column is a route that"
        " does not keep its objective; a high p99 beside a low p50 is queueing or a rare statement, not slow code.",
        kind="table",
        unit="short",
        width=24,
        height=9,
        labels=tuple(Label(label, headers[label]) for label in by),
        sort="Requests",
        queries=(
            Query(expr=service.answered(*by), column=Column(header="Requests", unit="reqps")),
            Query(expr=_error_ratio(service, *by), column=Column(header="Failed", unit="percentunit", levels=_FAILING)),
            *(Query(expr=requests.quantile(q, *by), column=Column(header=name(q), unit="s")) for q in _QUANTILES),
            *against,
        ),
        links=(
            Link(
                field="Route",
                title="This route alone",
                board="tailgate-api",
                variable="route",
            ),
        ),
    )


def _rate(service: Service) -> Panel:
    return Panel(
        title="Requests by route",
        description="How often each route is asked. A jump is a new client, a retry storm, or a load test, whose region"
        " is blue; a drop is an outage, of the service or of who calls it.",
        unit="reqps",
        least=0,
        width=8,
        queries=(Query(expr=service.answered(*service.by_route), legend=service.route_legend),),
    )


def _errors(service: Service) -> Panel:
    return Panel(
        title="Errors by route",
        description="The share of each route's answers with a status of 500 and more. One route: its own code; all at"
        " once: the database, the network, or a release. The traces kept for `error` say why.",
        unit="percentunit",
        least=0,
        width=8,
        queries=(Query(expr=_error_ratio(service, *service.by_route), legend=service.route_legend),),
    )


def _statuses(service: Service) -> Panel:
    status = service.series.status
    return Panel(
        title="Answers by status",
        description="A wave of 401 or 403 is a key that ran out or somebody who tries; of 404 or 422, a client that was"
        " released wrongly; of 429, one that is too fast; of 503, overload.",
        unit="reqps",
        least=0,
        width=8,
        stacked=True,
        queries=(Query(expr=service.answered(status), legend=f"{{{{{status}}}}}"),),
    )


def _share(service: Service, q: Decimal, limits: Limits) -> str:
    """Each route's quantile as a share of its limit."""
    by = service.by_route
    return f"{service.requests.quantile(q, *by)} / on ({', '.join(by)}) ({limits.by_route(*by)})"


def _against(service: Service, limits: dict[Decimal, Limits]) -> tuple[Panel, ...]:
    return tuple(
        Panel(
            title=f"{name(q)} as a share of its objective",
            description=f"Each route's {name(q)} by what its objective allows: above 100 % it is missed, whatever the"
            " route. Begin with the highest, and read its queries and its traces.",
            unit="percentunit",
            least=0,
            levels=_OVER_LIMIT,
            queries=(Query(expr=_share(service, q, found), legend=service.route_legend),),
        )
        for q, found in limits.items()
        if found.limits
    )


def _quantile(service: Service, q: Decimal, limits: Limits) -> Panel:
    lines = tuple(
        Query(expr=line, legend=f"objective: {number(value * 1000)} ms", line=True) for value, line in limits.lines()
    )
    return Panel(
        title=f"{name(q)} by route",
        description=f"What {number(q * 100)} % of each route's requests are answered within; dashed, what the"
        " objectives allow. p50 says how the code fares, p95 and p99 how the queues do: choose one route to see its"
        " line alone.",
        unit="s",
        least=0,
        width=8,
        queries=(
            Query(expr=service.requests.quantile(q, *service.by_route), legend=service.route_legend),
            *lines,
        ),
    )


def _traces(service: Service) -> Panel:
    return Panel(
        title="The slowest requests, with their traces",
        description="The largest bucket that anything fell into; each dot is a request that was kept, and a click on it"
        " opens its trace. Dots far above the line are the ones to look at: their spans say what they waited for.",
        unit="s",
        least=0,
        queries=(
            Query(expr=service.requests.quantile(Decimal(1)), legend="slowest", exemplars=True),
            Query(expr=service.requests.quantile(_P95), legend="p95"),
        ),
    )


def _heatmap(service: Service) -> Panel:
    # A heatmap's axis is labelled with the buckets' edges as they are.
    unit = {1: "s", 1_000: "ms", 1_000_000: "µs", 1_000_000_000: "ns"}[int(service.series.per_second)]
    return Panel(
        title="All requests by duration",
        description="Every request, not a percentile. Two bands are two kinds of request - a cache that hits and"
        " misses, two plans of one statement; a smear upwards is queueing.",
        kind="heatmap",
        unit=unit,
        queries=(Query(expr=service.requests.buckets(), legend=f"{{{{{names.LABEL_LE}}}}}", exemplars=True),),
    )


def _both_sides(service: Service) -> tuple[Panel, ...]:
    seen = response_time("$run", *chosen_route(service))
    return (
        Panel(
            title="Client against server: p95",
            description="One load seen from both ends. The client counts from when a request was due to its last"
            " byte, the server from first byte to last. A gap that grows with the rate is waiting before the"
            " service: its accept queue, a proxy, the network, or, with lag on the board Load test, the generator.",
            unit="s",
            least=0,
            queries=(
                Query(expr=seen.quantile(_P95), legend="client", empty="no load test is running"),
                Query(expr=service.tested.quantile(_P95), legend="server", empty="no load test is running"),
            ),
        ),
        Panel(
            title="Client against server: requests",
            description="Requests per second that the load generator saw answered, and that the service answered to"
            " load tests. Fewer at the service than at the client: something in between answers; fewer at the"
            " client: it gave up, or requests failed.",
            unit="reqps",
            least=0,
            queries=(
                Query(expr=seen.count(), legend="client", empty="no load test is running"),
                Query(expr=service.tested.count(), legend="server", empty="no load test is running"),
            ),
        ),
    )
