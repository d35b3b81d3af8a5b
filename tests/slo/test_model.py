"""What others ask of the objectives."""

from decimal import Decimal

import pytest
from tailgate_slo import SLO, Measure, Objectives, nearest_route


def objectives(*measures):
    slos = tuple(
        SLO(
            name=f"o{index}",
            display_name="",
            description="",
            service="shop",
            target=Decimal("0.99"),
            period_days=30,
            measure=measure,
        )
        for index, measure in enumerate(measures)
    )
    return Objectives(file="slo.yaml", digest="", slos=slos)


def latency(route, seconds):
    return Measure(kind="latency", route=route, threshold=Decimal(seconds))


def queries(route, count):
    return Measure(kind="queries", route=route, threshold=Decimal(count))


def test_thresholds_are_the_latency_bounds_of_each_route_ascending():
    found = objectives(latency("GET /b", "1"), latency("GET /a", "2"), latency("GET /b", "0.5"), queries("GET /c", 4))
    assert found.thresholds() == {"GET /a": (Decimal(2),), "GET /b": (Decimal("0.5"), Decimal(1))}


def test_the_thresholds_of_vitals_and_timings_are_those_of_all_pages_ascending():
    def vital(threshold, **of):
        return Measure(kind="vital", threshold=Decimal(threshold), **of)

    found = objectives(
        vital("2.5", vital="lcp", route="/b"),
        vital("2", vital="lcp", route="/a"),
        vital("2", timing="panels", route="/a"),
        latency("GET /a", "1"),
        Measure(kind="availability"),
    )
    assert found.vital_thresholds() == {"lcp": (Decimal(2), Decimal("2.5")), "panels": (Decimal(2),)}


def test_a_budget_is_the_strictest_that_a_route_has():
    assert objectives(queries("GET /a", 5), queries("GET /a", 3), latency("GET /a", 1)).budgets() == {"GET /a": 3}


def test_routes_are_those_that_objectives_name():
    page = Measure(kind="vital", vital="lcp", route="/inbox", threshold=Decimal("2.5"))
    found = objectives(queries("GET /b", 5), latency("GET /a", 1), Measure(kind="availability"), page, None)
    assert found.routes() == ("GET /a", "GET /b")


ROUTES = (
    "GET /api/contacts/by-phone",
    "GET /api/conversations",
    "GET /api/webhook/kapso",
    "POST /api/webhook/kapso",
)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("GET /api/contact/by-phone", "GET /api/contacts/by-phone"),
        ("get /API/conversation", "GET /api/conversations"),
        ("POST /api/webhook/kapsa", "POST /api/webhook/kapso"),
        ("GET /api/webhook/kapsa", "GET /api/webhook/kapso"),
        ("DELETE everything else", None),
    ],
)
def test_a_misspelt_route_has_a_nearest_one(name, nearest):
    assert nearest_route(name, ROUTES) == nearest


def test_without_candidates_nothing_is_near():
    assert nearest_route("GET /", ()) is None
