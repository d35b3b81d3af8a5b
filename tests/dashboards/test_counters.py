"""A service's counters as a Prometheus has them, by the names and in the units of ours."""

import time
from dataclasses import replace
from decimal import Decimal

import pytest
from tailgate_dashboards.prometheus import Prometheus
from tailgate_dashboards.prometheus.counters import counters, scraped
from tailgate_dashboards.series import series_of
from tailgate_slo.model import Metrics

from tests.dashboards.past import DURATION, END, SCRAPE
from tests.dashboards.servers import needs_prometheus

pytestmark = [needs_prometheus, pytest.mark.xdist_group("past")]

OTEL = series_of(Metrics())
ROUTE = {"http_request_method": "GET", "http_route": "/orders/{id}"}


def test_counts_bear_the_status_and_buckets_the_edge(past_url):
    found = counters(Prometheus(past_url), OTEL)
    by_status = {labels["http_response_status_code"] for name, labels, _ in found if name == f"{DURATION}_count"}
    edges = {labels["le"]: labels for name, labels, _ in found if name == f"{DURATION}_bucket"}
    assert by_status == {"200", "503"}
    assert edges.keys() == {"0.1", "0.25", "0.3", "0.5", "1.0", "+Inf"}
    assert edges["0.3"] == {**ROUTE, "le": "0.3"}


def test_another_unit_and_names_of_routes_become_ours(past_url):
    elsewhere = replace(
        OTEL, per_second=Decimal(1000), method=None, routes={"GET /orders/{order}": "/orders/{id}"}, queries=None
    )
    found = counters(Prometheus(past_url), elsewhere)
    edges = {labels["le"] for name, labels, _ in found if name == f"{DURATION}_bucket"}
    assert edges == {"0.0001", "0.00025", "0.0003", "0.0005", "0.001", "+Inf"}
    assert all(
        (labels["http_request_method"], labels["http_route"]) == ("GET", "/orders/{order}") for _, labels, _ in found
    )


def test_when_they_were_scraped_is_known_and_that_they_never_were(past_url):
    last = scraped(Prometheus(past_url), OTEL)
    assert last is not None
    assert (last - END) % SCRAPE == 0
    assert END <= last <= time.time()
    assert scraped(Prometheus(past_url), replace(OTEL, match={"job": "nobody"})) is None
