"""Which series carry the measures, as a document of kind Metrics says."""

from decimal import Decimal

import pytest
from tailgate_slo import SloError
from tailgate_slo.model import Metrics, Overrides

HEAD = "apiVersion: tailgate/v1\nkind: Metrics\nmetadata: {name: ours}\n"


def test_without_a_document_they_are_those_of_our_own_instrumentation(orders, read):
    assert read(orders).metrics == Metrics(preset="otel", overrides=Overrides())


@pytest.mark.parametrize("preset", ["otel", "micrometer", "nginx-ingress", "envoy"])
def test_a_preset_is_named(orders, read, preset):
    assert read(orders, f"{HEAD}spec: {{preset: {preset}}}\n").metrics == Metrics(preset=preset)


def test_whatever_is_otherwise_is_said(orders, read):
    spec = """\
spec:
  preset: envoy
  duration: envoy_vhost_route_upstream_rq_time
  unit: ms
  native: true
  requests: envoy_vhost_route_upstream_rq
  queries: app_queries
  labels: {method: "", route: envoy_route, status: code, job: scrape}
  match: {job: edge, region: eu}
  routes: {"GET /orders/{id}": orders}
  synthetic: true
"""
    assert read(orders, HEAD + spec).metrics.overrides == Overrides(
        duration="envoy_vhost_route_upstream_rq_time",
        per_second=Decimal(1000),
        native=True,
        requests="envoy_vhost_route_upstream_rq",
        queries="app_queries",
        labels={"method": "", "route": "envoy_route", "status": "code", "job": "scrape"},
        match={"job": "edge", "region": "eu"},
        routes={"GET /orders/{id}": "orders"},
        synthetic=True,
    )


def test_two_documents_are_an_error(orders, read):
    with pytest.raises(SloError, match="a second document of kind Metrics"):
        read(orders, HEAD + "spec: {preset: envoy}\n", HEAD.replace("ours", "again") + "spec: {preset: envoy}\n")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{preset: ngnix}", r"preset = ngnix: .* Known: envoy, micrometer, nginx-ingress"),
        ("{}", "lacks preset"),
        ("{preset: otel, unit: min}", r"unit = min: unknown value"),
        ("{preset: otel, duration: 'a b'}", "not a metric's name"),
        (
            "{preset: otel, duration: x_seconds_bucket}",
            "one series of a histogram. Write .* name, x_seconds",
        ),
        ("{preset: otel, queries: queries_count}", "Write the histogram's name, queries"),
        ("{preset: otel, labels: {rout: path}}", r"labels\.rout = path: unknown key. Did you mean route\?"),
        ("{preset: otel, labels: {route: a-b}}", "not a label's name"),
        ("{preset: otel, labels: {status: ''}}", r"labels\.status = : must not be empty"),
        ("{preset: otel, match: {'a\"': b}}", "not a label's name"),
        ("{preset: otel, routes: {/orders: x}}", "not a route. Write the method before it"),
        ("{preset: otel, native: yes}", r"native = yes: unknown value"),
    ],
)
def test_what_is_wrong_is_named_with_its_cure(orders, read, spec, message):
    with pytest.raises(SloError, match=rf"^slo\.yaml:\d+: document 2 \(Metrics ours\), .*{message}"):
        read(orders, f"{HEAD}spec: {spec}\n")
