"""OpenSLO v1 documents into objectives. The specification: https://github.com/OpenSLO/OpenSLO#specification."""

from collections.abc import Mapping
from decimal import Decimal
from typing import cast

from .alerting import read_alerting
from .measure import read_measure, read_query
from .model import OPS, SLO, Alerting, Bound, Measure, Op, Query, Ratio, Raw
from .nearest import suggestion
from .node import Node
from .quantity import EXACT, parse_period

DEFAULT_PERIOD_DAYS = 30
_TIMESLICES = "Objectives count events: write Occurrences"


def read_slo(
    name: str,
    document: Node,
    indicators: Mapping[str, Node],
    sources: Mapping[str, str],
    alerting: Mapping[str, Alerting],
) -> tuple[SLO, ...]:
    """The objectives of a ``kind: SLO`` document, one for each entry of its ``objectives``.

    ``indicators`` are the file's SLI documents' specs by name, ``sources`` its data sources' types by name,
    ``alerting`` what its services' documents say of alerts, by name.
    Several objectives are named after their targets (``checkout-p95``, ``checkout-p99``), not their places.
    """
    fields = document.fields(("apiVersion", "kind", "metadata", "spec"))
    metadata = read_metadata(fields["metadata"])
    spec = fields["spec"].fields(
        ("service", "objectives"),
        ("description", "indicator", "indicatorRef", "timeWindow", "budgetingMethod", "alertPolicies"),
    )
    if method := spec.get("budgetingMethod"):
        method.one_of(("Occurrences",), {"Timeslices": _TIMESLICES, "RatioTimeslices": _TIMESLICES})
    period = _period(spec["timeWindow"]) if "timeWindow" in spec else DEFAULT_PERIOD_DAYS
    source = _source(fields["spec"], spec, indicators)
    service = spec["service"].text()
    alerts = read_alerting(fields["metadata"], alerting.get(service) or Alerting())
    entries = spec["objectives"].items()
    slos = []
    for entry in entries:
        objective = _Objective(entry)
        measure, query = _indicator(source, objective, sources)
        suffix = _suffix(objective.target, measure) if len(entries) > 1 else ""
        slos.append(
            SLO(
                name=f"{name}-{suffix}" if suffix else name,
                display_name=objective.display_name or f"{metadata['displayName']} {suffix}".strip(),
                description=spec["description"].words() if "description" in spec else "",
                service=service,
                target=objective.target,
                period_days=period,
                measure=measure,
                query=query,
                alerting=alerts,
            )
        )
    return tuple(slos)


def read_metadata(node: Node) -> dict[str, str]:
    """A document's ``name`` and ``displayName`` (the name, where none is written); the rest checked for its shape."""
    fields = node.fields(("name",), ("displayName", "labels", "annotations"))
    for key in ("labels", "annotations"):
        for entry in fields[key].mapping().values() if key in fields else ():
            for value in entry.items() if key == "labels" and isinstance(entry.tree.content, tuple) else (entry,):
                value.words()
    display_name = fields["displayName"].words() if "displayName" in fields else ""
    return {"name": fields["name"].text(), "displayName": display_name or fields["name"].text()}


def read_spec(document: Node) -> Node:
    """The spec of a document of our own, whose metadata has been checked."""
    fields = document.fields(("apiVersion", "kind", "metadata", "spec"))
    read_metadata(fields["metadata"])
    return fields["spec"]


def read_indicator(spec: Node) -> dict[str, Node]:
    """The parts of an indicator's spec, of which one is its metric."""
    fields = spec.fields((), ("description", "thresholdMetric", "ratioMetric"))
    if ("thresholdMetric" in fields) == ("ratioMetric" in fields):
        raise spec.error("needs either thresholdMetric or ratioMetric", "Write one of them")
    return fields


class _Objective:
    """One entry of ``objectives``: its target, and OpenSLO's own place for a threshold."""

    def __init__(self, node: Node) -> None:
        refused = {"timeSliceTarget": _TIMESLICES, "timeSliceWindow": _TIMESLICES}
        fields = node.fields((), ("displayName", "op", "value", "target", "targetPercent"), refused)
        if ("target" in fields) == ("targetPercent" in fields):
            raise node.error("needs either target or targetPercent", "Write one of them, as in target: 0.99")
        if "target" in fields:
            self.target = fields["target"].between(0, 1)
        else:
            self.target = EXACT.scaleb(fields["targetPercent"].between(0, 100), -2)
        self.node = node
        self.display_name = fields["displayName"].words() if "displayName" in fields else ""
        self.op, self.value = fields.get("op"), fields.get("value")
        if (self.op is None) != (self.value is None):
            raise node.error("op and value go together", "Write op: lte and value: the largest good one")


def _suffix(target: Decimal, measure: Measure | None) -> str:
    percent = f"{EXACT.scaleb(target, 2).normalize(EXACT):f}".replace(".", "-")
    return f"p{percent}" if measure and measure.kind == "latency" else percent


def _period(node: Node) -> int:
    windows = node.items()
    if len(windows) != 1:
        raise node.error("must have exactly one window", "Keep one, as in duration: 30d")
    calendar = {"calendar": "Only rolling windows are judged: write duration: 30d and isRolling: true"}
    fields = windows[0].fields(("duration",), ("isRolling",), calendar)
    if "isRolling" in fields and not fields["isRolling"].boolean():
        raise fields["isRolling"].error("not supported", calendar["calendar"])
    try:
        return parse_period(fields["duration"].text())
    except ValueError as error:
        raise fields["duration"].error("not a period", str(error)) from None


def _source(node: Node, spec: Mapping[str, Node], indicators: Mapping[str, Node]) -> Node:
    """The indicator's spec, written in place or referred to."""
    if ("indicator" in spec) == ("indicatorRef" in spec):
        raise node.error("needs either indicator or indicatorRef", "Write one of them")
    if "indicator" in spec:
        fields = spec["indicator"].fields(("spec",), ("metadata", "apiVersion", "kind"))
        if "metadata" in fields:
            read_metadata(fields["metadata"])
        return fields["spec"]
    reference = spec["indicatorRef"]
    if (name := reference.text()) not in indicators:
        raise reference.error("the file has no SLI of that name", suggestion(name, indicators))
    return indicators[name]


def _indicator(
    source: Node, objective: _Objective, sources: Mapping[str, str]
) -> tuple[Measure, None] | tuple[None, Query]:
    fields = read_indicator(source)
    if "ratioMetric" in fields:
        if objective.op is not None:
            raise objective.op.error("a ratioMetric has no threshold", "Remove op and value")
        return None, _ratio(fields["ratioMetric"], sources)
    metric = fields["thresholdMetric"].fields(("metricSource",))["metricSource"]
    kind, spec = _metric_source(metric, sources)
    if kind == "tailgate":
        return read_measure(spec, objective.op, objective.value), None
    if objective.value is None or objective.op is None:
        raise objective.node.error(
            "a thresholdMetric needs op and value", "Write op: lte and value: the largest good one"
        )
    op = cast("Op", objective.op.one_of(OPS))
    return None, Bound(query=read_query(spec), op=op, value=objective.value.decimal())


def _ratio(node: Node, sources: Mapping[str, str]) -> Ratio | Raw:
    fields = node.fields((), ("counter", "good", "bad", "total", "raw", "rawType"))
    counter = "counter" in fields and fields["counter"].boolean()
    shape = set(fields) - {"counter"}
    if shape not in ({"good", "total"}, {"bad", "total"}, {"raw", "rawType"}):
        raise node.error("must have good and total, bad and total, or raw and rawType")
    queries = {}
    for key in sorted(shape - {"rawType"}):
        metric = fields[key].fields(("metricSource",))["metricSource"]
        kind, spec = _metric_source(metric, sources)
        if kind == "tailgate":
            raise metric.error("a tailgate source stands under thresholdMetric", "Move it there")
        queries[key] = read_query(spec)
    if "rawType" in fields:
        return Raw(query=queries["raw"], failure=fields["rawType"].one_of(("success", "failure")) == "failure")
    return Ratio(total=queries["total"], good=queries.get("good"), bad=queries.get("bad"), counter=counter)


def _metric_source(node: Node, sources: Mapping[str, str]) -> tuple[str, Node]:
    """The source's type, its own or its data source's, and its spec."""
    fields = node.fields(("spec",), ("type", "metricSourceRef"))
    kinds = ("tailgate", "Prometheus")
    if "type" in fields:
        return fields["type"].one_of(kinds), fields["spec"]
    if "metricSourceRef" not in fields:
        raise node.error("lacks type", "Write type: tailgate")
    reference = fields["metricSourceRef"]
    name = reference.text()
    if name not in sources:
        raise reference.error("the file has no DataSource of that name", suggestion(name, sources))
    if sources[name] not in kinds:
        raise reference.error(f"is of type {sources[name]}, which is not read", "Known: " + ", ".join(kinds))
    return sources[name], fields["spec"]
