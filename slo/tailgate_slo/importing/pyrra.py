"""Pyrra's resource ServiceLevelObjective: https://github.com/pyrra-dev/pyrra#readme.

An indicator there names series, and Pyrra writes the queries; the same are written here.
"""

import re
from collections.abc import Iterator, Mapping

from tailgate_slo.alerting import ABSENT
from tailgate_slo.node import Node
from tailgate_slo.quantity import parse_period

from .notes import WINDOW, Notes
from .taken import Taken

API_VERSION, KIND = "pyrra.dev/v1alpha1", "ServiceLevelObjective"

_SELECTOR = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*\s*(\{([^"{}]|"([^"\\]|\\.)*")*\})?')
_JOB = re.compile(r'[{,]\s*job\s*=\s*"([^"\\]+)"')
_BUCKET = re.compile(r'[{,]\s*le\s*=~?\s*"')
_PREFIX = "pyrra.dev/"
_SERVICE = f"{_PREFIX}service"
_REASONS = {
    "namespace": "Rules of ours are files, in no namespace",
    "labels": "Recorded series bear the labels of the service and the objective alone",
    "grouping": "One budget is kept for all groups together",
    "performanceOverAccuracy": "The period is summed up from a short window anyway",
}
_KINDS = ("ratio", "latency", "latencyNative", "bool_gauge")


def read_resource(document: Node, notes: Notes) -> Iterator[Taken]:
    """The objective of a ServiceLevelObjective."""
    fields = notes.fields(document, ("apiVersion", "kind", "metadata", "spec"), {"status": "It says what was"})
    for key in ("metadata", "spec"):
        if key not in fields:
            raise document.error(f"lacks {key}")
    metadata = notes.fields(fields["metadata"], ("name", "labels", "annotations"), _REASONS)
    if "name" not in metadata:
        raise fields["metadata"].error("lacks name")
    labels = metadata["labels"].mapping() if "labels" in metadata else {}
    for key, label in labels.items():
        if key != _SERVICE:
            notes.add(label, "is not kept", _REASONS["labels"])
    spec = notes.fields(fields["spec"], ("target", "window", "description", "indicator", "alerting"), _REASONS)
    for key in ("target", "window", "indicator"):
        if key not in spec:
            raise fields["spec"].error(f"lacks {key}")
    queries = _queries(spec["indicator"], notes)
    name = notes.name(metadata["name"])
    yield Taken(
        name=name,
        display_name=metadata["name"].text(),
        service=labels[_SERVICE].text() if _SERVICE in labels else _job(queries) or name,
        description=spec["description"].words() if "description" in spec else "",
        percent=spec["target"].between(0, 100),
        period_days=_period(spec["window"]),
        queries=queries,
        annotations={
            **(notes.links(metadata["annotations"], _PREFIX) if "annotations" in metadata else {}),
            **(_alerting(spec["alerting"], notes) if "alerting" in spec else {}),
        },
    )


def _alerting(node: Node, notes: Notes) -> dict[str, str]:
    """Whether the lack of data is told; all else of ``alerting`` is noted."""
    reason = "Alerts are those of the SRE workbook, and named after what they say"
    fields = notes.fields(node, ("absent",), dict.fromkeys(node.mapping(), reason))
    return {} if "absent" not in fields or fields["absent"].boolean() else {ABSENT: "off"}


def _period(node: Node) -> int:
    try:
        return parse_period(node.text())
    except ValueError as error:
        raise node.error("not a period", str(error)) from None


def _job(queries: Mapping[str, str]) -> str | None:
    """The job whose series are asked for, where the queries name one."""
    found = {job for query in queries.values() for job in _JOB.findall(query)}
    return found.pop() if len(found) == 1 else None


def _queries(indicator: Node, notes: Notes) -> dict[str, str]:
    fields = notes.fields(indicator, _KINDS, {})
    if len(fields) != 1:
        raise indicator.error("needs one indicator", "Write one of " + ", ".join(_KINDS))
    ((kind, node),) = fields.items()
    if kind == "ratio":
        parts = notes.fields(node, ("errors", "total"), _REASONS)
        # Without a failure since its start a service has no series of failures; that is none, not unknown.
        return {
            "bad": f"({_rate(_selector(node, parts, 'errors', notes))} or vector(0))",
            "total": _rate(_selector(node, parts, "total", notes)),
        }
    if kind == "latency":
        parts = notes.fields(node, ("success", "total"), _REASONS)
        success = _selector(node, parts, "success", notes)
        if not _BUCKET.search(success):
            raise parts["success"].error(
                "names no bucket", 'Write the edge that is good enough, as in a_bucket{le="1"}'
            )
        return {
            "good": _rate(success),
            "total": _rate(_selector(node, parts, "total", notes)),
        }
    if kind == "latencyNative":
        parts = notes.fields(node, ("latency", "total"), _REASONS)
        if "latency" not in parts:
            raise node.error("lacks latency")
        rate = _rate(_selector(node, parts, "total", notes))
        count = f"histogram_count({rate})"
        return {"good": f"histogram_fraction(0, {parts['latency'].duration():f}, {rate}) * {count}", "total": count}
    gauge = _selector(indicator, fields, kind, notes)
    # Of its samples nobody knows how many there are a second: they tell a share of the time, and no events.
    over = f"{gauge}[{WINDOW}]"
    return {"raw": f"1 - sum(sum_over_time({over})) / sum(count_over_time({over}))"}


def _selector(node: Node, parts: Mapping[str, Node], key: str, notes: Notes) -> str:
    """The series that an indicator's part names by ``metric``."""
    if key not in parts:
        raise node.error(f"lacks {key}")
    fields = notes.fields(parts[key], ("metric",), _REASONS)
    if "metric" not in fields:
        raise parts[key].error("lacks metric")
    selector = " ".join(fields["metric"].text().split("\n")).strip()
    if not _SELECTOR.fullmatch(selector):
        raise fields["metric"].error("names no series", 'Write a metric and its matchers, as in up{job="shop"}')
    return selector


def _rate(selector: str) -> str:
    return f"sum(rate({selector}[{WINDOW}]))"
