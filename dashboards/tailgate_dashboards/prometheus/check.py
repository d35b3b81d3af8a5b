"""Whether a Prometheus holds what objectives need: each series, each route, each threshold's edge.

What was there within the last hour counts: a quiet service is not a missing one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from tailgate_otel import names
from tailgate_slo import SLO, Measure, Objectives, nearest_route
from tailgate_slo.nearest import nearest, suggestion

from tailgate_dashboards.errors import RefusedError, UnsupportedError
from tailgate_dashboards.plain import plain
from tailgate_dashboards.rules import Events, events_of, metrics_of
from tailgate_dashboards.series import Series, Traffic, select, series_of

from .client import Prometheus
from .edges import edge_of, same
from .edges import nearest as nearest_edges

_LOOK = "1h"
_MOST_NAMES = 20_000
_MOST_JOBS = 5


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Whether an objective can be answered; ``said`` is what was found, or what is missing and the cure.

    ``good`` is None where nothing in a Prometheus is to answer it; ``note`` is what may be a mistake all the same.
    """

    slo: SLO
    good: bool | None
    said: str
    note: str = ""


def check(objectives: Objectives, prometheus: Prometheus) -> tuple[Finding, ...]:
    """What a Prometheus has for each objective.

    Raises PrometheusError where it cannot be asked.
    """
    series = series_of(objectives.metrics)
    return tuple(_finding(slo, series, prometheus) for slo in objectives.slos)


def _finding(slo: SLO, series: Series, prometheus: Prometheus) -> Finding:
    try:
        events = events_of(slo, series)
        if events is None:
            return Finding(slo=slo, good=None, said="is answered by runs alone")
        if slo.measure is None:
            return _asked(slo, events.over(_LOOK), prometheus)
        look = _Look(prometheus, series, slo.measure)
        missing = next(look.missing(), None)
        if missing is not None:
            return Finding(slo=slo, good=False, said=plain(missing))
        return Finding(slo=slo, good=True, said="is there", note=plain(look.doubt()))
    except (RefusedError, UnsupportedError) as error:
        return Finding(slo=slo, good=False, said=plain(str(error)))


def _asked(slo: SLO, events: Events, prometheus: Prometheus) -> Finding:
    """Each of an objective's own queries, and what the rules make of them: one that is wrong spoils all rules."""
    silent = []
    for word, query in events.asked.items():
        try:
            if not prometheus.query(query):
                silent.append(word)
        except RefusedError as error:
            which = "its query" if word == "query" else f"its {word} query"
            return Finding(slo=slo, good=False, said=plain(f"{which} is refused: {error}"))
    for rule in (events.all, events.bad):
        prometheus.query(rule)
    if silent == ["bad"]:
        unknown = _unknown(events.asked["bad"], prometheus)
        said = "its bad query has no answer, which is right where nothing failed yet, and wrong where it is misspelt"
        return Finding(slo=slo, good=True, said="its query answers", note=plain(f"{said}{unknown}"))
    if silent == ["good"]:
        said = "its good query has no answer, so that all events would count as bad"
        return Finding(slo=slo, good=False, said=plain(said + _unknown(events.asked["good"], prometheus)))
    if silent:
        words = " and ".join(word for word in silent if word != "query")
        which = f"its {words} queries have" if len(silent) > 1 else f"its {words} query has".replace("  ", " ")
        unknown = _unknown(events.asked[silent[0]], prometheus)
        return Finding(slo=slo, good=False, said=plain(f"{which} no answer over the last {_LOOK}{unknown}"))
    return Finding(slo=slo, good=True, said="its query answers")


def _unknown(query: str, prometheus: Prometheus) -> str:
    """Which metric of a query there is not, as far as one can be told by its braces or its range."""
    named = metrics_of(query)
    if not named:
        return ""
    known = prometheus.label_values("__name__")[:_MOST_NAMES]
    lacking = sorted(named.difference(known))
    near = (nearest(name, known) for name in lacking)
    return "".join(
        f". There is no series {name}" + (f"; did you mean {like}?" if like else "")
        for name, like in zip(lacking, near, strict=True)
    )


class _Look:
    """What a Prometheus has for one measure."""

    def __init__(self, prometheus: Prometheus, series: Series, measure: Measure) -> None:
        self._prometheus, self._series, self._measure = prometheus, series, measure
        self._native = series.native and measure.kind != "queries"
        if measure.kind == "queries":
            self._histogram = series.queries or ""
        else:
            self._histogram = series.duration
        if measure.kind == "availability":
            self._counter = series.statuses
            self._native = self._native and series.requests is None
        else:
            self._counter = self._histogram if self._native else f"{self._histogram}_count"

    def missing(self) -> Iterator[str]:
        """What is not there, the most general first; nothing when all is."""
        if not self._groups(self._counter, ()):
            yield self._no_series()
        if not self._groups(self._counter, (), *self._series.matchers()):
            yield self._no_match()
        if self._measure.route and not self._groups(self._counter, (), *self._matchers()):
            yield self._no_route(self._measure.route)
        if self._measure.threshold is None:
            status = self._series.status
            if not any(labels.get(status) for labels in self._groups(self._counter, (status,), *self._matchers())):
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
        found = self._prometheus.label_values("__name__", '{__name__=~".+_(bucket|count|total)"}')[:_MOST_NAMES]
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

    def _no_route(self, route: str) -> str:
        if self._groups(self._counter, (), *self._matchers("all")):
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
        found = self._groups(buckets, (names.LABEL_LE,), *self._matchers())
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

    def _matchers(self, traffic: Traffic = "real") -> tuple[str, ...]:
        return self._series.matchers(self._measure.route, traffic)

    def _values(self, metric: str, label: str) -> set[str]:
        return {labels.get(label, "") for labels in self._groups(metric, (label,))}

    def _groups(self, metric: str, by: Iterable[str], *matchers: str) -> list[dict[str, str]]:
        """The labels ``by`` which series differ, each once."""
        found = self._prometheus.query(
            f"group by ({','.join(by)}) (present_over_time({select(metric, *matchers)}[{_LOOK}]))"
        )
        return [dict(sample.labels) for sample in found]
