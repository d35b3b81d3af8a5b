"""Prometheus's own tool accepts the rules, and they alert when they should and only then."""

import dataclasses
from decimal import Decimal

import pytest
import yaml
from tailgate_dashboards.rules import compile_rules, render
from tailgate_slo import load, reference_path
from tailgate_slo.model import Alerting, Metrics, Overrides, Raw

from tests.dashboards.servers import needs_prometheus, promtool

pytestmark = needs_prometheus

ROUTE = 'http_request_method="GET",http_route="/orders/{id}"'
TEST = f'{ROUTE},user_agent_synthetic_type="test"'
LATENCY = "http_server_request_duration_seconds"
QUERIES = "tailgate_queries_per_request"
COUNT = f"{LATENCY}_count{{{ROUTE}}}"
P99 = f'{LATENCY}_bucket{{{ROUTE},le="1.0"}}'
HOUR = 60
DAY = 24 * HOUR


@pytest.fixture
def check(shop, version, tmp_path):
    """Evaluates expressions under the rules of some objectives: (minute, expression, value; None for no data).

    ``step`` is the minutes between evaluations, ``changed`` what the objectives have instead.
    """

    def check(names, series, *cases, step=1, metrics=None, alerts=(), without=None, **changed):
        slos = tuple(dataclasses.replace(slo, **changed) for slo in shop.slos if slo.name in names)
        objectives = dataclasses.replace(shop, slos=slos, metrics=metrics or shop.metrics)
        # Groups are evaluated in any order, and what one recorded is forgotten when the next step is far.
        rules = [rule for group in compile_rules(objectives)["groups"] for rule in group["rules"]]
        kept = [rule for rule in rules if without is None or rule["labels"].get("severity") != without]
        (tmp_path / "rules.yaml").write_text(render({"groups": [{"name": "all", "rules": kept}]}))
        expected = [
            {
                "expr": expr,
                "eval_time": f"{minute}m",
                "exp_samples": [] if value is None else [{"labels": "{}", "value": value}],
            }
            for minute, expr, value in cases
        ]
        inputs = [{"series": name, "values": values} for name, values in series.items()]
        test = {"interval": "1m", "input_series": inputs, "promql_expr_test": expected}
        if alerts:
            test["alert_rule_test"] = list(alerts)
        suite = {"rule_files": ["rules.yaml"], "evaluation_interval": f"{step}m", "tests": [test]}
        (tmp_path / "test.yaml").write_text(yaml.safe_dump(suite))
        promtool("test", "rules", "test.yaml", cwd=tmp_path, binary=version.promtool)

    return check


def firing(slo, severity):
    return f'count(ALERTS{{alertstate="firing",sloth_slo="{slo}",sloth_severity="{severity}"}})'


def ratio(slo, window, to=0.001):
    return f'round(max(slo:sli_error:ratio_rate{window}{{sloth_slo="{slo}"}}), {to})'


def absent(state):
    return f'count(ALERTS{{alertname="TailgateNoData",alertstate="{state}"}})'


@pytest.mark.parametrize("source", ["shop", "reference"])
def test_promtool_accepts_the_rules(source, shop, version, tmp_path):
    objectives = shop if source == "shop" else load(reference_path())
    (tmp_path / "rules.yaml").write_text(render(compile_rules(objectives)))
    promtool("check", "rules", "rules.yaml", cwd=tmp_path, binary=version.promtool)


def slow(share, *, good, minutes, after=0):
    """A hundred requests a minute: good ones, then some of each hundred slow, then good ones again."""
    kept, before = 100 - share, 100 * good
    end = before + kept * minutes
    return {
        COUNT: f"0+100x{good + minutes + after}",
        P99: f"0+100x{good} {before + kept}+{kept}x{minutes - 1}" + (f" {end + 100}+100x{after - 1}" if after else ""),
    }


@pytest.mark.parametrize(
    ("severity", "share", "period", "good", "silent", "fires", "over", "step"),
    [
        # A burn rate of 20 takes 43 minutes to be one of 14.4 over an hour, and is forgotten in five.
        pytest.param("page", 20, 30, 6 * HOUR, 40, 50, 10, 5, id="1h and 5m"),
        # One of 10 takes 3 h 36 min to be one of 6 over six hours.
        pytest.param("page", 10, 30, 6 * HOUR, 205, 230, 30, 5, id="6h and 30m"),
        # Of a week both tickets' factor is 1, which one of 5 takes 4 h 48 min to be over a day.
        pytest.param("ticket", 5, 7, DAY, 270, 310, 2 * HOUR, 10, id="1d and 2h"),
        # One of 2 takes 36 hours to be one of 1 over three days.
        pytest.param("ticket", 2, 30, 3 * DAY, 2130, 2190, 6 * HOUR, 30, id="3d and 6h"),
    ],
)
def test_each_pair_of_windows_fires_when_its_share_of_the_budget_is_spent_and_ends_with_the_short_one(
    check, severity, share, period, good, silent, fires, over, step
):
    cases = [
        (good + silent, firing("orders-p99", severity), None),
        (good + fires, firing("orders-p99", severity), 1),
        (good + fires + over, firing("orders-p99", severity), None),
    ]
    requests = slow(share, good=good, minutes=fires, after=over)
    check(["orders-p99"], requests, *cases, step=step, period_days=period)


def test_the_alert_says_which_pair_fired_what_is_left_of_the_budget_and_where_to_look(check):
    said = {
        "summary": "Orders, p99 (shop): the error budget burns too fast (page)",
        "description": (
            "Over 1h and 5m the error budget burns faster than 14.4 times what is allowed; over 1h the burn rate is "
            "20. Left of the error budget: 96.76%. Objective: 99 % good over 30 days. What a customer waits for; "
            "{{ braces }} stay as they are."
        ),
        "runbook_url": "https://wiki.example.org/orders",
        "dashboard_url": "https://grafana.example.org/d/api?var-route=/orders",
    }
    labels = {
        "sloth_id": "tailgate-shop-orders-p99",
        "sloth_service": "shop",
        "sloth_slo": "orders-p99",
        "sloth_severity": "page",
        "severity": "page",
    }
    fired = {"exp_labels": labels, "exp_annotations": said}
    check(
        ["orders-p99"],
        slow(20, good=6 * HOUR, minutes=70),
        step=5,
        without="ticket",
        alerts=[{"eval_time": "430m", "alertname": "TailgateErrorBudgetBurn", "exp_alerts": [fired]}],
    )


def test_a_service_that_keeps_its_objective_alerts_nobody(check):
    check(
        ["orders-p95", "orders-p99"],
        {
            COUNT: "0+1000x60",
            f'{LATENCY}_bucket{{{ROUTE},le="0.25"}}': "0+960x60",
            f'{LATENCY}_bucket{{{ROUTE},le="1"}}': "0+995x60",
        },
        (60, ratio("orders-p95", "1h"), 0.04),
        (60, ratio("orders-p99", "1h"), 0.005),
        (60, "count(ALERTS)", None),
        (60, 'round(max(slo:current_burn_rate:ratio{sloth_slo="orders-p95"}), 0.001)', 0.8),
        (60, 'round(max(slo:period_error_budget_remaining:ratio{sloth_slo="orders-p95"}), 0.0001)', 0.9989),
    )


def test_every_window_has_its_ratio_as_soon_as_there_are_two_scrapes(check):
    windows = ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d")
    seen = [(minute, ratio("orders-p99", window), 0.2) for minute in (3, 7) for window in windows]
    check(["orders-p99"], {COUNT: "_ _ 0+100x5", P99: "_ _ 0+80x5"}, *seen)


def test_what_burns_when_the_rules_are_loaded_is_no_ticket_before_a_tenth_of_the_budget_is_spent(check):
    # Nine times as fast as allowed, from the first minute on: 8 hours of it are a tenth of 30 days' budget.
    check(
        ["orders-p99"],
        {COUNT: "0+100x600", P99: "0+91x600"},
        (40, firing("orders-p99", "ticket"), None),
        (40, 'round(max(slo:sli_error:ratio_rate3d{sloth_slo="orders-p99"}), 0.001)', 0.09),
        (40, 'max(slo:period_error_budget_remaining:ratio{sloth_slo="orders-p99"}) > bool 0.98', 1),
        (470, firing("orders-p99", "ticket"), None),
        (485, firing("orders-p99", "ticket"), 1),
    )


def test_what_is_averaged_from_the_moment_it_is_recorded_pages_nobody_before_that_is_spent(check):
    # Twenty times as fast as allowed: 43 minutes of it are a fiftieth of 30 days' budget.
    check(
        ["queue"],
        {"errors:ratio": "0.2x90"},
        (30, firing("queue", "page"), None),
        (50, firing("queue", "page"), 1),
        query=Raw(query="errors:ratio", failure=True),
        target=Decimal("0.99"),
    )


def test_hours_in_which_nobody_recorded_anything_count_as_known(check):
    series = {COUNT: f"0+100x{DAY} _x{DAY} 0+100x{DAY}", P99: f"0+98x{DAY} _x{DAY} 0+98x{DAY}"}
    check(["orders-p99"], series, (3 * DAY, firing("orders-p99", "ticket"), 1), step=10)


def test_long_windows_weigh_every_event_the_same(check):
    # A busy hour of good requests, then two quiet ones of slow requests: one request in fifty was slow.
    series = {COUNT: "0+980x60 58800+10x120", P99: "0+980x60 58800+0x120"}
    seen = [(180, ratio("orders-p99", "1h"), 1)]
    for window in ("6h", "1d", "3d", "30d"):
        recorded = f'max(slo:sli_error:ratio_rate{window}{{sloth_slo="orders-p99"}})'
        seen += [(180, f"{recorded} < bool 0.022", 1), (180, f"{recorded} > bool 0.018", 1)]
    check(["orders-p99"], series, *seen, step=5)


def test_a_restart_of_the_service_is_no_error(check):
    series = {COUNT: "0+1000x60 0+1000x60", P99: "0+995x60 0+995x60"}
    check(
        ["orders-p99"],
        series,
        *(
            (minute, ratio("orders-p99", window), 0.005)
            for minute in (61, 62, 90)
            for window in ("5m", "1h", "1d", "30d")
        ),
        (62, "count(ALERTS)", None),
    )


LCP = "tailgate_web_vital_lcp_seconds"
VIEWS = f'{LCP}_count{{page="/inbox",device="phone"}}'
QUICK = f'{LCP}_bucket{{page="/inbox",device="phone",le="2.5"}}'


@pytest.mark.row("A1")
def test_slow_pages_are_a_ticket_and_wake_nobody(check):
    # Every view is slow, which is four times what the objective allows: 18 hours of it are three quarters of a day.
    check(
        ["inbox-lcp"],
        {VIEWS: "0+5x1200", QUICK: "0+0x1200"},
        (17 * HOUR, firing("inbox-lcp", "ticket"), None),
        (19 * HOUR, firing("inbox-lcp", "ticket"), 1),
        (19 * HOUR, 'count(ALERTS{severity!="ticket"})', None),
        (19 * HOUR, 'count(ALERTS{source="beacon"})', 1),
        (19 * HOUR, ratio("inbox-lcp", "5m"), 1),
        step=10,
    )


def test_a_quarter_of_slow_views_is_what_the_objective_allows(check):
    for quick, tickets in ((3.8, None), (3.6, 1)):
        check(
            ["inbox-lcp"],
            {VIEWS: f"0+5x{4 * DAY}", QUICK: f"0+{quick}x{4 * DAY}"},
            (4 * DAY, firing("inbox-lcp", "ticket"), tickets),
            step=30,
        )


def test_a_page_that_three_people_see_a_day_makes_no_ticket_however_slow_it_is(check):
    rarely = {VIEWS: f"0+{3 / DAY:.6f}x{4 * DAY}", QUICK: f"0+0x{4 * DAY}"}
    check(["inbox-lcp"], rarely, (4 * DAY, ratio("inbox-lcp", "3d"), 1), (4 * DAY, "count(ALERTS)", None), step=30)
    # Who wants to hear of five views does when there have been as many, which takes 40 hours.
    wanted = Alerting(minimum_events=5)
    check(
        ["inbox-lcp"],
        rarely,
        (36 * HOUR, firing("inbox-lcp", "ticket"), None),
        (44 * HOUR, firing("inbox-lcp", "ticket"), 1),
        step=30,
        alerting=wanted,
    )


def test_where_no_page_was_looked_at_nothing_is_said(check):
    none = {VIEWS: "7+0x60", QUICK: "5+0x60"}
    for series in (none, {"up": "1x60"}):
        check(["inbox-lcp"], series, (60, "count(slo:sli_error:ratio_rate5m)", None), (60, "count(ALERTS)", None))


@pytest.mark.parametrize("edge", ["4", "4.0"])
def test_a_query_budget_is_judged_by_its_bucket_however_its_edge_is_written(check, edge):
    check(
        ["orders-queries"],
        {f"{QUERIES}_count{{{ROUTE}}}": "0+10x60", f'{QUERIES}_bucket{{{ROUTE},le="{edge}"}}': "0+9x60"},
        (60, ratio("orders-queries", "30m"), 0.1),
        (60, firing("orders-queries", "page"), 1),
    )


def test_without_a_failure_availability_is_whole_and_server_errors_spend_it(check):
    good = {f'{LATENCY}_count{{{ROUTE},http_response_status_code="200"}}': "0+999x60"}
    check(["availability"], good, (60, ratio("availability", "5m"), 0))
    bad = {f'{LATENCY}_count{{{ROUTE},http_response_status_code="503"}}': "0+1x60"}
    check(["availability"], good | bad, (60, ratio("availability", "5m"), 0.001))


def test_load_tests_spend_no_budget_unless_they_are_to_count(check):
    series = {
        COUNT: "0+90x30",
        P99: "0+90x30",
        f"{LATENCY}_count{{{TEST}}}": "0+10x30",
        f'{LATENCY}_bucket{{{TEST},le="1.0"}}': "0+0x30",
    }
    check(["orders-p99"], series, (30, ratio("orders-p99", "5m"), 0), (30, "count(ALERTS)", None))
    counted = Metrics(overrides=Overrides(synthetic=True))
    check(["orders-p99"], series, (30, ratio("orders-p99", "5m"), 0.1), metrics=counted)


def test_with_fewer_events_than_a_page_needs_there_is_a_ticket_instead(check):
    # One request in two minutes, each of them slow: thirty an hour.
    few = {COUNT: "0+0.5x65", P99: "0+0x65"}
    for least, pages in ((20, 1), (40, None)):
        check(
            ["orders-p99"],
            few,
            (65, firing("orders-p99", "page"), pages),
            (65, firing("orders-p99", "ticket"), 1),
            step=5,
            alerting=Alerting(minimum_events=least),
        )


def test_without_a_page_there_is_a_ticket_however_fast_the_budget_burns(check):
    check(
        ["orders-p99"],
        {COUNT: "0+100x65", P99: "0+0x65"},
        (65, firing("orders-p99", "ticket"), 1),
        (65, 'count(ALERTS{severity!="ticket"})', None),
        step=5,
        alerting=Alerting(page=False),
    )


def test_of_a_window_of_which_little_is_known_only_the_events_count_that_are(check):
    # One a minute, all of them bad: an hour of them would be sixty.
    check(
        ["queue"],
        {"queue_failed_total": "0+1x50", "queue_total": "0+1x50"},
        (30, firing("queue", "page"), None),
        (45, firing("queue", "page"), 1),
        alerting=Alerting(minimum_events=40),
    )


def test_a_service_without_requests_has_no_ratio_and_alerts_nobody(check):
    check(
        ["orders-p95", "orders-queries", "availability"],
        {
            COUNT: "7+0x60",
            f'{LATENCY}_bucket{{{ROUTE},le="0.25"}}': "0+0x60",
            f"{QUERIES}_count{{{ROUTE}}}": "0+0x60",
        },
        (60, "count(slo:sli_error:ratio_rate5m)", None),
        (60, "count(ALERTS)", None),
    )


def test_without_data_there_is_one_ticket_for_each_metric_after_ten_minutes_and_it_ends_with_data(check):
    check(
        ["orders-p95", "orders-p99", "orders-queries", "availability"],
        {COUNT: "_x20 0+10x10", f"{QUERIES}_count{{{ROUTE}}}": "0+10x30"},
        (9, absent("firing"), None),
        (11, 'count(ALERTS{alertname="TailgateNoData",alertstate="firing",severity="ticket"})', 1),
        (25, absent("firing"), None),
    )
    check(["orders-p99"], {"up": "1x20"}, (20, "count(ALERTS)", None), alerting=Alerting(absent=False))


@pytest.mark.parametrize(("up", "fires"), [("1", None), ("0", 1)])
def test_a_target_that_is_up_but_was_not_asked_yet_is_no_ticket(check, up, fires):
    metrics = Metrics(preset="micrometer", overrides=Overrides(match={"job": "shop"}))
    series = {'up{job="shop",instance="a"}': f"{up}x20", 'up{job="other"}': "1x20"}
    check(["orders-p99"], series, (20, absent("firing"), fires), metrics=metrics)


@pytest.mark.parametrize(
    ("metrics", "labels", "name", "edge"),
    [
        (Metrics(preset="micrometer"), 'method="GET",uri="/orders/{id}"', "http_server_requests_seconds", "1.0"),
        (
            Metrics(preset="nginx-ingress", overrides=Overrides(routes={"GET /orders/{id}": "/orders/"})),
            'method="GET",path="/orders/"',
            "nginx_ingress_controller_request_duration_seconds",
            "1",
        ),
        (
            Metrics(preset="envoy", overrides=Overrides(routes={"GET /orders/{id}": "orders"})),
            'envoy_cluster_name="orders"',
            "envoy_cluster_upstream_rq_time",
            "1000",
        ),
        (
            Metrics(overrides=Overrides(duration="x_us", per_second=Decimal(1_000_000), match={"job": "a"})),
            f'{ROUTE},job="a"',
            "x_us",
            "1e+06",
        ),
    ],
    ids=["micrometer", "nginx-ingress", "envoy", "overridden"],
)
def test_other_peoples_series_answer_by_their_own_names_labels_and_units(check, metrics, labels, name, edge):
    requests, status = f"{name}_count", "status"
    if metrics.preset == "envoy":
        requests, status = "envoy_cluster_upstream_rq", "envoy_response_code"
    elif metrics.preset == "otel":
        status = "http_response_status_code"
    check(
        ["orders-p99", "availability"],
        {
            f'{name}_bucket{{{labels},{status}="200",le="{edge}"}}': "0+98x30",
            f'{requests}{{{labels},{status}="200"}}': "0+99x30",
            f'{requests}{{{labels},{status}="502"}}': "0+1x30",
        }
        | ({f"{name}_count{{{labels}}}": "0+100x30"} if metrics.preset == "envoy" else {}),
        (30, ratio("orders-p99", "5m"), 0.02),
        (30, ratio("availability", "5m"), 0.01),
        metrics=metrics,
    )


def test_queries_with_a_window_are_asked_for_each(check):
    ok, failed = 'checkouts_total{outcome="ok"}', 'checkouts_total{outcome="failed"}'
    check(
        ["checkout"],
        {ok: "0+100x60 6050+50x60", failed: "0+0x60 50+50x60"},
        (60, ratio("checkout", "1h"), 0),
        (90, ratio("checkout", "5m"), 0.5),
        (121, ratio("checkout", "1h"), 0.5),
        (121, firing("checkout", "page"), 1),
    )


def test_queries_with_a_range_of_their_own_are_added_up_over_each_window(check):
    check(
        ["queue"],
        {"queue_failed_total": "0+0x60 0+50x60", "queue_total": "0+100x120"},
        (60, ratio("queue", "1h"), 0),
        (121, ratio("queue", "5m"), 0.5),
        (121, 'max(slo:sli_error:ratio_rate6h{sloth_slo="queue"}) > bool 0.23', 1),
        (121, 'max(slo:sli_error:ratio_rate6h{sloth_slo="queue"}) < bool 0.26', 1),
        (121, firing("queue", "page"), 1),
    )


def test_a_bound_is_missed_by_the_share_of_time_it_was_missed_for(check):
    check(
        ["backlog"],
        {"queue_backlog": "100x89 101x29"},
        # To a twentieth: versions differ in whether a window's first moment is of it.
        (60, ratio("backlog", "1h", 0.05), 0),
        (119, ratio("backlog", "5m", 0.05), 1),
        (119, ratio("backlog", "1h", 0.05), 0.5),
        (119, ratio("backlog", "6h", 0.05), 0.25),
    )


@pytest.mark.parametrize(("query", "failure"), [("errors:ratio", True), ("1 - errors:ratio", False)])
def test_a_ratio_is_averaged_over_time_and_what_is_no_number_is_left_out(check, query, failure):
    raw = Raw(query=query, failure=failure)
    check(
        ["queue"],
        {"errors:ratio": f"0.1x29 {'NaN ' * 30}0.3x29"},
        (89, ratio("queue", "5m"), 0.3),
        (89, ratio("queue", "1d"), 0.2),
        query=raw,
    )
