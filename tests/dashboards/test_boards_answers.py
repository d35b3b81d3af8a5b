"""Every query of every panel has an answer where there is something to tell, also those that are empty in good times.

`promtool` evaluates them on an hour of series: a shop that fails, repeats a statement and burns its budget, while two
load tests run one after another.
"""

import re
import subprocess
from dataclasses import replace

import pytest
import yaml
from tailgate_dashboards.boards.asked import Asked, every_query
from tailgate_dashboards.boards.catalog import boards_of
from tailgate_dashboards.series import equal
from tailgate_otel import names

from tests.dashboards.servers import PROMTOOL, needs_prometheus

MINUTES = 60
ROUTE = {names.LABEL_METHOD: "GET", names.LABEL_ROUTE: "/orders/{id}"}
SHOP = {"job": "shop", "instance": "a:1"}
LOAD = {"job": "load", "instance": "b:1"}
SLO = {"sloth_id": "tailgate-shop-orders-p95", "sloth_service": "shop", "sloth_slo": "orders-p95"}
# What a reader chooses: the second run, and the first, which began half an hour earlier, laid over it.
CHOSEN = {"__rate_interval": "5m", "__range": "1h", "run": "second", "base": "first", "shift": "1800"}

GROWING = f"0+60x{MINUTES}"
FIRST, SECOND = f"1x25 _x{MINUTES - 26}", f"_x30 1x{MINUTES - 31}"


def series(name: str, values: str, **labels: str) -> dict[str, str]:
    matchers = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return {"series": f"{name}{{{matchers}}}", "values": values}


def histogram(name: str, *edges: str, **labels: str) -> list[dict[str, str]]:
    """Sixty events a minute: half up to the first edge, a quarter above the second, a twentieth above the third."""
    counts = (30, 45, 57)[: len(edges)]
    found = [
        series(f"{name}_bucket", f"0+{count}x{MINUTES}", le=edge, **labels)
        for edge, count in zip(edges, counts, strict=True)
    ]
    whole = [(f"{name}_bucket", {"le": "+Inf"}), (f"{name}_count", {}), (f"{name}_sum", {})]
    return found + [series(each, GROWING, **extra, **labels) for each, extra in whole]


def the_shop() -> list[dict[str, str]]:
    found = []
    for status in ("200", "500"):
        for traffic in ({}, {names.LABEL_SYNTHETIC: names.SYNTHETIC_TEST}):
            labels = {**SHOP, **ROUTE, names.LABEL_STATUS: status, **traffic}
            found += histogram(names.HTTP_SERVER_DURATION, "0.25", "1.0", **labels)
    found += histogram(names.QUERIES_PER_REQUEST, "4.0", "6.0", **SHOP, **ROUTE)
    found += histogram(names.DB_TIME_PER_REQUEST, "0.25", **SHOP, **ROUTE)
    found += histogram(names.DB_POOL_WAIT, "0.001", **SHOP, **{names.LABEL_POOL: "main"})
    for error in ("", "40001"):
        labels = {names.LABEL_DB_OPERATION: "SELECT", names.LABEL_ERROR_TYPE: error}
        found += histogram(names.DB_OPERATION_DURATION, "0.25", **SHOP, **labels)
    pool = {**SHOP, names.LABEL_POOL: "main"}
    counters = {names.N_PLUS_ONE: ROUTE, names.TRACES_KEPT: {names.LABEL_REASON: "slow"}, names.TRACES_OVER_CAP: {}}
    found += [series(f"{name}_total", GROWING, **SHOP, **labels) for name, labels in counters.items()]
    gauges = [
        (names.HTTP_SERVER_ACTIVE, {names.LABEL_METHOD: "GET"}),
        ("process_resident_memory_bytes", {}),
        (names.POSTGRES_SESSIONS, {names.LABEL_WAIT: "Lock"}),
        (names.POSTGRES_LOCKS, {names.LABEL_LOCK_MODE: "ExclusiveLock", names.LABEL_LOCK_STATE: "held"}),
        (names.POSTGRES_LOCK_WAIT, {}),
    ]
    found += [series(name, f"1x{MINUTES}", **SHOP, **labels) for name, labels in gauges]
    found += [series(name, f"1x{MINUTES}", **pool) for name in (names.DB_POOL_MAX, names.DB_POOL_PENDING)]
    found.append(series(names.DB_POOL_COUNT, f"1x{MINUTES}", **pool, **{names.LABEL_POOL_STATE: names.POOL_USED}))
    found.append(series("process_cpu_seconds_total", GROWING, **SHOP))
    return found


def its_pages() -> list[dict[str, str]]:
    page = {**SHOP, names.LABEL_PAGE: "/inbox", names.LABEL_DEVICE: "phone"}
    edges = {
        names.WEB_VITAL_LCP: ("2.5", "4.0", "8.0"),
        names.WEB_VITAL_INP: ("0.2", "0.5", "1.0"),
        names.WEB_VITAL_CLS: ("0.1", "0.25", "0.5"),
        names.WEB_VITAL_FCP: ("1.8", "3.0", "6.0"),
        names.WEB_VITAL_TTFB: ("0.8", "1.8", "3.6"),
    }
    found = [each for name, cuts in edges.items() for each in histogram(name, *cuts, **page)]
    found += histogram(names.PAGE_TIMING, "1.0", "2.0", **page, **{names.LABEL_TIMING: "list_shown"})
    found.append(series(f"{names.PAGE_VIEWS}_total", GROWING, **page, **{names.LABEL_NAVIGATION: "navigate"}))
    missing = {**page, names.LABEL_MEASURE: "inp"}
    found.append(series(f"{names.WEB_VITAL_MISSING}_total", f"0+15x{MINUTES}", **missing))
    found.append(series(f"{names.BEACONS_REFUSED}_total", GROWING, **SHOP, **{names.LABEL_REASON: "form"}))
    return found


def its_objectives() -> list[dict[str, str]]:
    recorded = {
        f"{names.SLI_ERROR_RATIO}5m": "0.2",
        f"{names.SLI_ERROR_RATIO}1h": "0.2",
        names.SLO_OBJECTIVE: "0.95",
        names.SLO_ERROR_BUDGET: "0.05",
        names.SLO_PERIOD_DAYS: "30",
        names.SLO_BUDGET_REMAINING: "0.5",
        names.SLO_INFO: "1",
    }
    alert = {**SLO, "alertname": names.ALERT_BURN, names.LABEL_SLO_SEVERITY: "page"}
    return [
        *(series(name, f"{value}x{MINUTES}", **SLO) for name, value in recorded.items()),
        series("ALERTS", f"1x{MINUTES}", **alert, alertstate="firing"),
        series("ALERTS_FOR_STATE", f"1x{MINUTES}", **alert),
    ]


def the_runs() -> list[dict[str, str]]:
    told = {names.LABEL_PROFILE: "load", names.LABEL_HOST: "http://shop", names.LABEL_VERSION: "1"}
    found = []
    for run, values, start in (("first", FIRST, "0"), ("second", SECOND, "1800")):
        found.append(series(names.RUN_INFO, values, run_id=run, **LOAD, **told))
        found.append(series(names.RUN_START, values.replace("1x", f"{start}x"), run_id=run, **LOAD))
    for name in (names.LOAD_RESPONSE_TIME, names.LOAD_SERVICE_TIME):
        found += histogram(name, "0.25", "1.0", **LOAD, **ROUTE)
    for name in (names.LOAD_FAILED, names.LOAD_CENSORED):
        found.append(series(f"{name}_total", GROWING, **LOAD, **ROUTE))
    for name in (names.LOAD_PLANNED, names.LOAD_STARTED, names.LOAD_COMPLETED):
        found.append(series(f"{name}_total", GROWING, **LOAD))
    for name in (names.LOAD_WAITING, names.LOAD_USERS, names.LOAD_LAG):
        found.append(series(name, f"1x{MINUTES}", **LOAD))
    found.append(series(names.LOAD_RECENT, f"1x{MINUTES}", **LOAD, **{names.LABEL_PERCENTILE: "95"}))
    found.append(series(names.LOAD_OBJECTIVE_STATE, f"1x{MINUTES}", **LOAD, **{names.LABEL_OBJECTIVE: "orders-p95"}))
    return found


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Evaluates expressions at the hour's end, each to one number with these labels; what promtool says against it."""

    def ask(numbers: dict[str, float], *without: str, labels: str = "{}") -> str:
        inputs = [*the_shop(), *its_pages(), *its_objectives(), *the_runs()]
        path = tmp_path_factory.mktemp("answers") / "test.yaml"
        tests = [
            {"expr": expr, "eval_time": f"{MINUTES - 1}m", "exp_samples": [{"labels": labels, "value": value}]}
            for expr, value in numbers.items()
        ]
        kept = [each for each in inputs if not each["series"].startswith(without)]
        suite = {
            "evaluation_interval": "1m",
            "tests": [{"interval": "1m", "input_series": kept, "promql_expr_test": tests}],
        }
        path.write_text(yaml.safe_dump(suite, width=1_000_000))
        done = subprocess.run(
            [PROMTOOL, "test", "rules", path], capture_output=True, text=True, timeout=120, check=False
        )
        return "" if done.returncode == 0 else done.stdout + done.stderr

    return ask


def queries(shop) -> list[Asked]:
    return [each for board in boards_of(shop) for each in every_query(board) if each.language == "promql"]


def there_is_an_answer(each: Asked) -> str:
    return f"count({each.resolved(CHOSEN)}) > bool 0"


@needs_prometheus
def test_every_query_has_an_answer_where_there_is_something_to_tell(shop, ask):
    asked = {there_is_an_answer(each): 1.0 for each in queries(shop)}
    assert len(asked) > 100
    assert ask(asked) == ""


@needs_prometheus
def test_what_is_marked_as_empty_is_the_only_thing_that_is_when_all_is_well(shop, ask):
    calm = (
        "ALERTS",
        names.SLI_ERROR_RATIO,
        names.SLO_BUDGET_REMAINING,
        "tailgate_load",
        "tailgate_run",
        "tailgate_web",
        "tailgate_page",
        "tailgate_beacons",
    )
    always = {there_is_an_answer(each): 1.0 for each in queries(shop) if not each.empty}
    assert len(always) > 40
    assert ask(always, *calm) == ""


SAID = {
    ("tailgate-objectives", "Pages firing", "A"): 1,
    ("tailgate-objectives", "Burn rate", "A"): 0.2 / 0.05,
    # Half of a month's budget, at four times the speed that spends it by the month's end.
    ("tailgate-objectives", "Time to exhaustion", "A"): 0.5 * 30 * 86_400 / 4,
    ("tailgate-api", "Failed", "A"): 1 / 2,
    # Two kinds of traffic and two statuses, one a second each.
    ("tailgate-api", "Requests", "A"): 4,
    # A quarter is above the last edge, 1 s, which is then all that is known; 0.25 s are allowed.
    ("tailgate-api", "p95 as a share of its objective", "A"): 1 / 0.25,
    ("tailgate-api", "p95 by route", "B"): 0.25,
    ("tailgate-queries", "Queries per request: p50", "A"): 4,
    ("tailgate-queries", "Routes against their budgets", "D"): 4,
    ("tailgate-queries", "Routes against their budgets", "E"): 1 / 2,
    ("tailgate-queries", "Connections in use", "A"): 1,
    # The second edge, up to which three views in four are.
    ("tailgate-web-vitals", "LCP, p75", "A"): 4,
    ("tailgate-web-vitals", "INP, p75", "A"): 0.5,
    ("tailgate-web-vitals", "CLS, p75", "A"): 0.25,
    ("tailgate-web-vitals", "FCP, p75", "A"): 3,
    ("tailgate-web-vitals", "TTFB, p75", "A"): 1.8,
    ("tailgate-web-vitals", "LCP at p75, by page and device", "A"): 4,
    ("tailgate-web-vitals", "INP at p75, by page and device", "A"): 0.5,
    ("tailgate-web-vitals", "CLS at p75, by page and device", "A"): 0.25,
    ("tailgate-web-vitals", "FCP at p75, by page and device", "A"): 3,
    ("tailgate-web-vitals", "TTFB at p75, by page and device", "A"): 1.8,
    ("tailgate-web-vitals", "LCP: good, needs improvement, poor", "A"): 1 / 2,
    ("tailgate-web-vitals", "LCP: good, needs improvement, poor", "B"): 1 / 4,
    ("tailgate-web-vitals", "LCP: good, needs improvement, poor", "C"): 1 / 4,
    # A quarter of the views has no INP; half of the moments are within a second, a quarter beyond two.
    ("tailgate-web-vitals", "Views without a measure", "A"): 1 / 4,
    ("tailgate-web-vitals", "Timings at p75, by page and device", "A"): 2,
    ("tailgate-web-vitals", "Page views per minute", "A"): 60,
    ("tailgate-web-vitals", "Refused per minute, by reason", "A"): 60,
    ("tailgate-load-test", "Planned against actual arrivals", "A"): 1,
    ("tailgate-load-test", "Failed", "A"): 1 / 2,
    ("tailgate-load-test", "Arrivals of this run, and of the other", "B"): 1,
}


@needs_prometheus
@pytest.mark.parametrize(
    "board",
    [
        "tailgate-objectives",
        "tailgate-api",
        "tailgate-queries",
        pytest.param("tailgate-web-vitals", marks=pytest.mark.row("A1")),
        "tailgate-load-test",
    ],
)
def test_panels_say_what_the_series_say(shop, ask, board):
    found = {(each.board, each.place, each.letter): each.resolved(CHOSEN) for each in queries(shop)}
    said = {f"abs(max({found[key]}) - {value}) < bool 1e-6": 1.0 for key, value in SAID.items() if key[0] == board}
    assert said
    assert ask(said) == ""


@needs_prometheus
def test_the_shift_between_two_runs_is_what_lies_between_their_beginnings(shop, ask):
    [shift] = [each for each in queries(shop) if each.place == "Shift"]
    assert ask({shift.resolved(CHOSEN): 1800.0}) == ""
    # PromQL has no offset of nothing.
    assert ask({shift.resolved({**CHOSEN, "base": "second"}): 1.0}) == ""
    assert ask({shift.resolved({**CHOSEN, "run": "first", "base": "second"}): -1800.0}) == ""


@needs_prometheus
@pytest.mark.parametrize("route", ["/orders/{id}", '/a"b\\d$run/${job}/$$/[[route]]/$1|.*', "/söder\nström"])
def test_an_objective_leads_to_its_route_whatever_that_is_called(shop, ask, route):
    slos = tuple(
        replace(slo, measure=replace(slo.measure, route=f"GET {route}"))
        for slo in shop.slos
        if slo.name == "orders-p95"
    )
    found = [each for each in queries(replace(shop, slos=slos)) if each.place == "All objectives"]
    assert not re.search(r"\$(?!service|slo)|\[\[", found[0].expr)
    told = {f"max by (route) ({found[0].resolved(CHOSEN)})": 1.0}
    assert ask(told, labels=f"{{{equal('route', route)}}}") == ""
