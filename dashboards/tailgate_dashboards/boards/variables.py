"""What a reader chooses on the boards. Links carry the choice from board to board, so each has one name on all."""

from tailgate_otel import names

from ..series import Series, equal, select
from .panel import Variable

# Named as Grafana's linter asks for it.
PROMETHEUS = Variable(
    name="prometheus_datasource", label="Prometheus data source", kind="datasource", query="prometheus"
)
TEMPO = Variable(name="tempo_datasource", label="Tempo data source", kind="datasource", query="tempo")

RUN = Variable(
    name="run",
    label="Run",
    query=f"label_values({names.RUN_INFO}, {names.LABEL_RUN_ID})",
    several=True,
    newest_first=True,
    empty="no load test ran in the time shown",
)
# One that the time shown may lie far away from.
BASE = Variable(
    name="base",
    label="Laid over by run",
    query=f"query_result(count by ({names.LABEL_RUN_ID}) (last_over_time({names.RUN_INFO}[30d])))",
    regex=f'/{names.LABEL_RUN_ID}="([^"]+)"/',
    newest_first=True,
    empty="no load test ran in the last month",
)
# Whole seconds from the beginning of the base to that of the newest chosen run, since the shift of a query is written
# into it. PromQL has no shift of 0.
SHIFT = Variable(
    name="shift",
    label="Shift",
    query=(
        "query_result("
        f'floor(max(max_over_time({names.RUN_START}{{{names.LABEL_RUN_ID}=~"$run"}}[30d]))'
        f' - max(max_over_time({names.RUN_START}{{{names.LABEL_RUN_ID}=~"$base"}}[30d]))) != 0'
        " or vector(1))"
    ),
    regex="/} (-?[0-9]+) /",
    hidden=True,
    first="1",
)
SERVICE = Variable(
    name="service", label="Service", query=f"label_values({names.SLO_INFO}, {names.LABEL_SLO_SERVICE})", several=True
)
SLO = Variable(
    name="slo",
    label="Objective",
    query=f'label_values({names.SLO_INFO}{{{names.LABEL_SLO_SERVICE}=~"$service"}}, {names.LABEL_SLO_NAME})',
    several=True,
)
# Told by the User-Agent: `()` matches those who do not say that they are a load test.
TRAFFIC = Variable(
    name="traffic",
    label="Traffic",
    kind="choice",
    choices=(("all", ".*"), ("users", "()"), ("load tests", names.SYNTHETIC_TEST)),
)


def job(series: Series) -> Variable:
    """The jobs that the service's series come from."""
    return _values("job", "Job", series, series.job)


def instance(series: Series) -> Variable:
    """The instances of the chosen jobs."""
    return _values("instance", "Instance", series, names.LABEL_INSTANCE, f'{series.job}=~"$job"')


def route(series: Series) -> Variable:
    """The routes of the chosen jobs."""
    return _values("route", "Route", series, series.route, f'{series.job}=~"$job"')


def _values(name: str, heading: str, series: Series, label: str, *matchers: str) -> Variable:
    counted = series.duration if series.native else f"{series.duration}_count"
    found = select(counted, *matchers, *(equal(*pair) for pair in series.match.items()))
    return Variable(name=name, label=heading, query=f"label_values({found}, {label})", several=True)
