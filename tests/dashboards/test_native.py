"""Native histograms in a real Prometheus: found, counted and judged as classic ones are."""

import time
from collections.abc import Iterator

import pytest
from tailgate_dashboards.backtest.counting import count
from tailgate_dashboards.backtest.past import Pace, Past
from tailgate_dashboards.prometheus import Prometheus
from tailgate_dashboards.prometheus.check import check
from tailgate_dashboards.prometheus.counters import counters
from tailgate_dashboards.rules import events_of
from tailgate_dashboards.series import series_of
from tailgate_slo import Objectives, parse

from tests.dashboards.native import Page
from tests.dashboards.servers import VERSIONS, Version, eventually, needs_prometheus, prometheus

pytestmark = [needs_prometheus, pytest.mark.xdist_group("native")]

NAME = "http_server_request_duration_seconds"
LABELS = {"http_request_method": "GET", "http_route": "/orders", "http_response_status_code": "200"}


def objectives(threshold: str, native: str = "true", measure: str = "latency") -> Objectives:
    given = f", threshold: {threshold}" if threshold else ""
    return parse(
        f"""\
apiVersion: tailgate/v1
kind: Metrics
metadata: {{name: native}}
spec: {{preset: otel, native: {native}}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {{name: orders}}
spec:
  service: shop
  indicator:
    spec:
      thresholdMetric:
        metricSource: {{type: tailgate, spec: {{measure: {measure}, route: GET /orders{given}}}}}
  objectives: [{{target: 0.9}}]
""".encode(),
        "native.yaml",
    )


@pytest.fixture(scope="module")
def watched(version: Version, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Page, Prometheus]]:
    """A page, and a Prometheus that scrapes it every second and takes native histograms."""
    # Version 3 is told so by its configuration.
    third = version is VERSIONS.get("3")
    options = () if third else ("--enable-feature=native-histograms",)
    with Page(NAME, LABELS) as served:
        served.observe([0.01])
        config = (
            f"global: {{scrape_interval: 1s, scrape_timeout: 1s{', scrape_native_histograms: true' * third}}}\n"
            "scrape_configs:\n"
            f"  - {{job_name: shop, static_configs: [{{targets: ['{served.host}']}}]}}\n"
        )
        directory = tmp_path_factory.mktemp("native")
        with prometheus(directory, config, *options, binary=version.prometheus) as server:
            client = Prometheus(server.url)
            eventually(lambda: client.query(f"histogram_count({NAME})"))
            served.observe([0.1] * 30 + [0.3] * 10)
            eventually(lambda: client.query(f"histogram_count({NAME})")[0].value == 41)
            yield served, client


def test_a_native_histogram_answers_for_any_threshold(watched: tuple[Page, Prometheus]) -> None:
    (finding,) = check(objectives("123ms"), watched[1])
    assert (finding.good, finding.said) == (True, "is there")
    (finding,) = check(objectives("", measure="availability"), watched[1])
    assert finding.good


def test_who_takes_it_for_a_classic_one_is_told(watched: tuple[Page, Prometheus]) -> None:
    (finding,) = check(objectives("123ms", native="false"), watched[1])
    assert not finding.good
    assert f"but {NAME} is a native histogram: write native: true in kind: Metrics" in finding.said


def test_its_counts_and_sums_are_a_runs_counters(watched: tuple[Page, Prometheus]) -> None:
    found = {name: (labels, value) for name, labels, value in counters(watched[1], series_of(objectives("1s").metrics))}
    assert found[f"{NAME}_count"] == (LABELS, 41)
    labels, total = found[f"{NAME}_sum"]
    assert labels["http_route"] == "/orders"
    assert total == pytest.approx(0.01 + 3 + 3)


def test_the_rules_share_of_bad_events_is_that_above_the_threshold(watched: tuple[Page, Prometheus]) -> None:
    file = objectives("200ms")
    events = events_of(file.slos[0], series_of(file.metrics))
    assert events is not None
    over = events.over("1m")
    (ratio,) = watched[1].query(f"{over.bad} / {over.all}", at=time.time())
    assert ratio.value == pytest.approx(0.25)


def test_a_backtest_counts_it_at_parts_and_multiples_of_the_threshold(watched: tuple[Page, Prometheus]) -> None:
    file, now = objectives("200ms"), time.time()
    counted = count(
        file.slos[0], series_of(file.metrics), Past(watched[1], begin=now, end=now + 60, pace=Pace(step=60, scrape=1))
    )
    assert counted.own.bad.sum() / counted.own.all.sum() == pytest.approx(0.25)
    assert [float(at) for at in counted.other] == [0.1, 0.15, 0.3, 0.4]
    # The bucket that holds 0.1 s ends just above it, and its share is told by interpolation.
    shares = [steps.bad.sum() / steps.all.sum() for steps in counted.other.values()]
    assert shares[1:] == [pytest.approx(0.25), pytest.approx(0.1, abs=0.16), 0]
    assert shares[0] > 0.25
