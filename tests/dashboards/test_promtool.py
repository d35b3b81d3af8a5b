"""Prometheus's own tool accepts the rules, and they alert when they should and only then."""

import dataclasses
import shutil
import subprocess

import pytest
import yaml
from tailgate_dashboards.rules import compile_rules, render
from tailgate_slo import load, reference_path

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed: apt-get install prometheus"
)

ROUTE = 'http_request_method="GET",http_route="/orders/{id}"'
LATENCY = "http_server_request_duration_seconds"
QUERIES = "tailgate_queries_per_request"


def promtool(*arguments, cwd):
    done = subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def check(shop, tmp_path):
    """Evaluates expressions under the rules of some objectives: (minute, expression, value; None for no data)."""

    def check(names, series, *cases):
        slos = tuple(slo for slo in shop.slos if slo.name in names)
        (tmp_path / "rules.yaml").write_text(render(compile_rules(dataclasses.replace(shop, slos=slos))))
        expected = [
            {
                "expr": expr,
                "eval_time": f"{minute}m",
                "exp_samples": [] if value is None else [{"labels": "{}", "value": value}],
            }
            for minute, expr, value in cases
        ]
        inputs = [{"series": name, "values": values} for name, values in series.items()]
        tests = [{"interval": "1m", "input_series": inputs, "promql_expr_test": expected}]
        suite = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}
        (tmp_path / "test.yaml").write_text(yaml.safe_dump(suite))
        promtool("test", "rules", "test.yaml", cwd=tmp_path)

    return check


def firing(slo, severity):
    return f'count(ALERTS{{alertstate="firing",sloth_slo="{slo}",sloth_severity="{severity}"}})'


def ratio(slo, window):
    return f'round(max(slo:sli_error:ratio_rate{window}{{sloth_slo="{slo}"}}), 0.001)'


@pytest.mark.parametrize("source", ["shop", "reference"])
def test_promtool_accepts_the_rules(source, shop, tmp_path):
    objectives = shop if source == "shop" else load(reference_path())
    (tmp_path / "rules.yaml").write_text(render(compile_rules(objectives)))
    promtool("check", "rules", "rules.yaml", cwd=tmp_path)


def test_slow_requests_page_within_minutes_and_the_page_ends_soon_after_they_do(check):
    # Six good hours, then twelve minutes in which every request is slow, then good ones again.
    check(
        ["orders-p99"],
        {
            f"{LATENCY}_count{{{ROUTE}}}": "0+60x420",
            f'{LATENCY}_bucket{{{ROUTE},le="1.0"}}': "0+60x360 21600+0x11 21600+60x47",
        },
        (360, firing("orders-p99", "page"), None),
        (365, firing("orders-p99", "page"), None),
        (372, firing("orders-p99", "page"), 1),
        (372, ratio("orders-p99", "1h"), 0.2),
        (380, firing("orders-p99", "page"), None),
    )


def test_a_service_that_keeps_its_objective_alerts_nobody(check):
    check(
        ["orders-p95", "orders-p99"],
        {
            f"{LATENCY}_count{{{ROUTE}}}": "0+1000x60",
            f'{LATENCY}_bucket{{{ROUTE},le="0.25"}}': "0+960x60",
            f'{LATENCY}_bucket{{{ROUTE},le="1"}}': "0+995x60",
        },
        (60, ratio("orders-p95", "1h"), 0.04),
        (60, ratio("orders-p99", "1h"), 0.005),
        (60, "count(ALERTS)", None),
        (60, 'round(max(slo:current_burn_rate:ratio{sloth_slo="orders-p95"}), 0.001)', 0.8),
        (60, 'round(max(slo:period_error_budget_remaining:ratio{sloth_slo="orders-p95"}), 0.001)', 0.2),
    )


def test_the_periods_ratio_weighs_every_event_the_same(check):
    # A busy hour of good requests, then a quiet one of slow requests: one request in a hundred was slow.
    check(
        ["orders-p95"],
        {
            f"{LATENCY}_count{{{ROUTE}}}": "0+990x60 59400+10x60",
            f'{LATENCY}_bucket{{{ROUTE},le="0.25"}}': "0+990x60 59400+0x60",
        },
        (121, ratio("orders-p95", "1h"), 1),
        (121, 'max(slo:sli_error:ratio_rate30d{sloth_slo="orders-p95"}) < bool 0.02', 1),
        (121, 'max(slo:sli_error:ratio_rate30d{sloth_slo="orders-p95"}) > bool 0.005', 1),
    )


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


def test_a_service_without_requests_has_no_ratio_and_alerts_nobody(check):
    check(
        ["orders-p95", "orders-queries", "availability"],
        {f"{LATENCY}_count{{{ROUTE}}}": "7+0x60", f'{LATENCY}_bucket{{{ROUTE},le="0.25"}}': "0+0x60"},
        (60, "count(slo:sli_error:ratio_rate5m)", None),
        (60, "count(ALERTS)", None),
    )
