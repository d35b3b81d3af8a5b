"""The board *Objectives*: what burns, since when, where, and how much is left."""

from decimal import Decimal

from tailgate_otel import names
from tailgate_slo import SLO, Objectives
from tailgate_slo.budget import alert_windows

from ..series import select
from . import variables
from .panel import Board, Color, Column, Level, Link, Meaning, Panel, Query, Row
from .promql import largest, number
from .service import Service

_BY = (names.LABEL_SLO_SERVICE, names.LABEL_SLO_NAME)
_CHOSEN = (f'{names.LABEL_SLO_SERVICE}=~"$service"', f'{names.LABEL_SLO_NAME}=~"$slo"')
_LEGEND = f"{{{{{names.LABEL_SLO_NAME}}}}}"
_DAY = 86_400

_CALM, _TICKET, _PAGE = "0", "1", "2"
_STATES = (
    Meaning(value=_CALM, text="calm", color=Color.GOOD),
    Meaning(value=_TICKET, text="ticket", color=Color.WORSE),
    Meaning(value=_PAGE, text="page", color=Color.BAD),
)
_LEFT = (Level(color=Color.BAD), Level(value=0, color=Color.WORSE), Level(value=0.25, color=Color.GOOD))
# Load tests are left out of the objectives.
_UNASKED = "nobody but load tests has asked for anything"
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
            Row(title="Now", panels=(*_now(), _fleet(objectives), _alerts())),
            Row(title="Error budget", panels=(_left(periods), _burn_rate(periods), _ratio(), _exhaustion())),
            Row(title="Where", panels=(_failed(service), _slow(service))),
        ),
    )


def _recorded(metric: str) -> str:
    """A recorded measure of each chosen objective."""
    return largest(select(metric, *_CHOSEN), *_BY)


def _firing(severity: str) -> str:
    return select("ALERTS", 'alertstate="firing"', f'{names.LABEL_SLO_SEVERITY}="{severity}"', *_CHOSEN)


def _count(expr: str) -> str:
    return f"count({expr}) or vector(0)"


def _burn(window: str) -> str:
    return f"{_recorded(names.SLI_ERROR_RATIO + window)} / {_recorded(names.SLO_ERROR_BUDGET)}"


def _to_exhaustion() -> str:
    left = f"({_recorded(names.SLO_BUDGET_REMAINING)} > 0)"
    return f"{left} * {_recorded(names.SLO_PERIOD_DAYS)} * {_DAY} / ({_burn('1h')} > 0)"


def _state() -> str:
    return (
        f"{largest(_firing('page'), *_BY)} * {_PAGE}"
        f" or {largest(_firing('ticket'), *_BY)} * {_TICKET}"
        f" or {_recorded(names.SLO_INFO)} * {_CALM}"
    )


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
            queries=(Query(expr=_count(largest(_firing("page"), *_BY))),),
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
            queries=(Query(expr=_count(largest(_firing("ticket"), *_BY))),),
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
            queries=(Query(expr=_count(f"{_recorded(names.SLO_BUDGET_REMAINING)} < 0")),),
        ),
        Panel(
            title="Least budget left",
            description="What is left of the budget of the objective that has the least. Below a quarter, ask what may"
            " still be risked; below zero the target is missed.",
            kind="stat",
            unit="percentunit",
            width=4,
            height=4,
            levels=_LEFT,
            queries=(Query(expr=f"min({_recorded(names.SLO_BUDGET_REMAINING)})", empty=_UNASKED),),
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
            queries=(Query(expr=_count(_recorded(names.SLO_INFO))),),
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


def _fleet(objectives: Objectives) -> Panel:
    return Panel(
        title="All objectives",
        description="Every objective, what burns fastest first. A burn rate of 1 spends exactly the budget by the"
        " period's end. A click on one that burns leads to the board API, which says which route is slow or fails.",
        kind="table",
        unit="percentunit",
        width=24,
        height=10,
        labels=((names.LABEL_SLO_SERVICE, "Service"), (names.LABEL_SLO_NAME, "Objective")),
        label_meanings=tuple(Meaning(value=slo.name, text=_said(slo)) for slo in objectives.slos),
        sort="Burn rate, 1 h",
        queries=(
            Query(expr=_state(), column=Column(header="Alert", unit="none", meanings=_STATES)),
            Query(
                # When it became active, in seconds since 1970.
                expr=f"min by ({', '.join(_BY)}) ({select('ALERTS_FOR_STATE', *_CHOSEN)}) * 1000",
                column=Column(header="Since", unit="dateTimeFromNow"),
                empty="no alert fires",
            ),
            Query(expr=_recorded(names.SLO_OBJECTIVE), column=Column(header="Target", unit="percentunit")),
            Query(
                expr=_recorded(names.SLO_BUDGET_REMAINING),
                column=Column(header="Budget left", unit="percentunit", levels=_LEFT),
                empty=_UNASKED,
            ),
            Query(
                expr=_burn("1h"),
                column=Column(
                    header="Burn rate, 1 h",
                    unit="none",
                    levels=(
                        Level(color=Color.GOOD),
                        Level(value=1, color=Color.WORSE),
                        Level(value=6, color=Color.BAD),
                    ),
                ),
                empty=_UNASKED,
            ),
            Query(
                expr=_to_exhaustion(),
                column=Column(header="Time to exhaustion", unit="s"),
                empty="no objective burns",
            ),
        ),
        links=(Link(field="Objective", title="Where: the board API", board="tailgate-api"),),
    )


def _said(slo: SLO) -> str:
    """An objective's name, and what it promises."""
    measure = slo.measure
    if measure is None:
        return slo.name
    where = measure.route or "all routes"
    promise = {
        "latency": f"{where} within {_milliseconds(measure.threshold)} ms",
        "queries": f"{where} by at most {measure.threshold} queries",
        "availability": f"{where} without an error",
        "vital": f"{(measure.vital or '').upper()} of {measure.route or 'all pages'} at most {measure.threshold}",
    }[measure.kind]
    return f"{slo.name}: {promise}"


def _milliseconds(seconds: Decimal | None) -> str:
    return number((seconds or Decimal(0)) * 1000)


def _alerts() -> Panel:
    return Panel(
        title="Alerts over time",
        description="When each objective paged or opened a ticket. An alert that begins with a blue region began with a"
        " load test; one that begins at a release began with it.",
        kind="states",
        unit="none",
        width=24,
        height=9,
        meanings=_STATES,
        queries=(Query(expr=_state(), legend=_LEGEND),),
    )


def _left(periods: list[int]) -> Panel:
    days = periods[-1]
    return Panel(
        title=f"Budget left, burning down over {days} days",
        description="What was left of each error budget. A cliff is an incident, a slope a standing fault; where it"
        " comes back, the incident has left the rolling period. At zero the target is missed.",
        unit="percentunit",
        most=1,
        levels=_LEFT,
        banded=True,
        since=f"{days}d",
        queries=(Query(expr=_recorded(names.SLO_BUDGET_REMAINING), legend=_LEGEND, empty=_UNASKED),),
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
        queries=(Query(expr=_burn("1h"), legend=_LEGEND, empty=_UNASKED),),
    )


def _ratio() -> Panel:
    return Panel(
        title="Bad events",
        description="The share of events in five minutes that were not good: too slow, failed, or over their budget of"
        " queries. It shows within minutes what the burn rate over an hour smooths.",
        unit="percentunit",
        least=0,
        queries=(Query(expr=_recorded(f"{names.SLI_ERROR_RATIO}5m"), legend=_LEGEND, empty=_UNASKED),),
    )


def _exhaustion() -> Panel:
    return Panel(
        title="Time to exhaustion",
        description="How long the budget lasts if all goes on as in the last hour. Shorter than until somebody is"
        " back at work: act now. It is pessimistic where old incidents are about to leave the period.",
        unit="s",
        least=0,
        queries=(Query(expr=_to_exhaustion(), legend=_LEGEND, empty="no objective burns"),),
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
