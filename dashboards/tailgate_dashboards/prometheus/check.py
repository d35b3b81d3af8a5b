"""Whether a Prometheus holds what objectives need: each series, each route, each threshold's edge.

What was there within the last hour counts: a quiet service is not a missing one.
"""

from dataclasses import dataclass

from tailgate_slo import SLO, Objectives
from tailgate_slo.nearest import nearest

from tailgate_dashboards.errors import RefusedError, UnsupportedError
from tailgate_dashboards.plain import plain
from tailgate_dashboards.rules import Events, events_of, metrics_of
from tailgate_dashboards.series import Series, series_of

from .client import Prometheus
from .look import LOOK, MOST_NAMES, Look, LookAtPages


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
            return _asked(slo, events.over(LOOK), prometheus)
        look = (LookAtPages if slo.measure.kind == "vital" else Look)(prometheus, series, slo.measure)
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
        return Finding(slo=slo, good=False, said=plain(f"{which} no answer over the last {LOOK}{unknown}"))
    return Finding(slo=slo, good=True, said="its query answers")


def _unknown(query: str, prometheus: Prometheus) -> str:
    """Which metric of a query there is not, as far as one can be told by its braces or its range."""
    named = metrics_of(query)
    if not named:
        return ""
    known = prometheus.label_values("__name__")[:MOST_NAMES]
    lacking = sorted(named.difference(known))
    near = (nearest(name, known) for name in lacking)
    return "".join(
        f". There is no series {name}" + (f"; did you mean {like}?" if like else "")
        for name, like in zip(lacking, near, strict=True)
    )
