"""What a Prometheus has for one measure, and what it lacks with the cure."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from tailgate_otel import names
from tailgate_slo import Measure, nearest_route
from tailgate_slo.nearest import nearest, suggestion

from tailgate_dashboards.series import Series, select

from .client import Prometheus
from .edges import edge_of, same
from .edges import nearest as nearest_edges

LOOK = "1h"
MOST_NAMES = 20_000
_MOST_JOBS = 5


class Look:
    """A measure of requests."""

    def __init__(self, prometheus: Prometheus, series: Series, measure: Measure) -> None:
        self._prometheus, self._series, self._measure = prometheus, series, measure
        self._native = series.native and measure.kind in {"latency", "availability"}
        self._histogram = series.histogram(measure) or ""
        if measure.kind == "availability":
            self._counter = series.statuses
            self._native = self._native and series.requests is None
        else:
            self._counter = self._histogram if self._native else f"{self._histogram}_count"

    def missing(self) -> Iterator[str]:
        """What is not there, the most general first; nothing when all is."""
        own = self._series.of(self._measure)
        if not self._groups(self._counter, ()):
            yield self._no_series()
        if not self._groups(self._counter, (), *self._series.matchers()):
            yield self._no_match()
        if not self._groups(self._counter, (), *own):
            yield self._no_route()
        if self._measure.threshold is None:
            status = self._series.status
            if not any(labels.get(status) for labels in self._groups(self._counter, (status,), *own)):
                yield f"{self._counter} has no label {status}; name the status's by labels in kind: Metrics"
        elif not self._native:
            yield from self._no_edge(self._measure.threshold)

    def doubt(self) -> str:
        """What may not be meant of what is there."""
        if self._series.match:
            return ""
        jobs = sorted(job for job in self._values(self._counter, self._series.job) if job)
        if len(jobs) < 2:
            return ""
        shown = ", ".join(jobs[:_MOST_JOBS]) + (", …" if len(jobs) > _MOST_JOBS else "")
        return (
            f"{len(jobs)} jobs have {self._counter}, and are added up: {shown}; where they are not one service, write"
            f" match: {{{self._series.job}: {jobs[0]}}} in kind: Metrics"
        )

    def _no_series(self) -> str:
        problem = f"there is no series {self._counter}"
        base = self._histogram
        if self._native and self._groups(f"{base}_bucket", ()):
            return f"{problem} that is a native histogram; {base}_bucket is there: leave native out of kind: Metrics"
        if not self._native and self._prometheus.query(f"group(histogram_count({base}))"):
            return f"{problem}, but {base} is a native histogram: write native: true in kind: Metrics"
        found = self._prometheus.label_values("__name__", '{__name__=~".+_(bucket|count|total)"}')[:MOST_NAMES]
        if not found:
            return f"{problem}. It holds no counter at all"
        near = nearest(self._counter, found)
        cure = f"Did you mean {near}?" if near else "Name the service's own in kind: Metrics, or have it scraped"
        return f"{problem}. {cure}"

    def _no_match(self) -> str:
        """Why none of the series is one of the service's."""
        for label, value in self._series.match.items():
            found = self._values(self._counter, label)
            if value not in found:
                cure = suggestion(value, found - {""}) or f"None has a label {label}"
                return f"no series {self._counter} has {label}={value}. {cure}"
        if self._groups(self._counter, (), *self._series.matchers(traffic="all")):
            return f"{self._counter} has counted load tests alone; synthetic: true in kind: Metrics counts them as well"
        return f"no series {self._counter} has all of the labels of match"

    def _no_route(self) -> str:
        route = self._measure.route or ""
        if self._groups(self._counter, (), *self._series.of(self._measure, "all")):
            return f"{route} has been asked by load tests alone; synthetic: true in kind: Metrics counts them as well"
        labels = tuple(label for label in (self._series.method, self._series.route) if label)
        found = {
            " ".join(each.get(label, "") for label in labels).strip()
            for each in self._groups(self._counter, labels, *self._series.matchers())
        }
        wanted = self._series.routes.get(route, route if self._series.method else route.partition(" ")[2])
        if not any(self._values(self._counter, self._series.route)):
            return f"{self._counter} has no label {self._series.route}; name the route's by labels in kind: Metrics"
        near = nearest_route(wanted, found)
        cure = f"Did you mean {near}?" if near else suggestion(wanted, found)
        return f"{self._counter} has no route {wanted}. {cure}"

    def _no_edge(self, threshold: Decimal) -> Iterator[str]:
        buckets = f"{self._histogram}_bucket"
        per_unit = self._series.per_second if self._measure.kind == "latency" else Decimal(1)
        found = self._groups(buckets, (names.LABEL_LE,), *self._series.of(self._measure))
        edges = [edge for labels in found if (edge := edge_of(labels.get(names.LABEL_LE, "NaN"), per_unit)) is not None]
        if not edges:
            yield f"there is no series {buckets} with an edge for it: the histogram has no buckets"
        elif not any(same(edge, threshold) for edge in edges):
            near = " and ".join(self._shown(edge) for edge in nearest_edges(edges, threshold))
            yield (
                f"no bucket of {buckets} ends at {self._shown(threshold)}: the nearest edges are {near}. Give the"
                " histogram that edge, or the objective one of these"
            )

    def _shown(self, edge: Decimal) -> str:
        return f"{(edge * 1000).normalize():f} ms" if self._measure.kind == "latency" else f"{edge.normalize():f}"

    def _values(self, metric: str, label: str, *matchers: str) -> set[str]:
        return {labels.get(label, "") for labels in self._groups(metric, (label,), *matchers)}

    def _groups(self, metric: str, by: Iterable[str], *matchers: str) -> list[dict[str, str]]:
        """The labels ``by`` which series differ, each once."""
        found = self._prometheus.query(
            f"group by ({','.join(by)}) (present_over_time({select(metric, *matchers)}[{LOOK}]))"
        )
        return [dict(sample.labels) for sample in found]


class LookAtPages(Look):
    """A measure of page views, which pages report to the service."""

    def doubt(self) -> str:
        """What may not be meant of what is there; that nobody has told it yet comes first."""
        views = f"max_over_time({select(self._counter, *self._series.of(self._measure))}[{LOOK}])"
        if not self._prometheus.query(f"{views} > 0"):
            return "no view has told it since the service was started: do its pages send what they measure?"
        return super().doubt()

    def _no_series(self) -> str:
        return (
            f"there is no series {self._counter}. Have the service take what its pages measure, and this Prometheus"
            " scrape the service"
        )

    def _no_route(self) -> str:
        page, timing = self._measure.route, self._measure.timing or ""
        pages = self._values(self._counter, names.LABEL_PAGE, *self._series.matchers(traffic="all"))
        if page is not None and page not in pages:
            return f"{self._counter} has no page {page}. {suggestion(page, pages)}"
        of_page = self._series.of(replace(self._measure, timing=None))
        timings = self._values(self._counter, names.LABEL_TIMING, *of_page)
        return f"{self._counter} has no timing {timing} of {page or 'any page'}. {suggestion(timing, timings)}"

    def _shown(self, edge: Decimal) -> str:
        return f"{edge.normalize():f}" + ("" if self._measure.vital == "cls" else " s")
