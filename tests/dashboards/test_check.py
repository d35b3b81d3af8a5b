"""Whether a real Prometheus has what objectives need, and what is said when it has not."""

import pytest
from tailgate_dashboards.prometheus import Prometheus
from tailgate_dashboards.prometheus.check import check
from tailgate_slo import parse

from tests.dashboards.past import FILE
from tests.dashboards.servers import needs_prometheus

pytestmark = [needs_prometheus, pytest.mark.xdist_group("past")]


def found(url, *, metrics="preset: otel", measure="measure: latency", route="GET /orders/{id}", threshold="300ms"):
    file = f"""\
apiVersion: tailgate/v1
kind: Metrics
metadata: {{name: metrics}}
spec: {{{metrics}}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {{name: one}}
spec:
  service: shop
  indicator:
    spec:
      thresholdMetric:
        metricSource:
          type: tailgate
          spec: {{{measure}{f', route: "{route}"' if route else ""}{f", threshold: {threshold}" if threshold else ""}}}
  objectives: [{{target: 0.99}}]
"""
    (finding,) = check(parse(file.encode(), "shop.yaml"), Prometheus(url))
    return finding.good, finding.said


def test_what_is_there_is_found(past_url):
    findings = {each.slo.name: each for each in check(parse(FILE.encode(), "shop.yaml"), Prometheus(past_url))}
    assert {name: each.good for name, each in findings.items()} == {
        "orders": True, "availability": True, "queried": True, "elsewhere": False, "between": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"threshold": "400ms"},
            "no bucket of http_server_request_duration_seconds_bucket ends at 400 ms: the nearest edges are 300 ms",
        ),
        ({"threshold": "2s"}, "ends at 2000 ms: the nearest edges are 1000 ms. Give"),
        ({"threshold": "400ms"}, "300 ms and 500 ms. Give"),
        ({"route": "GET /order/{id}"}, "has no route GET /order/{id}. Did you mean GET /orders/{id}?"),
        ({"measure": "measure: queries", "threshold": "4"}, "there is no series tailgate_queries_per_request_count"),
        (
            {"metrics": "preset: otel, duration: http_server_request_duration_second"},
            "duration_second_count. Did you mean http_server_request_duration_seconds_count?",
        ),
        ({"metrics": "preset: otel, native: true"}, "is there: leave native out"),
        ({"metrics": "preset: otel, match: {job: shop}"}, "has job=shop"),
        ({"metrics": "preset: micrometer"}, "there is no series http_server_requests_seconds_count"),
        (
            {
                "metrics": "preset: otel, labels: {status: code}",
                "measure": "measure: availability",
                "threshold": None,
            },
            "has no label code",
        ),
        ({"metrics": "preset: micrometer", "measure": "measure: queries", "threshold": "4"}, "queries per request"),
    ],
)
def test_what_is_missing_is_named_with_what_is_nearest(past_url, given, said):
    good, words = found(past_url, **given)
    assert good is False
    assert said in words


def test_a_label_of_another_name_and_another_unit_are_read_as_the_file_says(past_url):
    assert found(past_url, metrics="preset: otel, unit: ms", threshold="1ms") == (True, "is there")
    good, said = found(past_url, metrics="preset: otel, unit: ms", threshold="2ms")
    assert not good
    assert "nearest edges are 1 ms." in said
    assert found(past_url, metrics='preset: otel, labels: {method: ""}') == (True, "is there")


def test_what_only_a_run_tells_is_not_missing(past_url):
    good, said = found(past_url, measure="measure: vital, vital: lcp", route="/inbox", threshold="2s")
    assert (good, said) == (None, "is answered by runs alone")
