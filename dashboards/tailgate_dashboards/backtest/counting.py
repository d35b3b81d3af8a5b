"""The events of an objective over the past: all of them, and the bad ones at every threshold that can be asked for."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from statistics import median

import numpy as np
from tailgate_otel import names
from tailgate_slo import SLO, Measure

from tailgate_dashboards.errors import UnansweredError
from tailgate_dashboards.prometheus import Line, Prometheus
from tailgate_dashboards.prometheus.edges import edge_of, nearest, same
from tailgate_dashboards.rules import Events, events_of
from tailgate_dashboards.series import Series, select

from .past import Pace, Past
from .replay import Flags, Floats

_PARTS = (Decimal("0.5"), Decimal("0.75"), Decimal("1.5"), Decimal(2))
"""Of the objective's own threshold: those that a native histogram is asked for, and one with a vital's many edges."""
_SCRAPES = 2
"""That a step holds at the least, so that one that failed leaves no hole."""
_LONGEST_SCRAPE = 300.0
_QUERY_STEP = 300.0
"""The shortest window of the alerts: nobody but the query itself knows how often its series are scraped."""
_LOOK, _LOOKS = 900.0, 24
"""Seconds in which it is looked how often there is a sample, and how often that is done."""
_GAPS = 2
"""Between samples, that one look needs: a single one may be an outage."""


@dataclass(frozen=True, kw_only=True)
class Steps:
    """All events in each step and the bad ones; none where it is not ``known`` which are bad, as the rules have it."""

    all: Floats
    bad: Floats
    known: Flags


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Events at the objective's ``own`` threshold, and at ``other`` ones (in seconds, or counts).

    Where they are not ``counted``, these are moments, of which nobody can ask how many there are.
    """

    own: Steps
    other: Mapping[Decimal, Steps]
    counted: bool = True


def pace_of(slo: SLO, series: Series, prometheus: Prometheus, *, begin: float, end: float) -> Pace:
    """How often an objective's series are scraped, and a step that holds that more than once.

    Where that changed, it is the longest time between two scrapes: a rate over less would be none for all the time
    in which they were that far apart, whereas one over more is only less sharp.

    Raises UnansweredError where there is no such series, or too seldom a sample for the alerts' windows.
    """
    if slo.measure is None:
        return Pace(step=_QUERY_STEP)
    selector = select(_counter(slo.measure, series), *series.of(slo.measure))
    look = f"{selector}[{_LOOK:.0f}s]"
    seen = prometheus.query_range(f"max(count_over_time({look}))", begin + _LOOK, end, (end - begin - _LOOK) / _LOOKS)
    # As many samples, as far apart: one look of each number is taken.
    looks = {value: at for line in seen for value, at in zip(line.values, line.times, strict=True)}
    if not looks:
        raise UnansweredError(f"{selector} has no sample in this time")
    apart = [_apart(prometheus.samples(look, at)) for at in looks.values()]
    usable = [seconds for seconds in apart if seconds <= _LONGEST_SCRAPE]
    if not usable:
        raise UnansweredError(f"{selector} has a sample every {min(apart):.0f} s at best: too seldom to replay alerts")
    scrape = max(usable)
    return Pace(step=60.0 * math.ceil(_SCRAPES * scrape / 60), scrape=scrape)


def _apart(lines: Sequence[Line]) -> float:
    """Seconds between two samples of what has the most of them; a whole look where there are too few to tell."""
    times = max((line.times for line in lines), key=len, default=())
    apart = [after - before for before, after in pairwise(times)]
    return float(max(1, round(median(apart)))) if len(apart) >= _GAPS else _LOOK


def count(slo: SLO, series: Series, past: Past) -> Counted:
    """The events that an objective counts.

    Raises UnansweredError where the Prometheus has no series or no bucket for it, UnsupportedError where there cannot
    be any, PrometheusError where it cannot be asked.
    """
    events = events_of(slo, series)
    if events is None:
        raise UnansweredError("nothing in a Prometheus tells it")
    measure = slo.measure
    if measure is None or measure.threshold is None:
        return Counted(own=_asked(events, past), other={}, counted=events.counted)
    if measure.kind == "latency" and series.native:
        others = [measure.threshold * part for part in _PARTS]
        found = {at: events_of(_at(slo, at), series) for at in others}
        other = {at: _asked(changed, past) for at, changed in found.items() if changed is not None}
        return Counted(own=_asked(events, past), other=other)
    return _classic(measure, measure.threshold, series, past, _rate(events.over(past.range).all, past))


def _at(slo: SLO, threshold: Decimal) -> SLO:
    return replace(slo, measure=slo.measure and replace(slo.measure, threshold=threshold))


def _counter(measure: Measure, series: Series) -> str:
    """A series that counts a measure's events, by which it is seen how often they are scraped."""
    if measure.kind == "availability":
        return series.statuses
    histogram = series.histogram(measure)
    if histogram is None:
        what = "Web Vitals, which a run alone measures" if measure.kind == "vital" else measure.kind
        raise UnansweredError(f"the service's series do not tell {what}")
    return histogram if measure.kind == "latency" and series.native else f"{histogram}_count"


def _classic(measure: Measure, threshold: Decimal, series: Series, past: Past, every: Floats) -> Counted:
    """Every edge of a histogram at once, of which the objective's own is one."""
    buckets = f"{_counter(measure, series).removesuffix('_count')}_bucket"
    per_unit = series.per_second if measure.kind == "latency" else Decimal(1)
    rate = f"rate({select(buckets, *series.of(measure))}[{past.range}])"
    within: dict[Decimal, Floats] = {}
    for text, good in past.lines(f"sum by ({names.LABEL_LE}) ({rate})", names.LABEL_LE).items():
        if (edge := edge_of(text, per_unit)) is not None:
            # le="1" and le="1.0" of two clients are one edge.
            within[edge] = _sum(within[edge], good) if edge in within else good
    own = next((edge for edge in within if same(edge, threshold)), None)
    if own is None:
        near = " and ".join(f"{edge.normalize():f}" for edge in nearest(within, threshold))
        raise UnansweredError(
            f"no bucket of {buckets} ends at {threshold.normalize():f}; the nearest edges are {near or 'unknown'}"
        )
    tried: Collection[Decimal] = {own, *_next_to(threshold, within)} if measure.kind == "vital" else within
    steps = {edge: _steps(every, every - within[edge], past) for edge in sorted(tried)}
    return Counted(own=steps.pop(own), other=steps)


def _next_to(threshold: Decimal, edges: Collection[Decimal]) -> set[Decimal]:
    return {min(edges, key=lambda edge: abs(edge - threshold * part)) for part in _PARTS}


def _asked(events: Events, past: Past) -> Steps:
    over = events.over(past.range)
    return _steps(_rate(over.all, past), _rate(over.bad, past), past)


def _rate(promql: str, past: Past) -> Floats:
    """The one line of a rate; NaN where there is none."""
    return past.lines(promql).get("", np.full(past.steps, np.nan))


def _steps(every: Floats, bad: Floats, past: Past) -> Steps:
    known = ~(np.isnan(every) | np.isnan(bad))
    return Steps(
        all=np.where(known, every, 0.0) * past.step,
        bad=np.maximum(np.where(known, bad, 0.0), 0.0) * past.step,
        known=known,
    )


def _sum(one: Floats, other: Floats) -> Floats:
    """The sum of what is known."""
    unknown = np.isnan(one) & np.isnan(other)
    return np.where(unknown, np.nan, np.nan_to_num(one) + np.nan_to_num(other))
