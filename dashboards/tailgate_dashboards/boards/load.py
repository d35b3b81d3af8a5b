"""The board *Load test*: what a run put on, what it saw, and how it compares with another."""

from decimal import Decimal

from tailgate_otel import names

from ..series import select
from . import variables
from .panel import Board, Color, Column, Label, Level, Meaning, Panel, Query, Row
from .promql import RATE, Distribution, during, largest, summed
from .runs import chosen_route, counted, of_run, response_time
from .service import Service

_P95 = Decimal("0.95")
_KEPT, _UNDECIDED, _MISSED = "1", "0", "-1"
_STATES = (
    Meaning(value=_KEPT, text="kept", color=Color.GOOD),
    Meaning(value=_UNDECIDED, text="undecided", color=Color.QUIET),
    Meaning(value=_MISSED, text="missed", color=Color.BAD),
)
_NO_RUN = "no load test is running"
_SHIFT = " offset ${shift}s"
_ROUTE = (names.LABEL_METHOD, names.LABEL_ROUTE)
_ROUTE_LEGEND = f"{{{{{names.LABEL_METHOD}}}}} {{{{{names.LABEL_ROUTE}}}}}"


def board(service: Service) -> Board:
    """The board of all runs that expose their measures; what the service saw of them is beside it."""
    return Board(
        uid=names.GRAFANA_LOAD_TEST_BOARD,
        title="Load test",
        description="What a load test put on and what it saw: planned against actual arrivals, and whether the"
        " generator kept up, before anything is concluded of the service.",
        variables=(
            variables.PROMETHEUS,
            *(each for each in service.variables() if each is not variables.TRAFFIC),
            variables.RUN,
            variables.BASE,
            variables.SHIFT,
        ),
        rows=(
            Row(title="The run", panels=(*_now(), _runs(), _verdict())),
            Row(title="Was the load as planned?", panels=(_arrivals(), _waiting(), _lag())),
            Row(title="What it saw", panels=(_recent(), _sides(service), _routes(service), _failures(service))),
            Row(title="Laid over another run", panels=_laid_over()),
        ),
    )


def _stat(title: str, description: str, unit: str, expr: str, levels: tuple[Level, ...]) -> Panel:
    return Panel(
        title=title,
        description=description,
        kind="stat",
        unit=unit,
        width=4,
        height=4,
        levels=levels,
        queries=(Query(expr=expr, empty=_NO_RUN),),
    )


def _now() -> tuple[Panel, ...]:
    plain = (Level(color=Color.PLAIN),)
    waiting = (Level(color=Color.GOOD), Level(value=1, color=Color.WORSE), Level(value=100, color=Color.BAD))
    failing = (Level(color=Color.GOOD), Level(value=0.001, color=Color.WORSE), Level(value=0.01, color=Color.BAD))
    seen = response_time("$run")
    failed = f"{counted(names.LOAD_FAILED)} / ({seen.count()} + {counted(names.LOAD_FAILED)})"
    return (
        _stat(
            "Arrivals begun",
            "Arrivals per second that the generator let go. Less than planned: see whether they wait for the service"
            " (Waiting) or for the generator (Lag).",
            "ops",
            counted(names.LOAD_STARTED),
            plain,
        ),
        _stat(
            "Waiting",
            "Arrivals that are due and have no user free. They count from when they were due: a line that grows means"
            " that the service does not keep up with the rate.",
            "short",
            summed(of_run(names.LOAD_WAITING)),
            waiting,
        ),
        _stat(
            "Users",
            "Users at once. At their bound with a healthy generator, it is the service that holds them all.",
            "short",
            summed(of_run(names.LOAD_USERS)),
            plain,
        ),
        _stat(
            "p95, response",
            "What 95 % of the judged requests of the last moments were answered within, from when they were due.",
            "s",
            seen.quantile(_P95),
            plain,
        ),
        _stat(
            "Failed",
            "The share of judged requests that failed. Past the profile's abort criteria the run ends itself.",
            "percentunit",
            failed,
            failing,
        ),
        _stat(
            "Worst lag",
            "The generator's worst lateness in the last second. Above a few milliseconds for long, the run will be"
            " inconclusive: give it more processes, or a machine of its own.",
            "s",
            largest(of_run(names.LOAD_LAG)),
            (Level(color=Color.GOOD), Level(value=0.01, color=Color.WORSE), Level(value=0.1, color=Color.BAD)),
        ),
    )


def _runs() -> Panel:
    return Panel(
        title="Runs",
        description="The runs of the time shown: what they loaded, with which profile, and when each was last seen. One"
        " that is missing was not scraped: give `run` a --metrics-port, and Prometheus its address.",
        kind="table",
        unit="dateTimeAsIso",
        height=7,
        labels=(
            Label(names.LABEL_RUN_ID, "Run"),
            Label(names.LABEL_PROFILE, "Profile"),
            Label(names.LABEL_HOST, "Host"),
            Label(names.LABEL_VERSION, "Version"),
        ),
        sort="Begun",
        queries=(
            Query(
                expr=_began(names.LABEL_RUN_ID, names.LABEL_PROFILE, names.LABEL_HOST, names.LABEL_VERSION),
                column=Column(header="Begun", unit="dateTimeAsIso"),
                empty=_NO_RUN,
            ),
        ),
    )


def _began(*labels: str) -> str:
    run = f'{names.LABEL_RUN_ID}=~"$run"'
    start = largest(f"last_over_time({select(names.RUN_START, run)}[$__range])", names.LABEL_RUN_ID)
    info = f"group by ({', '.join(labels)}) (last_over_time({select(names.RUN_INFO, run)}[$__range]))"
    return f"{info} * on ({names.LABEL_RUN_ID}) group_left () {start} * 1000"


def _verdict() -> Panel:
    return Panel(
        title="Objectives, so far",
        description="What the requests so far say of each objective. It is not the verdict, which is the judge's"
        " when the run has ended, stands in its bundle, and is written into the run's region. Missed early in a"
        " spike may still be kept.",
        kind="states",
        unit="none",
        height=7,
        meanings=_STATES,
        queries=(
            Query(
                expr=largest(of_run(names.LOAD_OBJECTIVE_STATE), names.LABEL_OBJECTIVE),
                legend=f"{{{{{names.LABEL_OBJECTIVE}}}}}",
                empty="no load test with objectives is running",
            ),
        ),
    )


def _arrivals() -> Panel:
    return Panel(
        title="Planned against actual arrivals",
        description="The three lie on each other when all is well. Begun below planned: arrivals wait, or the generator"
        " is late. Ended below begun: the service falls behind.",
        unit="ops",
        least=0,
        width=8,
        queries=(
            Query(expr=counted(names.LOAD_PLANNED), legend="planned", line=True, empty=_NO_RUN),
            Query(expr=counted(names.LOAD_STARTED), legend="begun", empty=_NO_RUN),
            Query(expr=counted(names.LOAD_COMPLETED), legend="ended", empty=_NO_RUN),
        ),
    )


def _waiting() -> Panel:
    return Panel(
        title="Waiting arrivals and users",
        description="Arrivals that are due and wait for a user, and users at once. Users that climb are answers that"
        " take longer; arrivals that wait are past the bound of users, and counted from when they were due.",
        unit="short",
        least=0,
        width=8,
        queries=(
            Query(expr=summed(of_run(names.LOAD_WAITING)), legend="waiting", empty=_NO_RUN),
            Query(expr=summed(of_run(names.LOAD_USERS)), legend="users", empty=_NO_RUN),
        ),
    )


def _lag() -> Panel:
    return Panel(
        title="The generator's lag",
        description="How late the generator was at worst in each second. While it is late, nothing can be said of the"
        " service: the run is inconclusive, and names the number of processes that would do.",
        unit="s",
        least=0,
        width=8,
        queries=(Query(expr=largest(of_run(names.LOAD_LAG)), legend="lag", empty=_NO_RUN),),
    )


def _recent() -> Panel:
    percentile = names.LABEL_PERCENTILE
    return Panel(
        title="Response time, second by second",
        description="Percentiles of each second, with the age of what is still unanswered: a service that stalls"
        " shows at once, and not only when it answers again.",
        unit="s",
        least=0,
        queries=(
            Query(expr=largest(of_run(names.LOAD_RECENT), percentile), legend=f"p{{{{{percentile}}}}}", empty=_NO_RUN),
        ),
    )


def _sides(service: Service) -> Panel:
    seen = response_time("$run")
    service_time = Distribution(name=names.LOAD_SERVICE_TIME, given=during("$run"))
    return Panel(
        title="Response against service time: p95",
        description="Response time counts from when a request was due, service time from when it was sent, the server's"
        " from its first byte to its last. Response above service time: requests waited to be sent, as users would"
        " have. Service above the server's: they waited on the way, or in the service's accept queue.",
        unit="s",
        least=0,
        queries=(
            Query(expr=seen.quantile(_P95), legend="response", empty=_NO_RUN),
            Query(expr=service_time.quantile(_P95), legend="service", empty=_NO_RUN),
            Query(expr=service.tested.quantile(_P95), legend="server", empty=_NO_RUN),
        ),
    )


def _routes(service: Service) -> Panel:
    return Panel(
        title="Response time by route: p95",
        description="Which routes are slow, from when each request was due. All alike: the service as a whole is"
        " behind; one alone: open it on the boards API and Queries.",
        unit="s",
        least=0,
        queries=(
            Query(
                expr=response_time("$run", *chosen_route(service)).quantile(_P95, *_ROUTE),
                legend=_ROUTE_LEGEND,
                empty=_NO_RUN,
            ),
        ),
    )


def _failures(service: Service) -> Panel:
    def per_route(counter: str) -> str:
        return f"{counted(counter, *_ROUTE, matchers=chosen_route(service))} > 0"

    return Panel(
        title="Failed and unanswered requests",
        description="Judged requests that failed, and those without an answer when the drain ended; both count as"
        " bad. The report lists their errors by kind.",
        unit="reqps",
        least=0,
        queries=(
            Query(expr=per_route(names.LOAD_FAILED), legend=f"{_ROUTE_LEGEND} failed", empty="no request fails"),
            Query(expr=per_route(names.LOAD_CENSORED), legend=f"{_ROUTE_LEGEND} unanswered", empty="all are answered"),
        ),
    )


def _laid_over() -> tuple[Panel, ...]:
    this, other = response_time("$run"), response_time("$base", shift=_SHIFT)
    started = f"rate({names.LOAD_STARTED}_total[{RATE}]{_SHIFT})"
    none = "no other run was chosen"
    return (
        Panel(
            title="p95 of this run, and of the other",
            description="Choose one run, and the other to be laid over it; both begin at the same place. Where the"
            " lines part, the change may matter - or the machine was busy: lay over several before believing it.",
            unit="s",
            least=0,
            queries=(
                Query(expr=this.quantile(_P95), legend="this run", empty=_NO_RUN),
                Query(expr=other.quantile(_P95), legend="the other", line=True, empty=none),
            ),
        ),
        Panel(
            title="Arrivals of this run, and of the other",
            description="Whether the two were loaded alike: where these lines part, the ones beside them cannot be"
            " compared.",
            unit="ops",
            least=0,
            queries=(
                Query(expr=counted(names.LOAD_STARTED), legend="this run", empty=_NO_RUN),
                Query(expr=summed(started + during("$base", _SHIFT)), legend="the other", line=True, empty=none),
            ),
        ),
    )
