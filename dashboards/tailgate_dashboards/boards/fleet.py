"""The table of all objectives."""

from decimal import Decimal

from tailgate_otel import names
from tailgate_slo import SLO, Measure, Objectives

from ..series import Series, select
from . import pages
from .panel import Color, Column, Label, Level, Link, Meaning, Panel, Query
from .promql import largest, literal, number, one_of
from .recorded import BY, CHOSEN, LEFT, STATES, UNASKED, burn, recorded, state, to_exhaustion

_ROUTE = "route"


def fleet(objectives: Objectives, series: Series) -> Panel:
    """Each objective with what it promises, its alert, and its budget."""
    return Panel(
        title="All objectives",
        description="Every objective, what burns fastest first. A burn rate of 1 spends exactly the budget by the"
        " period's end. A click on a route leads to the board API, which says whether it fails or is slow.",
        kind="table",
        unit="percentunit",
        width=24,
        height=10,
        labels=(
            Label(names.LABEL_SLO_SERVICE, "Service"),
            Label(
                names.LABEL_SLO_NAME,
                "Objective",
                tuple(Meaning(value=slo.name, text=_said(slo)) for slo in objectives.slos),
            ),
            Label(_ROUTE, "Route"),
        ),
        sort="Burn rate, 1 h",
        queries=(
            *_routes(objectives, series),
            Query(expr=state(), column=Column(header="Alert", unit="none", meanings=STATES)),
            Query(
                # When it became active, in seconds since 1970.
                expr=f"min by ({', '.join(BY)}) ({select('ALERTS_FOR_STATE', *CHOSEN)}) * 1000",
                column=Column(header="Since", unit="dateTimeFromNow"),
                empty="no alert fires",
            ),
            Query(expr=recorded(names.SLO_OBJECTIVE), column=Column(header="Target", unit="percentunit")),
            Query(
                expr=recorded(names.SLO_BUDGET_REMAINING),
                column=Column(header="Budget left", unit="percentunit", levels=LEFT),
                empty=UNASKED,
            ),
            Query(
                expr=burn("1h"),
                column=Column(
                    header="Burn rate, 1 h",
                    unit="none",
                    levels=(
                        Level(color=Color.GOOD),
                        Level(value=1, color=Color.WORSE),
                        Level(value=6, color=Color.BAD),
                    ),
                ),
                empty=UNASKED,
            ),
            Query(
                expr=to_exhaustion(),
                column=Column(header="Time to exhaustion", unit="s"),
                empty="no objective burns",
            ),
        ),
        links=(Link(field="Route", title="This route on the board API", board="tailgate-api", variable="route"),),
    )


def _routes(objectives: Objectives, series: Series) -> tuple[Query, ...]:
    """A query that brings each objective's route: what is recorded of it does not tell."""
    found: dict[str, set[str]] = {}
    for slo in objectives.slos:
        if slo.measure and slo.measure.route and slo.measure.kind != "vital":
            template = slo.measure.route.partition(" ")[2]
            found.setdefault(series.routes.get(slo.measure.route, template), set()).add(slo.name)
    told = [
        f"label_replace({largest(select(names.SLO_INFO, *CHOSEN, one_of(names.LABEL_SLO_NAME, slos)), *BY)},"
        f' "{_ROUTE}", {literal(route)}, "", "")'
        for route, slos in sorted(found.items())
    ]
    return (Query(expr=" or ".join(told)),) if told else ()


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
        "vital": f"{_reported(measure)} of {measure.route or 'all pages'} at most {_limit(measure)}",
    }[measure.kind]
    return f"{slo.name}: {promise}"


def _milliseconds(seconds: Decimal | None) -> str:
    return number((seconds or Decimal(0)) * 1000)


def _reported(measure: Measure) -> str:
    """What pages report, as people call it."""
    return measure.timing or (measure.vital or "").upper()


def _limit(measure: Measure) -> str:
    return pages.said(measure.vital, measure.threshold or Decimal(0))
