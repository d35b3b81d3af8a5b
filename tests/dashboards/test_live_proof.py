"""What boards, rules and alerts say of a service under load, on a real Prometheus: all of it, and what the runs say."""

import json
import math
import shutil
import urllib.request
from bisect import bisect_left
from collections.abc import Iterator
from itertools import compress, pairwise
from pathlib import Path
from typing import Any

import pytest
import tailgate_slo
from tailgate_dashboards.boards import vitals
from tailgate_dashboards.boards.asked import every_query
from tailgate_dashboards.boards.catalog import boards_of
from tailgate_dashboards.rules import compile_rules
from tailgate_dashboards.series import equal, le, select
from tailgate_otel import names
from tailgate_slo import SLO, Objectives
from tailgate_slo.budget import alert_windows, error_budget

from tests.dashboards.live import CALLER, CHANGED, INBOX, MARKED, MEASURED, PACE, PAGED, SILENCED, Live, fires, living
from tests.dashboards.servers import Version, needs_alertmanager, needs_prometheus
from tests.tailgate.conftest import Command, objectives_in

pytestmark = [
    needs_prometheus,
    needs_alertmanager,
    pytest.mark.xdist_group("load"),
    pytest.mark.timeout(900),  # the first of them waits for all that there is to see
]

TEST = equal(names.LABEL_SYNTHETIC, names.SYNTHETIC_TEST)
BY_ROUTE = f"{names.LABEL_METHOD}, {names.LABEL_ROUTE}"
# All requests are answered here, and budgets that burn are spent; for these there is test_boards_answers.py.
NEVER = {"all are answered", "no objective burns"}
# The service hears of its end later than who ends it.
STREAM = "/api/live/events"
ENOUGH = 100
LATE = 10.0
"""Seconds that a busy machine may be late in working something out."""


@pytest.fixture(scope="module")
def live(version: Version, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with living(tmp_path_factory.mktemp("live"), version) as found:
        yield found


def route_of(labels: Any) -> str:
    return f"{labels[names.LABEL_METHOD]} {labels[names.LABEL_ROUTE]}"


def test_every_query_of_every_board_has_an_answer_but_those_that_say_when_they_have_none(live: Live) -> None:
    main, visitors = live.bundle("main").read_run(), live.bundle("visitors").read_run()
    # What somebody chooses who lays the second run over the first.
    chosen = {
        "__rate_interval": "5s",
        "__range": "5m",
        "run": visitors.id,
        "base": main.id,
        "shift": str(math.floor(visitors.began - main.began)),
    }
    asked = [each for board in boards_of(live.objectives) for each in every_query(board) if each.language == "promql"]
    assert len(asked) > 100
    # While each run was on, the one laid over the other, while somebody was paged, and while requests failed.
    over = visitors.began + main.seconds / 2
    moments = (live.failed, live.mended, main.began + main.seconds, over)
    answered = live.prometheus.query
    silent = [each for each in asked if not any(answered(each.resolved(chosen), at) for at in moments)]
    assert [each for each in silent if each.empty not in NEVER] == []


def test_every_rule_is_worked_out_and_what_is_to_be_recorded_is(live: Live) -> None:
    with urllib.request.urlopen(f"{live.prometheus.url}/api/v1/rules", timeout=60) as answer:
        groups = json.load(answer)["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert {(rule["health"], rule.get("lastError", "")) for rule in rules} == {("ok", "")}
    wanted = [rule for group in live.rules["groups"] for rule in group["rules"]]
    assert len(rules) == len(wanted)
    recorded = live.prometheus.series(select("", f'{names.LABEL_SLO_ID}!=""'), live.begun, live.ended)
    # What is worked out of one window keeps its name as a label.
    told = {frozenset(each.items()) - {(names.LABEL_SLO_WINDOW, each.get(names.LABEL_SLO_WINDOW))} for each in recorded}
    told |= {frozenset(each.items()) for each in recorded}
    recording = [{"__name__": rule["record"], **rule["labels"]} for rule in wanted if "record" in rule]
    assert [each for each in recording if frozenset(each.items()) not in told] == []
    # The other alerts have nothing to tell; test_promtool.py makes each kind of them fire.
    assert {each["alertname"] for each in recorded if "alertname" in each} == {names.ALERT_BURN}
    # How much of a day's window is known, and with it whether there is a ticket, depends on how long all of this took.
    assert {"page"} <= {each[names.LABEL_SEVERITY] for each in recorded if "alertname" in each} <= {"page", "ticket"}


def test_what_the_objectives_need_is_found_there(live: Live) -> None:
    done = Command(live.directory).here("slo", "check", "slo.yaml", "--prometheus", live.prometheus.url)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("moment", ["start", "end"])
def test_counters_are_those_of_the_bundle_to_the_request(live: Live, moment: str) -> None:
    server = json.loads((live.bundle("main").path / "server.json").read_text())[moment]
    metrics = [
        f"{name}_{part}"
        for name in (names.HTTP_SERVER_DURATION, names.QUERIES_PER_REQUEST, names.DB_TIME_PER_REQUEST)
        for part in ("count", "sum", "bucket")
    ]
    told = {
        (name, frozenset(labels.items())): value
        for name, labels, value in server["samples"]
        if name in metrics and labels.get(names.LABEL_SYNTHETIC) and labels[names.LABEL_ROUTE] != STREAM
    }
    # At the start nobody had loaded it yet.
    assert bool(told) == (moment == "end")
    at = server["at"] if moment == "start" else live.between
    added = {"__name__", names.LABEL_JOB, names.LABEL_INSTANCE}
    asked = select("", f'__name__=~"{"|".join(metrics)}"', TEST, f'{names.LABEL_ROUTE}!="{STREAM}"')
    scraped = {
        (sample.labels["__name__"], frozenset((k, v) for k, v in sample.labels.items() if k not in added)): sample.value
        for sample in live.prometheus.query(asked, at)
    }
    assert scraped == told


def test_queries_per_request_are_those_of_the_bundle_exactly(live: Live) -> None:
    total, count = (
        f"sum by ({BY_ROUTE}) ({select(f'{names.QUERIES_PER_REQUEST}_{part}', TEST)})" for part in ("sum", "count")
    )
    found = {route_of(each.labels): each.value for each in live.prometheus.query(f"{total} / {count}", live.between)}
    told = {each.route: each.queries for each in live.bundle("main").read_run().routes if each.route in found}
    # The bundle leaves the warm-up out, which changes nothing where all requests of a route ask as much.
    alike = {route: mean for route, mean in found.items() if route in told and mean.is_integer()}
    assert len(alike) > 5
    assert {route: told[route] for route in alike} == alike


def test_the_p95_is_that_of_the_bundle_within_a_bucket(live: Live) -> None:
    buckets = f"last_over_time({names.LOAD_RESPONSE_TIME}_bucket[1m])"
    quantile = f"histogram_quantile(0.95, sum by ({BY_ROUTE}, {names.LABEL_LE}) ({buckets}))"
    found = {route_of(each.labels): each.value for each in live.prometheus.query(quantile, live.between)}
    edges = sorted(
        float(edge) for edge in live.prometheus.label_values(names.LABEL_LE, f"{names.LOAD_RESPONSE_TIME}_bucket")
    )
    apart = {
        each.route: abs(bisect_left(edges, each.response.p95) - bisect_left(edges, found[each.route]))
        for each in live.bundle("main").read_run().routes
        # Of fewer, those of the last second, which nobody scraped, could change more.
        if each.response and each.requests >= ENOUGH
    }
    assert {CALLER, INBOX} <= apart.keys()
    assert max(apart.values()) <= 1, apart


@pytest.mark.parametrize("name", ["main", "visitors"])
def test_a_run_is_seen_from_its_beginning_to_its_end(live: Live, name: str) -> None:
    run = live.bundle(name).read_run()
    this = equal(names.LABEL_RUN_ID, run.id)
    (began,) = live.lines(select(names.RUN_START, this))
    (value,) = set(began.values)
    assert value == pytest.approx(run.began, abs=LATE)
    (seen,) = live.lines(select(names.RUN_INFO, this))
    assert run.began <= seen.times[0] <= seen.times[-1]
    assert seen.labels[names.LABEL_PROFILE] == name


def test_a_load_test_counts_in_no_objective_and_visitors_do(live: Live) -> None:
    events = select(names.SLI_EVENTS, equal(names.LABEL_SLO_ID, PAGED))
    (rate,) = live.lines(events)
    main = [value for at, value in zip(rate.times, rate.values, strict=True) if at <= live.between]
    assert main
    assert set(main) == {0}
    assert max(rate.values) > 0
    (tested,) = live.prometheus.query(
        f"sum({select(f'{names.HTTP_SERVER_DURATION}_count', equal(names.LABEL_ROUTE, CALLER.split()[1]), TEST)})",
        live.between,
    )
    assert tested.value > ENOUGH


@pytest.mark.row("A1")
def test_what_pages_report_counts_in_its_objectives_but_for_a_load_tests(live: Live) -> None:
    views = f"sum by ({names.LABEL_PAGE}) ({names.PAGE_VIEWS}_total)"
    before = {each.labels[names.LABEL_PAGE]: each.value for each in live.prometheus.query(views, live.between)}
    after = {each.labels[names.LABEL_PAGE]: each.value for each in live.prometheus.query(views, live.failed)}
    # The run before had managers, who leave a page as well.
    asked = select(f"{names.HTTP_SERVER_DURATION}_count", equal(names.LABEL_ROUTE, "/api/vitals"), TEST)
    assert live.prometheus.query(f"sum({asked}) > 0", live.between)
    assert before == dict.fromkeys(MARKED, 0)
    assert after.keys() == MARKED.keys()
    assert min(after.values()) > 0
    for slo in live.objectives.slos:
        if slo.measure and slo.measure.kind == "vital":
            own = equal(names.LABEL_SLO_NAME, slo.name), equal(names.LABEL_SOURCE, names.SOURCE_BEACON)
            (ratio,) = live.prometheus.query(select(f"{names.SLI_ERROR_RATIO}5m", *own), live.failed)
            assert ratio.value == 0


@pytest.mark.row("A1")
def test_the_p75_of_each_vital_is_what_pages_told(live: Live) -> None:
    shown = {each.place: each for each in every_query(vitals.board(live.objectives)) if each.letter == "A"}
    # Of desktops the visitors of the run tell as well.
    chosen = {"__rate_interval": "5m", "device": "phone"}
    for vital, value in MEASURED.items():
        asked = shown[f"{vital.upper()} at p75, by page and device"].resolved(chosen)
        answers = live.prometheus.query(asked, live.failed)
        found = {each.labels[names.LABEL_PAGE]: each.value for each in answers}
        assert found == pytest.approx(dict.fromkeys(MARKED, value), rel=0.15)  # more than from one edge to the next


def said_of(objectives: Objectives, edge: str) -> set[str]:
    """Where an edge is read: in the rules of an objective, and in the lines and shares of the boards."""
    rules = [rule for group in compile_rules(objectives)["groups"] for rule in group["rules"]]
    found = {f"rule {rule['record']}" for rule in rules if "record" in rule and f'le="{edge}"' in rule["expr"]}
    asked = [each for board in boards_of(objectives) for each in every_query(board)]
    return found | {f"panel {each.place}" for each in asked if f"* {edge}" in each.expr}


def test_one_threshold_moves_edge_rule_line_and_verdict(live: Live) -> None:
    before = said_of(tailgate_slo.load(tailgate_slo.reference_path()), CHANGED)
    after = said_of(live.objectives, CHANGED)
    assert before == set()
    assert {"rule slo:sli_error:ratio_rate5m", "panel p95 by route", "panel p95 as a share of its objective"} <= after
    # Of the service and of the load generator, there is the edge, and the rule that reads it has recorded.
    for name in (names.HTTP_SERVER_DURATION, names.LOAD_RESPONSE_TIME):
        bucket = select(f"{name}_bucket", equal(names.LABEL_ROUTE, INBOX.split()[1]), f'{names.LABEL_LE}="{CHANGED}"')
        assert live.lines(bucket)
    assert live.lines(select(f"{names.SLI_ERROR_RATIO}5m", equal(names.LABEL_SLO_ID, SILENCED.replace("p99", "p95"))))
    verdict = json.loads((live.bundle("main").path / "verdict.json").read_text())
    (finding,) = (each for each in verdict["objectives"] if each["name"] == "conversations-latency-p95")
    assert f"{finding['threshold']:g}" == CHANGED


@pytest.mark.parametrize(("threshold", "verdict"), [("60s", "pass"), ("10us", "fail")])
def test_the_same_run_is_judged_by_the_threshold_that_it_is_given(
    live: Live, tmp_path: Path, threshold: str, verdict: str
) -> None:
    bundle = shutil.copytree(live.bundle("main").path, tmp_path / "run")
    slo = objectives_in(tmp_path, ("inbox", "latency", INBOX, threshold, "0.95"))
    done = Command(tmp_path).here("gate", str(bundle), "--slo", slo, "--json")
    (finding,) = json.loads(done.stdout)["objectives"]
    assert finding["verdict"] == verdict, done.stderr


def objective(live: Live, slo: str) -> SLO:
    (found,) = (each for each in live.objectives.slos if slo.endswith(f"-{each.name}"))
    return found


def burning(live: Live, slo: str) -> str:
    """What there is while somebody is to be paged for an objective, as the workbook has it."""
    found, own = objective(live, slo), equal(names.LABEL_SLO_ID, slo)
    windows = {300: "5m", 1_800: "30m", 3_600: "1h", 21_600: "6h"}
    sides = {}
    for pair in alert_windows(found.period_days):
        for window in (pair.short, pair.long) if pair.severity == "page" else ():
            ratio = select(names.SLI_ERROR_RATIO + windows[window], own)
            limit = pair.factor * error_budget(found.target)
            sides[window] = f"max by ({names.LABEL_SLO_ID}) ({ratio}) > {limit:f}"
    return f"({sides[300]} and {sides[3_600]}) or ({sides[1_800]} and {sides[21_600]})"


def bad(live: Live, slo: str) -> list[float]:
    """The moments at which it had been scraped that more of the visitors' requests had missed an objective."""
    measure = objective(live, slo).measure
    assert measure
    assert measure.route
    assert measure.threshold
    route = (equal(names.LABEL_ROUTE, measure.route.split()[1]), equal(names.LABEL_SYNTHETIC, ""))
    every = f"sum({select(f'{names.HTTP_SERVER_DURATION}_count', *route)})"
    good = f"sum({select(f'{names.HTTP_SERVER_DURATION}_bucket', *route, le(measure.threshold))})"
    (counted,) = live.lines(f"{every} - {good}")
    more = [after > before for before, after in pairwise(counted.values)]
    return list(compress(counted.times[1:], more))


@pytest.mark.parametrize("slo", [PAGED, SILENCED])
def test_what_is_broken_for_real_pages_when_its_windows_say_so_and_no_longer(live: Live, slo: str) -> None:
    (each,), (alert,) = live.lines(burning(live, slo)), live.lines(fires(slo))
    due, firing, missed = (
        [at for at in times if live.broken <= at < live.failed] for times in (each.times, alert.times, bad(live, slo))
    )
    assert abs(firing[0] - due[0]) <= LATE
    assert abs(firing[-1] - due[-1]) <= LATE
    # An hour of nothing but bad events would be enough by far; and half an hour after the last, nothing is known of it.
    assert 0 <= firing[0] - missed[0] <= 3_600 / PACE
    assert firing[-1] - missed[-1] <= 1_800 / PACE + LATE


def test_who_is_paged_is_told_when_it_is_over(live: Live) -> None:
    told = [each.resolved for each in live.told_meanwhile if (each.slo, each.severity) == (PAGED, "page")]
    assert told[0] is False
    assert told[-1] is True


def test_nobody_is_paged_for_what_a_run_has_silenced(live: Live) -> None:
    silenced = {f"tailgate-reference-{name}" for name in ("conversations-latency-p95", "conversations-latency-p99")}
    assert live.states[SILENCED] == "suppressed"
    assert live.states[PAGED] == "active"
    assert {slo for slo, state in live.states.items() if state == "suppressed"} <= silenced
    assert live.lines(fires(SILENCED))
    assert [each for each in live.told_meanwhile if each.slo in silenced] == []
