"""A run's own measures: what Prometheus reads while it lasts, and what is pushed, are what was counted."""

import math
import shutil
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain
from tailgate_loadtest.errors import PlanError
from tailgate_loadtest.measure import buckets
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run.exposition import LoadMetrics, MetricsPage, cumulative, push_wanted
from tailgate_loadtest.run.live import Beat, Live
from tailgate_loadtest.run.push import Push
from tailgate_otel import names

from tests.loadtest.conftest import carry_out, objectives, plan_of, steady
from tests.loadtest.test_live import FAST, HOME, UP, beat, times
from tests.server import Request, Response, Server

INFO = {names.LABEL_PROFILE: "smoke", names.LABEL_HOST: "http://127.0.0.1:1"}


def measured(*extra: Beat) -> LoadMetrics:
    """A run of two seconds on two routes, and what comes on top."""
    live = Live(objectives(FAST, UP))
    live.begin("the-run")
    gauges = {"planned": 12.5, "started": 12, "completed": 10, "waiting": 3, "users": 7, "lag": 0.002}
    live.add(beat(1, (HOME, Kind.RESPONSE, times(0.02, 30)), (HOME, Kind.SERVICE, times(0.004, 30)), **gauges))
    live.add(beat(1, (HOME, Kind.FAILED, times(0.01, 2)), **gauges))
    live.add(beat(2, (HOME, Kind.RESPONSE, times(3.0, 4)), ("POST /a/{id}", Kind.CENSORED, times(9, 1)), **gauges))
    for each in extra:
        live.add(each)
    return LoadMetrics(live, objectives(FAST, UP), INFO)


def page_of(metrics: LoadMetrics) -> str:
    registry = CollectorRegistry()
    registry.register(metrics)
    return generate_latest(registry).decode()


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Name, and the values of its labels in the order of their names -> value."""
    return {(s.name, *(v for _, v in sorted(s.labels.items()))): s.value for f in plain(text) for s in f.samples}


def read(url: str, accept: str = "text/plain") -> str:
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.read().decode()


def test_the_page_says_what_was_counted() -> None:
    found = samples(page_of(measured()))
    times_ = names.LOAD_RESPONSE_TIME
    assert found[f"{times_}_count", "GET", "/home"] == 34
    assert found[f"{times_}_bucket", "GET", "/home", "0.1"] == 30
    assert found[f"{times_}_bucket", "GET", "/home", "5.0"] == 34
    assert found[f"{times_}_sum", "GET", "/home"] == pytest.approx(30 * 0.02 + 4 * 3.0, rel=1 / 2048)
    assert found[f"{times_}_count", "POST", "/a/{id}"] == 0
    assert found[f"{names.LOAD_SERVICE_TIME}_count", "GET", "/home"] == 30
    assert found[f"{names.LOAD_SERVICE_TIME}_bucket", "GET", "/home", "0.005"] == 30
    assert found[f"{names.LOAD_FAILED}_total", "GET", "/home"] == 2
    assert found[f"{names.LOAD_CENSORED}_total", "POST", "/a/{id}"] == 1
    assert found[f"{names.LOAD_PLANNED}_total",] == 12.5
    assert found[f"{names.LOAD_STARTED}_total",] == 12
    assert found[f"{names.LOAD_COMPLETED}_total",] == 10
    assert found[names.LOAD_WAITING,] == 3
    assert found[names.LOAD_USERS,] == 7
    assert found[names.LOAD_LAG,] == 0.002
    assert found[names.LOAD_OBJECTIVE_STATE, "fast"] == -1
    assert found[names.LOAD_OBJECTIVE_STATE, "up"] == 0
    assert found[names.RUN_INFO, "http://127.0.0.1:1", "smoke", "the-run"] == 1


def test_a_stall_shows_on_the_page_at_once() -> None:
    stalled = Beat(tick=beat(3).tick.model_copy(update={"p50": 2.0, "p95": 5.0, "p99": 5.5}))
    found = samples(page_of(measured(stalled)))
    assert [found[names.LOAD_RECENT, p] for p in ("50", "95", "99")] == [2.0, 5.0, 5.5]


def test_every_name_of_a_run_is_one_of_ours_and_its_id_is_on_what_tells_of_the_run_alone() -> None:
    for family in plain(page_of(measured())):
        assert family.name.startswith("tailgate_")
        for sample in family.samples:
            assert (names.LABEL_RUN_ID in sample.labels) is (sample.name in (names.RUN_INFO, names.RUN_START))


def test_a_run_says_when_its_load_began() -> None:
    before = time.time()
    found = samples(page_of(measured()))
    # The first of its seconds was over when it was told of.
    assert before - 1 <= found[names.RUN_START, "the-run"] <= time.time() - 1


def test_before_the_load_there_is_nothing() -> None:
    assert page_of(LoadMetrics(Live(), None, INFO)) == ""


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed: apt-get install prometheus")
def test_promtool_accepts_the_page() -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=page_of(measured()),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("route", ['GET /a"b\\c\nd', "(other)", "GET /söderström", "GET", "a b c"])
def test_a_strange_route_is_a_label_and_no_more(route: str) -> None:
    text = page_of(measured(beat(3, (route, Kind.FAILED, times(0.1, 5)))))
    values = [s.value for f in plain(text) for s in f.samples if s.name == f"{names.LOAD_FAILED}_total"]
    assert sorted(values) == [0, 2, 5]


@given(st.dictionaries(st.integers(0, buckets.LAST), st.integers(1, 1000), max_size=50))
def test_an_edge_has_beneath_it_what_the_judge_finds_within(counts) -> None:
    histogram, edges = Histogram(counts), [0.001, 0.1, 0.25, 1.0, 60.0]
    found, total = cumulative(histogram, edges)
    assert [n for _, n in found[:-1]] == [histogram.total - histogram.above(edge) for edge in edges]
    assert found[-1] == ("+Inf", histogram.total)
    if counts:
        assert math.isclose(total, histogram.mean() * histogram.total, rel_tol=1e-9)


@given(st.floats(0.00001, 3000))
def test_any_threshold_is_an_edge(threshold: float) -> None:
    found, _ = cumulative(Histogram.of([threshold * 0.998, threshold * 1.002]), [threshold])
    assert [n for _, n in found] == [1, 2]


def test_the_page_is_on_loopback_in_either_format() -> None:
    with MetricsPage(measured(), 0) as page:
        assert page.url.startswith("http://127.0.0.1:")
        text = read(page.url)
        families = openmetrics(read(page.url, "application/openmetrics-text; version=1.0.0"))
        assert sum(len(f.samples) for f in families) == len(samples(text)) > 20
    with pytest.raises(OSError, match="refused"):
        read(page.url)


def test_a_port_in_use_is_named_with_its_cure() -> None:
    with MetricsPage(measured(), 0) as page:
        port = int(page.url.split(":")[2].split("/")[0])
        with pytest.raises(PlanError, match=f"--metrics-port {port}: .* 0 finds a free one"):
            MetricsPage(measured(), port)


LOOK = """
    from locust import FastHttpUser, task

    class Someone(FastHttpUser):
        def on_start(self):
            self.client.get("/login")

        @task(4)
        def look(self):
            self.client.get("/fast")

        @task
        def fail(self):
            self.client.get("/error")
"""


def totals(text: str) -> Counter[str]:
    """Requests by route, whatever became of them."""
    found: Counter[str] = Counter()
    counted = [f"{names.LOAD_RESPONSE_TIME}_count", f"{names.LOAD_FAILED}_total", f"{names.LOAD_CENSORED}_total"]
    for family in plain(text):
        for sample in family.samples:
            if sample.name in counted:
                found[f"{sample.labels[names.LABEL_METHOD]} {sample.labels[names.LABEL_ROUTE]}"] += round(sample.value)
    return found


def test_a_run_can_be_scraped_while_it_lasts_and_agrees_with_its_bundle_at_the_end(api, tmp_path) -> None:
    plan = plan_of(tmp_path, api.url, LOOK, steady(40, 5, warmup=1.0))
    live, pages = Live(), []
    with MetricsPage(LoadMetrics(live, None, INFO), 0) as page:
        bundle = carry_out(plan, live=live, on_tick=lambda _: pages.append(read(page.url)))
        last = read(page.url)
    early, late = samples(pages[1]), samples(pages[4])
    assert 0 < early[f"{names.LOAD_STARTED}_total",] < late[f"{names.LOAD_STARTED}_total",]
    assert all(
        value >= early[key]
        for key, value in late.items()
        if key[0].endswith(("_total", "_count", "_bucket")) and key in early
    )
    run = bundle.read_run()
    assert 0 < totals(pages[1]).total() < totals(pages[4]).total() <= totals(last).total()
    assert totals(last) == {r.route: r.requests for r in run.routes if r.requests}
    assert samples(last)[f"{names.LOAD_COMPLETED}_total",] == run.arrivals.completed
    assert samples(last)[names.RUN_INFO, "http://127.0.0.1:1", "smoke", run.id] == 1


@contextmanager
def receiving(status: int = 200, *, silent: bool = False) -> Iterator[tuple[str, list]]:
    """An OTLP receiver; one that is ``silent`` answers when it ends, or in half a minute."""
    received: list[ExportMetricsServiceRequest] = []

    def receive(request: Request) -> Response:
        if silent:
            server.over.wait(30)
        received.append(ExportMetricsServiceRequest.FromString(request.body))
        return Response(status=status)

    with Server(receive) as server:
        yield server.url, received


def push(metrics: LoadMetrics, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> list[str]:
    monkeypatch.setenv(names.ENV_OTLP_ENDPOINT, endpoint)
    with Push(metrics, names.ENV_OTLP_ENDPOINT) as pushing:
        return pushing.close()


def test_what_is_pushed_is_what_the_page_says(monkeypatch) -> None:
    metrics = measured()
    with receiving() as (endpoint, received):
        assert push(metrics, monkeypatch, endpoint) == []
    (request,) = received
    (resource,) = request.resource_metrics
    attributes = {a.key: a.value.string_value for a in resource.resource.attributes}
    assert attributes[names.ATTR_SERVICE_NAME] == "tailgate-load"
    assert attributes[names.ATTR_SERVICE_INSTANCE]
    (scope,) = resource.scope_metrics
    page, seen = samples(page_of(metrics)), 0
    for metric in scope.metrics:
        kind = metric.WhichOneof("data")
        for point in getattr(metric, kind).data_points:
            labels = [value for _, value in sorted((a.key, a.value.string_value) for a in point.attributes)]
            if kind == "histogram":
                assert metric.unit == "s"
                running, edges = 0, [*map(str, point.explicit_bounds), "+Inf"]
                for edge, n in zip(edges, point.bucket_counts, strict=True):
                    running += n
                    assert page[f"{metric.name}_bucket", *labels, edge] == running
                assert page[f"{metric.name}_count", *labels] == point.count == running
                assert page[f"{metric.name}_sum", *labels] == point.sum
                assert {a.key for a in point.attributes} == {names.ATTR_METHOD, names.ATTR_ROUTE}
                seen += len(edges) + 2
            else:
                suffix = "_total" if kind == "sum" else ""
                assert page[metric.name + suffix, *labels] == (point.as_double or point.as_int)
                seen += 1
    assert seen == len(page)


def test_the_environments_own_service_name_comes_first(monkeypatch) -> None:
    monkeypatch.setenv(names.ENV_SERVICE_NAME, "nightly")
    with receiving() as (endpoint, received):
        push(measured(), monkeypatch, endpoint)
    found = received[0].resource_metrics[0].resource.attributes
    assert "nightly" in [a.value.string_value for a in found if a.key == names.ATTR_SERVICE_NAME]


def test_without_a_load_nothing_is_pushed(monkeypatch) -> None:
    with receiving() as (endpoint, received):
        assert push(LoadMetrics(Live(), None, INFO), monkeypatch, endpoint) == []
    assert received == []


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "nonsense", "http://[::1"])
def test_a_receiver_that_is_not_there_is_a_warning(monkeypatch, endpoint: str) -> None:
    (warning,) = push(measured(), monkeypatch, endpoint)
    assert "1 of 1 pushes" in warning
    assert names.ENV_OTLP_ENDPOINT in warning


def test_a_receiver_that_refuses_is_a_warning(monkeypatch) -> None:
    with receiving(status=400) as (endpoint, _):
        (warning,) = push(measured(), monkeypatch, endpoint)
    assert "1 of 1 pushes" in warning


def test_a_receiver_that_keeps_silent_holds_no_run_up(monkeypatch) -> None:
    """It answers only once the push has given up, though the exporter would be patient."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "120")
    with receiving(silent=True) as (endpoint, received):
        (warning,) = push(measured(), monkeypatch, endpoint)
        assert received == []
    assert "1 of 1 pushes" in warning


def test_settings_that_make_no_sense_are_a_warning(monkeypatch) -> None:
    monkeypatch.setenv("OTEL_PYTHON_EXPORTER_OTLP_HTTP_METRICS_CREDENTIAL_PROVIDER", "soon")
    (warning,) = push(measured(), monkeypatch, "http://127.0.0.1:9")
    assert "soon" in warning


def test_the_metrics_own_endpoint_is_looked_for_first() -> None:
    assert push_wanted({}) is None
    assert push_wanted({names.ENV_OTLP_ENDPOINT: ""}) is None
    assert push_wanted({names.ENV_OTLP_ENDPOINT: "a"}) == names.ENV_OTLP_ENDPOINT
    both = {names.ENV_OTLP_ENDPOINT: "a", names.ENV_OTLP_METRICS_ENDPOINT: "b"}
    assert push_wanted(both) == names.ENV_OTLP_METRICS_ENDPOINT


def test_what_could_not_be_pushed_is_a_warning_of_the_run(api, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(names.ENV_OTLP_ENDPOINT, "http://127.0.0.1:9")
    live = Live()
    with Push(LoadMetrics(live, None, INFO), names.ENV_OTLP_ENDPOINT) as pushing:
        bundle = carry_out(plan_of(tmp_path, api.url, LOOK, steady(40, 2)), live=live, on_settled=pushing.close)
    assert "1 of 1 pushes" in bundle.read_run().warnings[-1]
