"""Pushes a run's own measures by OTLP over HTTP while it lasts, where the environment names an endpoint.

The families are those of the metrics page, turned into data points of the same numbers: one definition, two ways out.
The stock exporter reads its headers, certificates and time limit from OpenTelemetry's environment names.
"""

import logging
import platform
import threading
import time
from collections.abc import Iterable
from typing import Self

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import export as otlp
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client.core import Metric
from prometheus_client.samples import Sample
from tailgate_otel import names

from tailgate_loadtest.run.exposition import LoadMetrics

EVERY = 10.0
"""Seconds from push to push."""
GRACE = 2.0
"""Seconds that the last push may take; a run waits no longer for a receiver that does not answer."""
_SERVICE = "tailgate-load"
_ATTRIBUTES = {names.LABEL_METHOD: names.ATTR_METHOD, names.LABEL_ROUTE: names.ATTR_ROUTE}
_CUMULATIVE = otlp.AggregationTemporality.CUMULATIVE


class Push:
    """Pushes in a thread of its own for as long as it is entered; a context manager. It never fails a run.

    Args:
        metrics: what to push.
        variable: what names the endpoint, which the exporter reads itself; here for the warning's sake.

    """

    def __init__(self, metrics: LoadMetrics, variable: str) -> None:
        self._metrics = metrics
        self._variable = variable
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True, name="push")
        self._began = time.time_ns()
        self._tried = self._arrived = 0
        self._why = ""

    def __enter__(self) -> Self:
        # Without any handler Python would print the exporter's complaints into the live view.
        logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()  # who wants the last push to arrive has waited for it by ``close``

    def close(self) -> list[str]:
        """Push once more, within the grace, and end. Returns what went wrong, as warnings."""
        self._closing.set()
        self._thread.join(GRACE)
        if self._arrived == self._tried and not self._why:
            return []
        missed = f"{self._tried - self._arrived} of {self._tried} pushes of the run's measures did not arrive"
        why = self._why or f"there must be a receiver of OTLP over HTTP where {self._variable} points to"
        return [f"{missed}: {why}"]

    def _work(self) -> None:
        try:
            exporter = OTLPMetricExporter()
            last = False
            while not last:
                last = self._closing.wait(EVERY)
                if data := self._data():
                    self._tried += 1
                    self._arrived += exporter.export(data) is otlp.MetricExportResult.SUCCESS
            exporter.shutdown()
        except Exception as error:  # noqa: BLE001 - whatever it is, the run goes on, and tells of it in the end
            self._why = f"{type(error).__name__}: {error}"

    def _data(self) -> otlp.MetricsData | None:
        """All families at this moment; None before the load has begun."""
        now = time.time_ns()
        metrics = [_metric(family, self._began, now) for family in self._metrics.collect() if family.samples]
        if not metrics:
            return None
        instance = {names.ATTR_SERVICE_NAME: _SERVICE, names.ATTR_SERVICE_INSTANCE: platform.node()}
        resource = Resource(instance).merge(OTELResourceDetector().detect())
        scope = otlp.ScopeMetrics(InstrumentationScope("tailgate"), metrics, "")
        return otlp.MetricsData([otlp.ResourceMetrics(resource, [scope], "")])


def _metric(family: Metric, began: int, now: int) -> otlp.Metric:
    data: otlp.DataT
    if family.type == "histogram":
        data = otlp.Histogram(_histogram_points(family.samples, began, now), _CUMULATIVE)
    else:
        points = [otlp.NumberDataPoint(_attributes(s), began, now, s.value) for s in family.samples]
        data = otlp.Sum(points, _CUMULATIVE, is_monotonic=True) if family.type == "counter" else otlp.Gauge(points)
    # A receiver that writes for Prometheus appends the unit, unless the name ends with it already.
    return otlp.Metric(family.name, family.documentation, "s" if family.name.endswith("_seconds") else "", data)


def _histogram_points(samples: Iterable[Sample], began: int, now: int) -> list[otlp.HistogramDataPoint]:
    """A series' samples come together: its buckets by ascending edge, their counts cumulated, then count and sum."""
    points, edges, counts, below = [], [], [], 0
    for sample in samples:
        if sample.name.endswith("_bucket"):
            edges.append(float(sample.labels[names.LABEL_LE]))
            counts.append(round(sample.value) - below)
            below = round(sample.value)
        elif sample.name.endswith("_sum"):
            attributes = _attributes(sample)
            points.append(
                otlp.HistogramDataPoint(
                    attributes=attributes,
                    start_time_unix_nano=began,
                    time_unix_nano=now,
                    count=below,
                    sum=sample.value,
                    bucket_counts=counts,
                    explicit_bounds=edges[:-1],  # the last is infinity, which goes without saying
                    min=None,  # type: ignore[arg-type]  # optional on the wire, and not known from buckets
                    max=None,  # type: ignore[arg-type]
                )
            )
            edges, counts, below = [], [], 0
    return points


def _attributes(sample: Sample) -> dict[str, str]:
    return {_ATTRIBUTES.get(label, label): value for label, value in sample.labels.items() if label != names.LABEL_LE}
