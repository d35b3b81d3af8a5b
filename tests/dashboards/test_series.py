"""Series of presets, what is said otherwise, and the selectors that find them."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.utils import floatToGoString
from tailgate_dashboards.series import Series, equal, le, select, series_of
from tailgate_slo.model import PRESETS, Measure, Metrics, Overrides


def matched(matcher: str, text: str) -> bool:
    """Whether a matcher of one label holds for a value, as Prometheus anchors it."""
    name, operator, value = re.fullmatch(r'(\w+)(=~?)"(.*)"', matcher).groups()
    assert name == "le"
    return value == text if operator == "=" else re.fullmatch(value, text) is not None


@given(st.decimals(min_value=Decimal("0.0001"), max_value=Decimal(10**9), places=4).filter(bool))
def test_an_edge_is_found_as_clients_in_go_java_and_python_spell_it(edge):
    number = float(edge)
    spellings = {repr(number), floatToGoString(number), repr(number).removesuffix(".0")}
    assert all(matched(le(edge), spelling) for spelling in spellings)


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_no_other_edge_is_found(one, other):
    found = any(matched(le(Decimal(one)), spelling) for spelling in (str(other), f"{other}.0", floatToGoString(other)))
    assert found == (one == other)


@given(st.text())
def test_any_value_stays_inside_its_quotes(value):
    inside = re.fullmatch(r'route="((?:[^"\\\n]|\\.)*)"', equal("route", value))
    assert inside is not None
    assert inside[1].replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\") == value or "\\" in value


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_without_more_is_found_by_its_route_alone(preset):
    series = series_of(Metrics(preset=preset))
    assert select("x") == "x"
    assert equal(series.route, "/a") in series.matchers("GET /a")
    assert (series.per_second == 1000) == (preset == "envoy")
    assert series.matchers(traffic="all") == ()


def test_load_tests_are_left_out_of_visitors_and_visitors_of_load_tests():
    series = series_of(Metrics())
    assert series.matchers() == ('user_agent_synthetic_type=""',)
    assert series.matchers(traffic="test") == ('user_agent_synthetic_type="test"',)
    counted = series_of(Metrics(overrides=Overrides(synthetic=True)))
    assert (counted.real, counted.test, counted.matchers()) == (None, None, ())


def test_what_is_said_otherwise_is_taken_and_the_rest_is_the_presets():
    said = Overrides(
        duration="envoy_vhost_route_upstream_rq_time",
        requests="envoy_vhost_route_upstream_rq",
        labels={"route": "envoy_route", "method": ""},
        match={"envoy_virtual_host": "shop"},
        routes={"POST /checkout": "checkout"},
    )
    series = series_of(Metrics(preset="envoy", overrides=said))
    assert series == Series(
        duration="envoy_vhost_route_upstream_rq_time",
        per_second=Decimal(1000),
        requests="envoy_vhost_route_upstream_rq",
        method=None,
        route="envoy_route",
        status="envoy_response_code",
        match=said.match,
        routes=said.routes,
    )
    assert series.matchers("POST /checkout") == ('envoy_virtual_host="shop"', 'envoy_route="checkout"')
    assert series.in_units(Decimal("0.3")) == 300


def test_page_views_are_found_by_page_and_timing_and_no_load_test_is_among_them():
    series = series_of(Metrics(overrides=Overrides(match={"job": "shop"})))
    lcp = Measure(kind="vital", vital="lcp", route="/inbox")
    panels = Measure(kind="vital", timing="panels_complete")
    assert (series.histogram(lcp), series.of(lcp)) == (
        "tailgate_web_vital_lcp_seconds", ('job="shop"', 'page="/inbox"')
    )  # fmt: skip
    assert (series.histogram(panels), series.of(panels)) == (
        "tailgate_page_timing_seconds", ('job="shop"', 'timing="panels_complete"')
    )  # fmt: skip


@pytest.mark.parametrize("preset", [preset for preset in PRESETS if preset != "otel"])
def test_other_peoples_series_tell_no_vital(preset):
    assert series_of(Metrics(preset=preset)).histogram(Measure(kind="vital", vital="lcp")) is None
