"""A run's own measures as Prometheus families, and the page they are read from while it lasts."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Self

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from tailgate_otel import names
from tailgate_slo import Objectives

from tailgate_loadtest.errors import PlanError
from tailgate_loadtest.measure import buckets
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.run.live import Live, RouteCounts, Snapshot, State

LOOPBACK = "127.0.0.1"
# OpenTelemetry's edges for HTTP, and further ones on both sides: a fast service, and one that stalls for a while.
_EDGES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0)
_BY_ROUTE = (names.LABEL_METHOD, names.LABEL_ROUTE)
_STATES = {State.KEPT: 1, State.UNDECIDED: 0, State.NO_SAMPLES: 0, State.MISSED: -1}


def push_wanted(environ: Mapping[str, str]) -> str | None:
    """The variable by which the environment names where a run's measures are pushed; None when it names none."""
    return next((n for n in (names.ENV_OTLP_METRICS_ENDPOINT, names.ENV_OTLP_ENDPOINT) if environ.get(n)), None)


class LoadMetrics(Collector):
    """The families of one run. Its id is a label of what tells of the run alone: elsewhere it would open new series.

    Args:
        live: how the run stands.
        objectives: their thresholds are edges of the histogram.
        info: further labels of the info metric.

    """

    def __init__(self, live: Live, objectives: Objectives | None, info: Mapping[str, str]) -> None:
        thresholds = objectives.thresholds().values() if objectives is not None else ()
        self._edges = sorted({*_EDGES, *(float(each) for route in thresholds for each in route)})
        self._live = live
        self._info = dict(info)

    def collect(self) -> Iterator[Metric]:
        """Every family as it stands; none before the load has begun."""
        now = self._live.snapshot()
        if now is not None:
            yield from self._load(now)
            yield from self._routes(now.routes)
            yield self._objectives(now)
            info = GaugeMetricFamily(names.RUN_INFO, "The run, always 1.", labels=(names.LABEL_RUN_ID, *self._info))
            info.add_metric((now.run, *self._info.values()), 1)
            yield info
            start = GaugeMetricFamily(
                names.RUN_START, "When the run's load began, in seconds since 1970.", labels=(names.LABEL_RUN_ID,)
            )
            start.add_metric((now.run,), now.began)
            yield start

    def _load(self, now: Snapshot) -> Iterator[Metric]:
        tick = now.tick
        yield CounterMetricFamily(names.LOAD_PLANNED, "Arrivals expected by the profile until now.", tick.planned)
        yield CounterMetricFamily(names.LOAD_STARTED, "Arrivals begun.", tick.started)
        yield CounterMetricFamily(names.LOAD_COMPLETED, "Arrivals that have ended.", tick.completed)
        yield GaugeMetricFamily(names.LOAD_WAITING, "Arrivals that are due and wait for a user.", tick.waiting)
        yield GaugeMetricFamily(names.LOAD_USERS, "Users at once.", tick.users)
        yield GaugeMetricFamily(names.LOAD_LAG, "The generator's worst lateness in the last second.", tick.lag)
        recent = GaugeMetricFamily(
            names.LOAD_RECENT,
            "Percentiles of the last second, the age of what is still unanswered among them.",
            labels=(names.LABEL_PERCENTILE,),
        )
        for percentile, value in (("50", tick.p50), ("95", tick.p95), ("99", tick.p99)):
            if value is not None:
                recent.add_metric((percentile,), value)
        yield recent

    def _routes(self, routes: Mapping[str, RouteCounts]) -> Iterator[Metric]:
        times = HistogramMetricFamily(
            names.LOAD_RESPONSE_TIME, "From due to the last byte, of judged requests that succeeded.", labels=_BY_ROUTE
        )
        service = HistogramMetricFamily(
            names.LOAD_SERVICE_TIME, "From the send to the last byte, of the same requests.", labels=_BY_ROUTE
        )
        failed = CounterMetricFamily(names.LOAD_FAILED, "Judged requests that failed.", labels=_BY_ROUTE)
        censored = CounterMetricFamily(
            names.LOAD_CENSORED, "Judged requests without an answer when the drain ended.", labels=_BY_ROUTE
        )
        for route, counts in sorted(routes.items()):
            method, _, template = route.partition(" ")
            labels = (method, template) if template else (names.OTHER_METHOD, route)
            times.add_metric(labels, *cumulative(counts.response, self._edges))
            service.add_metric(labels, *cumulative(counts.service, self._edges))
            failed.add_metric(labels, counts.failed)
            censored.add_metric(labels, counts.censored)
        yield from (times, service, failed, censored)

    def _objectives(self, now: Snapshot) -> Metric:
        states = GaugeMetricFamily(
            names.LOAD_OBJECTIVE_STATE,
            "1 kept, 0 undecided, -1 missed, by the requests so far; not the verdict.",
            labels=(names.LABEL_OBJECTIVE,),
        )
        for standing in now.standings:
            states.add_metric((standing.slo.name,), _STATES[standing.state])
        return states


def cumulative(histogram: Histogram, edges: list[float]) -> tuple[list[tuple[str, float]], float]:
    """Prometheus's buckets by ascending edges in seconds, and the sum of the values.

    A fine bucket that reaches past an edge counts above it, as for the judge; the sum is within 1/2048 of exact.
    """
    first_above = [buckets.index(round(edge * 1e9) + 1) for edge in edges]
    counts = [0] * (len(edges) + 1)
    total = 0.0
    for bucket, n in histogram.counts.items():
        # The first edge whose buckets above begin beyond this one.
        counts[bisect_right(first_above, bucket)] += n
        total += buckets.middle(bucket) * n
    found, running = [], 0
    for bound, n in zip([*map(floatToGoString, edges), "+Inf"], counts, strict=True):
        running += n
        found.append((bound, float(running)))
    return found, total / 1e9


class MetricsPage:
    """The page at ``/metrics``, on loopback. A context manager."""

    def __init__(self, metrics: LoadMetrics, port: int) -> None:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(metrics)
        try:
            self._server, self._thread = start_http_server(port, addr=LOOPBACK, registry=registry)
        except OSError as error:
            raise PlanError(
                f"--metrics-port {port}: cannot be listened at on {LOOPBACK}: {error.strerror}; 0 finds a free one"
            ) from error

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{LOOPBACK}:{self._server.server_port}/metrics"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
