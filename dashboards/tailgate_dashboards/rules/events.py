"""Service level indicators as PromQL: the rates of bad and of all events."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from tailgate_slo import SLO, Measure
from tailgate_slo.errors import shorten
from tailgate_slo.model import Bound, Op, Query, Ratio, Raw

from ..errors import UnsupportedError
from ..series import Series, le, select, status_5xx

WINDOW = "{{.window}}"
"""Stands for the range of a query, as Sloth writes it."""

_PLACEHOLDER = re.compile(r"\{\{\s*\.window\s*\}\}")
_QUOTED = re.compile(
    r"""
    " (?: \\. | [^"\\] )* "  |  ' (?: \\. | [^'\\] )* '  |  ` [^`]* `
""",
    re.VERBOSE,
)
_SELECTOR = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\s*(\{[^{}]*\})?")
_METRIC = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*[\[{]")
_MISSED: dict[Op, str] = {"lt": ">=", "lte": ">", "gt": "<=", "gte": "<"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Events:
    """Expressions for the rates of bad and of all events, ``{{.window}}`` standing for the range.

    Attributes:
        ranged: whether they tell any window; else they tell the moment, or a range of their own.
        counted: whether these are events a second; else they are moments, each bad as far as ``bad`` says.
        present: what there is nothing of when there are no data.
        source: what those who look for them will know that by: a metric's name, or the objective's.
        asked: the objective's own queries, each by its word for it (``bad``); none where it has a measure.
    """

    bad: str
    all: str
    ranged: bool = True
    counted: bool = True
    present: str
    source: str
    asked: Mapping[str, str] = field(default_factory=dict)

    def over(self, window: str) -> "Events":
        """The same over a range such as ``5m``."""
        filled = {key: getattr(self, key).replace(WINDOW, window) for key in ("bad", "all", "present")}
        asked = {word: query.replace(WINDOW, window) for word, query in self.asked.items()}
        return replace(self, **filled, asked=asked)


def events_of(slo: SLO, series: Series) -> Events | None:
    """The rates that answer an objective; None where nothing in a Prometheus does: on Web Vitals that no page reports.

    Raises UnsupportedError when the series cannot tell, or a query cannot be asked for windows.
    """
    if slo.query is not None:
        return _of_query(slo.name, slo.query)
    if slo.measure is None or (slo.measure.kind == "vital" and not series.vitals):
        return None
    return _of_measure(slo.name, slo.measure, series)


def metrics_of(query: str) -> frozenset[str]:
    """The names of the metrics in a query, as far as matchers or a range after them tell that they are."""
    return frozenset(_METRIC.findall(_QUOTED.sub('""', query)))


def _of_measure(name: str, measure: Measure, series: Series) -> Events:
    found, anything = series.of(measure), series.matchers(traffic="all")
    if measure.threshold is None:
        counting = series.native and series.requests is None
        every = _rate(series.statuses, *found, native=counting)
        failed = _rate(series.statuses, *found, status_5xx(series.status), native=counting)
        # Without a failure since its start a service has no such series; that is none, not unknown.
        return Events(
            bad=f"({failed} or vector(0))",
            all=every,
            present=select(series.statuses, *anything),
            source=series.requests or series.duration,
        )
    if measure.kind == "latency":
        edge = series.in_units(measure.threshold)
        if series.native:
            return _native(series.duration, found, edge, anything)
        return _classic(series.duration, found, edge, anything)
    histogram = series.histogram(measure)
    if histogram is None:
        raise UnsupportedError(
            f"objective {name}: these metrics have no queries per request. Name their histogram in the document of "
            "kind Metrics, as in queries: app_queries_per_request"
        )
    return _classic(histogram, found, measure.threshold, anything)


def _classic(metric: str, route: tuple[str, ...], edge: Decimal, anything: tuple[str, ...]) -> Events:
    every = _rate(f"{metric}_count", *route)
    good = _rate(f"{metric}_bucket", *route, le(edge))
    return Events(bad=f"({every} - {good})", all=every, present=select(f"{metric}_count", *anything), source=metric)


def _native(metric: str, route: tuple[str, ...], edge: Decimal, anything: tuple[str, ...]) -> Events:
    observed = f"sum(rate({select(metric, *route)}[{WINDOW}]))"
    every = f"histogram_count({observed})"
    # The fraction of nothing is no number, which would spoil every sum that it gets into.
    bad = f"((1 - histogram_fraction(-Inf, {edge.normalize():f}, {observed})) * ({every} > 0))"
    return Events(bad=bad, all=every, present=select(metric, *anything), source=metric)


def _rate(metric: str, *matchers: str, native: bool = False) -> str:
    rate = f"sum(rate({select(metric, *matchers)}[{WINDOW}]))"
    return f"histogram_count({rate})" if native else rate


def _of_query(name: str, query: Query) -> Events:
    if isinstance(query, Ratio):
        return _of_ratio(name, query)
    asked = _asked(query.query)
    # What is no number counts as no data.
    if isinstance(query, Bound):
        value = f"(({asked}) >= -Inf)"
        bad = f"avg({value} {_MISSED[query.op]} bool {query.value:f})"
    else:
        value = f"(({asked}) >= 0)"
        bad = f"avg({value})" if query.failure else f"(1 - avg({value}))"
    # What is good over an hour is not what was good at each of its moments.
    ranged = isinstance(query, Raw) and WINDOW in asked
    every = f"(count({value}) > bool 0)"
    return Events(bad=bad, all=every, ranged=ranged, counted=False, present=value, source=name, asked={"query": asked})


def _of_ratio(name: str, query: Ratio) -> Events:
    total = _counted(name, query.total, query.counter)
    part = _counted(name, query.bad or query.good or "", query.counter)
    ranged = WINDOW in total
    if ranged != (WINDOW in part):
        raise UnsupportedError(f"objective {name}: {WINDOW} stands in one of its queries. Write it in both, or in none")
    bad = f"({part} or vector(0))"
    if query.bad is None:
        bad = f"clamp_min({total} - {bad}, 0)"
    # What is no number would spoil every sum that it gets into.
    return Events(
        bad=f"({bad} >= 0)",
        all=f"({total} >= 0)",
        ranged=ranged,
        present=total,
        source=name,
        asked={"total": total, "good" if query.bad is None else "bad": part},
    )


def _counted(name: str, query: str, counter: bool) -> str:
    """A query of events as their rate, one number."""
    asked = _asked(query)
    bare = _QUOTED.sub('""', asked)
    if counter and WINDOW not in bare and "[" not in bare:
        if not _SELECTOR.fullmatch(bare):
            raise UnsupportedError(
                f"objective {name}: the query {shorten(query)} adds up counters before their rates are known, which a "
                f"restart falsifies. Write sum(rate(…[{WINDOW}]))"
            )
        asked = f"rate({asked}[{WINDOW}])"
    return f"sum({asked})"


def _asked(query: str) -> str:
    """A query as it can stand within another: what follows a comment is on a line of its own."""
    asked = _PLACEHOLDER.sub(WINDOW, query.strip())
    return f"{asked}\n" if "#" in _QUOTED.sub("", asked) else asked
