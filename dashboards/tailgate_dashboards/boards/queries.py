"""The board *Queries*: what requests ask of the database, and what they wait for there."""

from decimal import Decimal

from tailgate_otel import names
from tailgate_slo import Objectives

from ..series import equal, select
from . import variables
from .limits import Limits, query_limits
from .panel import Board, Color, Column, Label, Level, Link, Panel, Query, Row
from .promql import RANGE, Distribution, largest, number, summed
from .service import Service

_P50, _P95 = Decimal("0.5"), Decimal("0.95")
_POOL = names.LABEL_POOL
_OVER = (Level(color=Color.GOOD), Level(value=0.0001, color=Color.WORSE), Level(value=0.01, color=Color.BAD))
_FOUND = (Level(color=Color.GOOD), Level(value=0.5, color=Color.BAD))


def board(objectives: Objectives, service: Service, queries: Distribution) -> Board:
    """The board of a service that counts its queries."""
    limits = Limits(limits=query_limits(objectives), series=service.series, distribution=queries)
    rows = [
        Row(
            title="Queries per request",
            panels=(*_per_request(service, queries, limits), _routes(service, queries, limits)),
        )
    ]
    if service.own:
        rows += (
            Row(title="N+1", panels=_n_plus_one(service)),
            Row(title="The database's share", panels=(_share(service), _database(service), _operations(service))),
            Row(title="The pool of connections", panels=(_wait(service), _use(service), _pending(service))),
            Row(title="Postgres", panels=_postgres(service)),
        )
    return Board(
        uid="tailgate-queries",
        title="Queries",
        description="How many queries requests make, where the same one is made again and again, and what requests wait"
        " for: the pool, the database, or a lock in it.",
        variables=(variables.PROMETHEUS, *service.variables(), variables.RUN, variables.TEMPO)
        if service.own
        else (variables.PROMETHEUS, *service.variables(), variables.RUN),
        rows=tuple(rows),
    )


def _whole(queries: Distribution, q: Decimal, *by: str) -> str:
    """A quantile of a count: the largest that its bucket holds, since there is no half query."""
    return f"ceil({queries.quantile(q, *by)})"


def _per_request(service: Service, queries: Distribution, limits: Limits) -> tuple[Panel, ...]:
    budgets = tuple(Query(expr=line, legend=f"budget: {number(value)}", line=True) for value, line in limits.lines())
    by = service.by_route
    return tuple(
        Panel(
            title=f"Queries per request: {title}",
            description=description,
            unit="none",
            least=0,
            decimals=0,
            queries=(Query(expr=_whole(queries, q, *by), legend=service.route_legend), *budgets),
        )
        for title, q, description in (
            (
                "p50",
                _P50,
                (
                    "What a usual request of each route asks; dashed, the budgets. Choose one route to see its own. A"
                    " step up at a release is a join that was lost, or a query in a loop: see N+1 below."
                ),
            ),
            (
                "p95",
                _P95,
                (
                    "What the more laborious requests ask. Far above p50: the number grows with the data - one query"
                    " for each row. Exact up to 6 queries and at every budget; above that, its bucket's upper edge."
                ),
            ),
        )
    )


def _routes(service: Service, queries: Distribution, limits: Limits) -> Panel:
    by = service.by_route
    headers = {service.series.method: "Method", service.series.route: "Route"}
    mean = f"{queries.total(*by)} / ({queries.count(*by)} > 0)"
    budget: tuple[Query, ...] = ()
    if limits.limits:
        budget = (
            Query(expr=limits.by_route(*by), column=Column(header="Budget", unit="none")),
            Query(
                expr=f"1 - ({limits.kept(*by)})",
                column=Column(header="Over budget", unit="percentunit", levels=_OVER),
            ),
        )
    return Panel(
        title="Routes against their budgets",
        description="Every route's queries, and the share of its requests that made more than its budget allows. Above"
        " zero, open the traces kept for `budget`: the spans show which statement came twice.",
        kind="table",
        unit="none",
        width=24,
        height=9,
        labels=tuple(Label(label, headers[label]) for label in by),
        sort="Mean",
        queries=(
            Query(expr=mean, column=Column(header="Mean", unit="none")),
            Query(expr=_whole(queries, _P50, *by), column=Column(header="p50", unit="none")),
            Query(expr=_whole(queries, _P95, *by), column=Column(header="p95", unit="none")),
            *budget,
        ),
        links=(
            Link(
                field="Route",
                title="This route alone",
                board="tailgate-queries",
                variable="route",
            ),
        ),
    )


def _n_plus_one(service: Service) -> tuple[Panel, ...]:
    counter = select(f"{names.N_PLUS_ONE}_total", *service.process(), f'{names.LABEL_ROUTE}=~"$route"')
    route = ", ".join(service.by_route)
    attributes = (names.ATTR_ROUTE, names.ATTR_N_PLUS_ONE, names.ATTR_N_PLUS_ONE_COUNT, names.ATTR_N_PLUS_ONE_SITE)
    return (
        Panel(
            title="Requests with an N+1",
            description="Requests, of the time shown, that repeated one statement again and again. Zero is right."
            " Ask for all rows at once: a join, or `where id = any($1)`.",
            kind="table",
            unit="short",
            width=9,
            labels=(Label(names.LABEL_METHOD, "Method"), Label(names.LABEL_ROUTE, "Route")),
            sort="Requests",
            queries=(
                Query(
                    expr=f"sum by ({route}) (increase({counter}[{RANGE}]))",
                    column=Column(header="Requests", unit="short", levels=_FOUND),
                ),
            ),
        ),
        Panel(
            title="N+1: statement and place",
            description="Traces of such requests: the statement that was repeated, how often, and the line that sent"
            " it. Begin with the largest count, at that line. Empty while none is found, or without a Tempo.",
            kind="table",
            unit="short",
            width=15,
            queries=(
                Query(
                    expr=f'{{ span.{names.ATTR_N_PLUS_ONE} != "" }} | select('
                    + ", ".join(f"span.{name}" for name in attributes)
                    + ")",
                    language="traceql",
                    empty="no N+1 was found",
                ),
            ),
        ),
    )


def _share(service: Service) -> Panel:
    by = service.by_route
    return Panel(
        title="Database's share of the time, by route",
        description="How much of each route's time passes in the database. Close to 100 %: make the statements fewer or"
        " cheaper; close to 0 and slow all the same: it is the code, or the wait for a connection.",
        unit="percentunit",
        least=0,
        most=1,
        width=8,
        queries=(
            Query(
                expr=f"{service.database.total(*by)} / ({service.requests.total(*by)} > 0)",
                legend=service.route_legend,
            ),
        ),
    )


def _database(service: Service) -> Panel:
    return Panel(
        title="Database time per request: p95",
        description="How long requests of each route wait for the database, overlapping statements counted once. It"
        " rises for all routes: the database is busy - see its locks below; for one: its plan has changed.",
        unit="s",
        least=0,
        width=8,
        queries=(Query(expr=service.database.quantile(_P95, *service.by_route), legend=service.route_legend),),
    )


def _operations(service: Service) -> Panel:
    operations = Distribution(name=names.DB_OPERATION_DURATION, matchers=service.process())
    kind = names.LABEL_DB_OPERATION
    failed = operations.count(names.LABEL_ERROR_TYPE, matchers=(f'{names.LABEL_ERROR_TYPE}!=""',))
    return Panel(
        title="Statements: p95, and how many fail",
        description="How long statements take by what they do, and those per second that fail, by SQLSTATE: 40001 and"
        " 40P01 are conflicts and deadlocks to be tried again, 57014 a timeout, 53300 too many connections.",
        unit="s",
        least=0,
        width=8,
        queries=(
            Query(expr=operations.quantile(_P95, kind), legend=f"{{{{{kind}}}}}"),
            Query(
                expr=f"{failed} > 0",
                legend=f"{{{{{names.LABEL_ERROR_TYPE}}}}} failed, per second",
                empty="no statement fails",
            ),
        ),
    )


def _wait(service: Service) -> Panel:
    wait = Distribution(name=names.DB_POOL_WAIT, matchers=service.process())
    return Panel(
        title="Wait for a connection",
        description="How long requests wait until the pool has a connection for them. More than a millisecond or two:"
        " connections are held too long - across a call to somebody else, say - or the pool is too small.",
        unit="s",
        least=0,
        width=8,
        queries=tuple(
            Query(expr=wait.quantile(q, _POOL), legend=f"p{number(q * 100)} {{{{{_POOL}}}}}") for q in (_P50, _P95)
        ),
    )


def _use(service: Service) -> Panel:
    used = summed(service.of(names.DB_POOL_COUNT, equal(names.LABEL_POOL_STATE, names.POOL_USED)), _POOL)
    return Panel(
        title="Connections in use",
        description="The share of the connections a pool may open that are in use. At 100 % for long, requests queue"
        " for them: shorten transactions before making the pool larger, since Postgres has an end as well.",
        unit="percentunit",
        least=0,
        most=1,
        width=8,
        levels=(Level(color=Color.GOOD), Level(value=0.8, color=Color.WORSE), Level(value=1, color=Color.BAD)),
        queries=(Query(expr=f"{used} / {summed(service.of(names.DB_POOL_MAX), _POOL)}", legend=f"{{{{{_POOL}}}}}"),),
    )


def _pending(service: Service) -> Panel:
    return Panel(
        title="Requests without a connection",
        description="Requests that wait for a connection at this moment. Zero most of the time; a plateau is a pool"
        " that is at its end.",
        unit="short",
        least=0,
        width=8,
        levels=(Level(color=Color.GOOD), Level(value=1, color=Color.WORSE), Level(value=10, color=Color.BAD)),
        queries=(Query(expr=summed(service.of(names.DB_POOL_PENDING), _POOL), legend=f"{{{{{_POOL}}}}}"),),
    )


def _postgres(service: Service) -> tuple[Panel, ...]:
    # Every process of the service says the same of the one database that they share.
    sessions = largest(service.of(names.POSTGRES_SESSIONS), names.LABEL_WAIT)
    locks = largest(service.of(names.POSTGRES_LOCKS), names.LABEL_LOCK_MODE, names.LABEL_LOCK_STATE)
    waiting = largest(service.of(names.POSTGRES_LOCK_WAIT))
    return (
        Panel(
            title="What sessions wait for",
            description="The service's sessions at work, by what Postgres says they wait for. `running` is the"
            " processor itself; Lock: another transaction, see beside; LWLock, IO: memory or disk; Client: the"
            " application holds a transaction open and does something else meanwhile.",
            unit="short",
            least=0,
            width=8,
            stacked=True,
            queries=(Query(expr=sessions, legend=f"{{{{{names.LABEL_WAIT}}}}}"),),
        ),
        Panel(
            title="Locks",
            description="Locks held and waited for, by mode. Many held is work; any that is waited for is a queue"
            " behind one transaction. AccessExclusiveLock is a change of the schema: it stops everybody.",
            unit="short",
            least=0,
            width=8,
            queries=(Query(expr=locks, legend=f"{{{{{names.LABEL_LOCK_MODE}}}}} {{{{{names.LABEL_LOCK_STATE}}}}}"),),
        ),
        Panel(
            title="Longest wait for a lock",
            description="How long the session waits that has waited longest for a lock. Seconds of it are a transaction"
            " left open: find it in `pg_stat_activity` by `pg_blocking_pids`, and end it.",
            unit="s",
            least=0,
            width=8,
            levels=(Level(color=Color.GOOD), Level(value=0.1, color=Color.WORSE), Level(value=1, color=Color.BAD)),
            queries=(Query(expr=waiting, legend="longest"),),
        ),
    )
