"""Objectives become recording rules and alerts, the same text every time."""

import dataclasses
from decimal import Decimal

import pytest
import yaml
from tailgate_dashboards.errors import DashboardError
from tailgate_dashboards.rules import compile_rules, left_out, render
from tailgate_slo import load, reference_path
from tailgate_slo.model import Metrics


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


def test_every_objective_has_the_recorded_names_that_slo_boards_query():
    objectives = load(reference_path())
    groups = compile_rules(objectives)["groups"]
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
    for slo in objectives.slos:
        rules = [r for g in groups for r in g["rules"] if r["labels"]["sloth_slo"] == slo.name]
        assert names <= {rule["record"] for rule in rules if "record" in rule}
        assert [r["labels"]["sloth_severity"] for r in rules if "alert" in r] == ["page", "ticket"]
        assert {r["labels"]["sloth_id"] for r in rules} == {f"tailgate-reference-{slo.name}"}


def test_a_period_has_a_window_of_its_own_and_never_twice(shop):
    recorded = {}
    for group in compile_rules(shop)["groups"]:
        if group["name"].endswith(":sli"):
            recorded[group["name"]] = [r["labels"].get("sloth_window") for r in group["rules"]][2:]
    assert recorded["tailgate-shop-orders-queries:sli"][-1] == "7d"
    assert recorded["tailgate-shop-availability:sli"] == ["5m", "30m", "1h", "2h", "6h", "1d", "3d"]


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


def test_an_objective_on_a_foreign_query_is_named_as_left_out(shop):
    assert left_out(shop) == ("queue",)


def test_series_that_come_from_elsewhere_are_refused_by_name(shop):
    with pytest.raises(DashboardError, match=r"shop\.yaml: rules for the preset envoy cannot be compiled"):
        compile_rules(dataclasses.replace(shop, metrics=Metrics(preset="envoy")))
