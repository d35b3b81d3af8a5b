"""A service's counters as a Prometheus has them, by the names that the service itself would give them.

Whatever the series are called and whatever their unit: who reads these reads a page of ours.
"""

from collections.abc import Mapping
from decimal import Decimal

from tailgate_otel import names

from tailgate_dashboards.series import Series, select

from .client import Prometheus
from .edges import edge_of

Counter = tuple[str, dict[str, str], float]
"""A series' name, labels and value."""


def counters(prometheus: Prometheus, series: Series) -> list[Counter]:
    """The counts of requests by route and status, their durations in seconds, and their queries, as they are now.

    Instances are added up; load tests and visitors stay apart where the series tell them. Raises PrometheusError.
    """
    reading = _Reading(prometheus, series)
    ours = names.HTTP_SERVER_DURATION
    found = reading.ask(series.statuses, f"{ours}_count", status=True, native=series.native and not series.requests)
    if series.native:
        found += reading.ask(series.duration, f"{ours}_sum", native=True, function="histogram_sum")
    else:
        found += reading.ask(f"{series.duration}_sum", f"{ours}_sum", per_unit=series.per_second)
        found += reading.ask(f"{series.duration}_bucket", f"{ours}_bucket", per_unit=series.per_second, edges=True)
    if series.queries is not None:
        for part in ("count", "sum", "bucket"):
            found += reading.ask(
                f"{series.queries}_{part}", f"{names.QUERIES_PER_REQUEST}_{part}", edges=part == "bucket"
            )
    return found


def scraped(prometheus: Prometheus, series: Series) -> float | None:
    """When each instance had been scraped, in seconds since 1970: the time of the one that was longest ago.

    None where there is no series yet. Raises PrometheusError.
    """
    found = prometheus.query(f"min(timestamp({select(series.statuses, *series.matchers(traffic='all'))}))")
    return found[0].value if found else None


class _Reading:
    """Asks for sums by route, and calls them as ours are called."""

    def __init__(self, prometheus: Prometheus, series: Series) -> None:
        self._prometheus, self._series = prometheus, series
        self._routes = {value: route for route, value in series.routes.items()}

    def ask(
        self,
        metric: str,
        ours: str,
        *,
        per_unit: Decimal = Decimal(1),
        status: bool = False,
        edges: bool = False,
        native: bool = False,
        function: str = "histogram_count",
    ) -> list[Counter]:
        """The sums of a metric's series; ``per_unit`` of their unit are one of ours."""
        by = [self._series.method, self._series.route, self._series.synthetic]
        by += [self._series.status] if status else []
        by += [names.LABEL_LE] if edges else []
        labels = ", ".join(label for label in by if label)
        total = f"sum by ({labels}) ({select(metric, *self._series.matchers(traffic='all'))})"
        return [
            (
                ours,
                self._called(sample.labels, per_unit),
                sample.value if edges else float(Decimal(sample.value) / per_unit),
            )
            for sample in self._prometheus.query(f"{function}({total})" if native else total)
            if not edges or _is_bucket(sample.labels.get(names.LABEL_LE, ""))
        ]

    def _called(self, labels: Mapping[str, str], per_unit: Decimal) -> dict[str, str]:
        """Labels as ours are called."""
        value = labels.get(self._series.route, "")
        method, _, template = self._routes[value].partition(" ") if value in self._routes else ("", "", value)
        called = {names.LABEL_ROUTE: template, names.LABEL_METHOD: labels.get(self._series.method or "", method)}
        if status := labels.get(self._series.status):
            called[names.LABEL_STATUS] = status
        if self._series.synthetic and labels.get(self._series.synthetic):
            called[names.LABEL_SYNTHETIC] = labels[self._series.synthetic]
        if le := labels.get(names.LABEL_LE):
            edge = edge_of(le, per_unit)
            called[names.LABEL_LE] = le if per_unit == 1 or edge is None else f"{edge:f}"
        return called


def _is_bucket(le: str) -> bool:
    """Whether it is one at all: there are series by the name of buckets that are none."""
    return le == "+Inf" or edge_of(le) is not None
