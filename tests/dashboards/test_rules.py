"""Objectives become recording rules and alerts, the same text every time."""

import dataclasses
import re
from decimal import Decimal

import pytest
import yaml
from tailgate_dashboards.errors import ConflictError, UnsupportedError
from tailgate_dashboards.rules import compile_rules, left_out, name_of, render
from tailgate_slo import load, reference_path
from tailgate_slo.model import Metrics, Ratio


def test_the_rules_are_the_golden_ones(shop, golden):
    expected, got = golden / "shop.rules.yaml", golden / "shop.rules.yaml.got"
    text = render(compile_rules(shop))
    if not expected.exists() or expected.read_text() != text:
        got.write_text(text)
        pytest.fail(f"the rules differ from {expected.name}: compare with {got}")
    got.unlink(missing_ok=True)


def test_what_is_rendered_reads_back_as_what_was_compiled(shop):
    rules = compile_rules(shop)
    assert yaml.safe_load(render(rules)) == rules
    assert render(compile_rules(shop)) == render(rules)


def rules_of(rules, kind=""):
    return [rule for group in rules["groups"] if group["name"].endswith(kind) for rule in group["rules"]]


def test_every_objective_has_the_recorded_names_that_slo_boards_query():
    objectives = load(reference_path())
    windows = ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d")
    names = {
        *(f"slo:sli_error:ratio_rate{window}" for window in windows),
        "slo:objective:ratio",
        "slo:error_budget:ratio",
        "slo:time_period:days",
        "slo:current_burn_rate:ratio",
        "slo:period_burn_rate:ratio",
        "slo:period_error_budget_remaining:ratio",
        "sloth_slo_info",
    }
    found = {}
    for rule in rules_of(compile_rules(objectives)):
        found.setdefault(rule["labels"].get("sloth_slo"), []).append(rule)
    for slo in objectives.slos:
        rules = found[slo.name]
        assert names <= {rule["record"] for rule in rules if "record" in rule}
        # Anybody can report a page as slow, and be slow in doing so.
        outside = slo.measure.kind == "vital" or slo.name == "vitals-latency"
        alerts = ["ticket"] if outside else ["page", "ticket"]
        assert [r["labels"]["sloth_severity"] for r in rules if "alert" in r] == alerts
        assert {r["labels"]["sloth_id"] for r in rules} == {f"tailgate-reference-{slo.name}"}


def test_a_period_has_a_window_of_its_own_and_never_twice(shop):
    recorded = {}
    for rule in rules_of(compile_rules(shop)):
        if rule.get("record", "").startswith("slo:sli_error:"):
            recorded.setdefault(rule["labels"]["sloth_slo"], []).append(rule["labels"]["sloth_window"])
    assert recorded["orders-queries"] == ["5m", "30m", "1h", "2h", "6h", "1d", "3d", "7d"]
    assert recorded["availability"] == ["5m", "30m", "1h", "2h", "6h", "1d", "3d"]


def test_what_adds_up_long_windows_is_evaluated_once_a_minute_however_often_the_rest_is(shop):
    for group in compile_rules(shop)["groups"]:
        long = [r for r in group["rules"] if r["labels"].get("sloth_window") in ("1d", "3d", "7d", "30d")]
        assert group.get("interval") == ("1m" if long else None)


def test_at_a_greater_pace_the_windows_shrink_and_keep_their_names(shop):
    usual, fast = compile_rules(shop), compile_rules(shop, pace=60)
    assert [r.get("record") for r in rules_of(usual)] == [r.get("record") for r in rules_of(fast)]
    assert [r["labels"] for r in rules_of(usual)] == [r["labels"] for r in rules_of(fast)]
    ranges = [set(re.findall(r"\[(\w+)\]", str(rules))) for rules in (usual, fast)]
    assert ranges[0] >= {"5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d"}
    assert ranges[1] >= {"5s", "30s", "1m", "2m", "6m", "24m", "72m", "12h"}
    assert not ranges[1] & {"1h", "2h", "6h", "1d", "3d", "30d"}


def test_a_changed_threshold_changes_the_bucket(shop):
    first = dataclasses.replace(
        shop.slos[0], measure=dataclasses.replace(shop.slos[0].measure, threshold=Decimal("0.3"))
    )
    text = render(compile_rules(dataclasses.replace(shop, slos=(first,))))
    assert 'le="0.3"' in text
    assert 'le="0.25"' not in text


def test_quotes_and_backslashes_in_a_route_stay_inside_the_matcher(shop):
    odd = dataclasses.replace(shop.slos[0].measure, route='GET /a"b\\c')
    rules = compile_rules(dataclasses.replace(shop, slos=(dataclasses.replace(shop.slos[0], measure=odd),)))
    assert 'http_route="/a\\"b\\\\c"' in rules["groups"][0]["rules"][0]["expr"]


def test_templates_in_names_stay_as_they_are_and_quotes_do_not_end_a_query(shop):
    odd = dataclasses.replace(shop.slos[0], service="a`b{{ c }}")
    page, _ = rules_of(compile_rules(dataclasses.replace(shop, slos=(odd,))), ":alerts")
    assert page["labels"]["sloth_service"] == 'a`b{{"{{"}} c }}'
    assert page["annotations"]["description"].count("`") % 2 == 0
    assert "a\\x60b" in page["annotations"]["description"]


def test_an_objective_on_a_vital_is_left_out_only_where_runs_alone_measure_it(shop):
    pages = dataclasses.replace(shop, slos=tuple(slo for slo in shop.slos if slo.name == "inbox-lcp"))
    assert left_out(pages) == ()
    elsewhere = dataclasses.replace(pages, metrics=Metrics(preset="micrometer"))
    assert left_out(elsewhere) == ("inbox-lcp",)
    assert compile_rules(elsewhere)["groups"] == []


def test_what_pages_report_says_so_opens_tickets_alone_and_is_never_missed(shop):
    rules = rules_of(compile_rules(shop))
    reported = {rule["labels"].get("sloth_slo") for rule in rules if rule["labels"].get("source") == "beacon"}
    assert reported == {"inbox-lcp"}
    own = [rule for rule in rules if rule["labels"].get("sloth_slo") == "inbox-lcp"]
    assert all(rule["labels"]["source"] == "beacon" for rule in own)
    assert [rule["labels"]["severity"] for rule in own if "alert" in rule] == ["ticket"]
    absent = [rule["labels"]["absent"] for rule in rules if rule.get("alert") == "TailgateNoData"]
    assert absent
    assert not [name for name in absent if "web_vital" in name]


def test_a_timing_is_found_by_its_name_on_its_page_or_on_all(shop):
    lcp = next(slo for slo in shop.slos if slo.name == "inbox-lcp")
    for page, matchers in (("/inbox", 'page="/inbox",timing="list_shown"'), (None, 'timing="list_shown"')):
        measure = dataclasses.replace(lcp.measure, vital=None, timing="list_shown", route=page)
        rules = compile_rules(dataclasses.replace(shop, slos=(dataclasses.replace(lcp, measure=measure),)))
        expr = rules["groups"][0]["rules"][0]["expr"]
        assert f"sum(rate(tailgate_page_timing_seconds_count{{{matchers}}}[5m]))" in expr
        assert f'sum(rate(tailgate_page_timing_seconds_bucket{{{matchers},le="2.5"}}[5m]))' in expr


def test_queries_per_request_that_nobody_counts_are_refused_with_the_cure(shop):
    with pytest.raises(UnsupportedError, match=r"objective orders-queries: .* no queries .* kind Metrics"):
        compile_rules(dataclasses.replace(shop, metrics=Metrics(preset="envoy")))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (Ratio(total="sum(x_total)", bad="x_total", counter=True), r"adds up counters .* Write sum\(rate\(…"),
        (Ratio(total="rate(x[{{.window}}])", bad="rate(x[5m])"), "stands in one of its queries"),
    ],
)
def test_a_query_that_cannot_be_asked_for_windows_is_refused_with_the_cure(shop, query, message):
    slo = dataclasses.replace(shop.slos[0], measure=None, query=query)
    with pytest.raises(UnsupportedError, match=f"objective orders-p95: .*{message}"):
        compile_rules(dataclasses.replace(shop, slos=(slo,)))


def test_two_objectives_that_would_be_recorded_as_one_are_refused(shop):
    one = dataclasses.replace(shop.slos[0], service="a", name="b-c")
    other = dataclasses.replace(shop.slos[0], service="a-b", name="c")
    with pytest.raises(ConflictError, match="c of a-b and b-c of a would both be recorded as tailgate-a-b-c"):
        compile_rules(dataclasses.replace(shop, slos=(one, other)))


def test_targets_of_many_nines_stay_exact(shop):
    slo = dataclasses.replace(shop.slos[0], target=Decimal("0.999999999999"))
    text = render(compile_rules(dataclasses.replace(shop, slos=(slo,))))
    assert "vector(0.999999999999)" in text
    assert "(14.4 * 0.000000000001)" in text


def test_a_prometheus_rule_and_a_namespace_hold_the_same_groups(shop):
    rules = compile_rules(shop)
    name = name_of(shop)
    assert yaml.safe_load(render(rules, "prometheus-rule", name=name)) == {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "tailgate-shop"},
        "spec": rules,
    }
    assert yaml.safe_load(render(rules, "mimir", name=name)) == {"namespace": "tailgate-shop", **rules}


@pytest.mark.parametrize(
    ("services", "name"),
    [({"Shop_2 & co"}, "tailgate-shop-2-co"), ({"a", "b"}, "tailgate"), ({"日本"}, "tailgate"), ({"x" * 99}, None)],
)
def test_the_name_of_all_rules_is_one_that_kubernetes_takes(shop, services, name):
    slos = tuple(dataclasses.replace(shop.slos[0], service=service) for service in services)
    found = name_of(dataclasses.replace(shop, slos=slos))
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", found)
    assert name in (None, found)
