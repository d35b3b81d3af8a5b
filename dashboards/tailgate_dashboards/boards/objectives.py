"""The board *Objectives*: what burns, since when, where, and how much is left."""

from decimal import Decimal

from tailgate_otel import names
from tailgate_slo import Objectives
from tailgate_slo.budget import alert_windows

from ..series import select
from . import variables
from .fleet import fleet
from .panel import Board, Color, Level, Panel, Query, Row
from .promql import largest, number
from .recorded import BY, LEFT, LEGEND, STATES, UNASKED, burn, firing, recorded, state, to_exhaustion
from .service import Service

_ANY = (Level(color=Color.GOOD), Level(value=1, color=Color.BAD))
_ANY_TICKET = (Level(color=Color.GOOD), Level(value=1, color=Color.WORSE))


def board(objectives: Objectives, service: Service) -> Board:
    """The board over all objectives that Prometheus knows; those of the file are described by their measure."""
    periods = sorted({slo.period_days for slo in objectives.slos}) or [30]
    return Board(
        uid="tailgate-objectives",
        title="Objectives",
        description="Which objective burns, since when and how fast, and how much of its error budget is left.",
        variables=(
            variables.PROMETHEUS,
            *service.variables(),
            variables.SERVICE,
            variables.SLO,
            variables.RUN,
        ),
        since="now-6h",
        rows=(
            Row(title="Now", panels=(*_now(), fleet(objectives, service.series), _alerts())),
            Row(title="Error budget", panels=(_left(periods), _burn_rate(periods), _ratio(), _exhaustion())),
            Row(title="Where", panels=(_failed(service), _slow(service))),
        ),
    )


def _count(expr: str) -> str:
    return f"count({expr}) or vector(0)"


def _now() -> tuple[Panel, ...]:
    return (
        Panel(
            title="Pages firing",
            description="Objectives that burn fast enough to be looked at now. Open the runbook of each alert in the"
            " table of alerts below; the boards API and Queries say on which route and why.",
            kind="stat",
            unit="short",
            width=4,
            height=4,
            levels=_ANY,
            queries=(Query(expr=_count(largest(firing("page"), *BY))),),
        ),
        Panel(
            title="Tickets firing",
            description="Objectives that burn slowly, but would not last their period. Nobody need get up for them;"
            " they want a cause within days.",
            kind="stat",
            unit="short",
            width=4,
            height=4,
            levels=_ANY_TICKET,
            queries=(Query(expr=_count(largest(firing("ticket"), *BY))),),
        ),
        Panel(
            title="Budgets spent",
            description="Objectives that have missed their target over their whole period. Stop what is risky -"
            " releases, load tests - until the period has moved on.",
            kind="stat",
            unit="short",
            width=4,
            height=4,
            levels=_ANY,
            queries=(Query(expr=_count(f"{recorded(names.SLO_BUDGET_REMAINING)} < 0")),),
        ),
        Panel(
            title="Least budget left",
            description="What is left of the budget of the objective that has the least. Below a quarter, ask what may"
            " still be risked; below zero the target is missed.",
            kind="stat",
            unit="percentunit",
            width=4,
            height=4,
            levels=LEFT,
            queries=(Query(expr=f"min({recorded(names.SLO_BUDGET_REMAINING)})", empty=UNASKED),),
        ),
        Panel(
            title="Objectives",
            description="Objectives that are recorded. Fewer than the file names: the rules are not loaded, or a"
            " service tells nothing of itself; `tailgate slo check --prometheus` says which.",
            kind="stat",
            unit="short",
            width=4,
            height=4,
            levels=(Level(color=Color.BAD), Level(value=1, color=Color.PLAIN)),
            queries=(Query(expr=_count(recorded(names.SLO_INFO))),),
        ),
        Panel(
            title="Load tests running",
            description="Runs that put a load on just now. Its traffic is left out of the objectives; what it does to"
            " others is not. The board Load test shows it.",
            kind="stat",
            unit="short",
            width=4,
            height=4,
            levels=(Level(color=Color.QUIET), Level(value=1, color=Color.PLAIN)),
            queries=(Query(expr=_count(select(names.RUN_INFO, f'{names.LABEL_RUN_ID}=~"$run"'))),),
        ),
    )


def _alerts() -> Panel:
    return Panel(
        title="Alerts over time",
        description="When each objective paged or opened a ticket. An alert that begins with a blue region began with a"
        " load test; one that begins at a release began with it.",
        kind="states",
        unit="none",
        width=24,
        height=9,
        meanings=STATES,
        queries=(Query(expr=state(), legend=LEGEND),),
    )


def _left(periods: list[int]) -> Panel:
    days = periods[-1]
    return Panel(
        title=f"Budget left, burning down over {days} days",
        description="What was left of each error budget. A cliff is an incident, a slope a standing fault; where it"
        " comes back, the incident has left the rolling period. At zero the target is missed.",
        unit="percentunit",
        most=1,
        levels=LEFT,
        banded=True,
        since=f"{days}d",
        queries=(Query(expr=recorded(names.SLO_BUDGET_REMAINING), legend=LEGEND, empty=UNASKED),),
    )


def _burn_rate(periods: list[int]) -> Panel:
    windows = alert_windows(periods[-1])
    pages = sorted({round(window.factor, 2) for window in windows if window.severity == "page"})
    tickets = sorted({round(window.factor, 2) for window in windows if window.severity == "ticket"})
    return Panel(
        title="Burn rate",
        description="How fast each budget is spent, over an hour: 1 spends it by the period's end. Lines: at"
        f" {number(tickets[0])} a ticket is opened, at {number(pages[0])} somebody is paged, at {number(pages[-1])}"
        f" within the hour (periods of {periods[-1]} days). Above a line, look at the row Where.",
        unit="none",
        least=0,
        levels=(
            Level(color=Color.GOOD),
            Level(value=float(tickets[0]), color=Color.WORSE),
            Level(value=float(pages[0]), color=Color.BAD),
            *(Level(value=float(factor), color=Color.BAD) for factor in pages[1:]),
        ),
        queries=(Query(expr=burn("1h"), legend=LEGEND, empty=UNASKED),),
    )


def _ratio() -> Panel:
    return Panel(
        title="Bad events",
        description="The share of events in five minutes that were not good: too slow, failed, or over their budget of"
        " queries. It shows within minutes what the burn rate over an hour smooths.",
        unit="percentunit",
        least=0,
        queries=(Query(expr=recorded(f"{names.SLI_ERROR_RATIO}5m"), legend=LEGEND, empty=UNASKED),),
    )


def _exhaustion() -> Panel:
    return Panel(
        title="Time to exhaustion",
        description="How long the budget lasts if all goes on as in the last hour. Shorter than until somebody is"
        " back at work: act now. It is pessimistic where old incidents are about to leave the period.",
        unit="s",
        least=0,
        queries=(Query(expr=to_exhaustion(), legend=LEGEND, empty="no objective burns"),),
    )


def _failed(service: Service) -> Panel:
    return Panel(
        title="Failed requests by route",
        description="Answers with a status of 500 and more. One route: its own code or what"
        " only it needs; all routes: what they share - the database, the network, a release.",
        unit="reqps",
        least=0,
        queries=(
            Query(
                expr=f"{service.failed(*service.by_route)} > 0",
                legend=service.route_legend,
                empty="no request fails",
            ),
        ),
    )


def _slow(service: Service) -> Panel:
    return Panel(
        title="p95 by route",
        description="Which routes are slow. One that rose alone: its queries, on the board Queries; all that rose"
        " together: the processor, the pool of connections, or the database.",
        unit="s",
        least=0,
        queries=(
            Query(
                expr=service.requests.quantile(Decimal("0.95"), *service.by_route),
                legend=service.route_legend,
            ),
        ),
    )
