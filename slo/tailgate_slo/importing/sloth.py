"""Sloth's files: its own specification (``version: prometheus/v1``) and the resource PrometheusServiceLevel.

The formats: https://sloth.dev/specs/default/v1/ and https://sloth.dev/specs/kubernetes/crd/. They differ in how keys
are spelt (``error_query``, ``errorQuery``). Neither says a period; Sloth's is 30 days unless told otherwise.
"""

from collections.abc import Iterator, Mapping

from tailgate_slo.errors import DocumentError
from tailgate_slo.node import Node
from tailgate_slo.openslo import DEFAULT_PERIOD_DAYS

from .notes import Notes
from .taken import Taken

VERSION = "prometheus/v1"
API_VERSION, KIND = "sloth.slok.dev/v1", "PrometheusServiceLevel"

_LABELS = "Recorded series bear the labels of the service and the objective alone"
_REASONS = {
    "labels": _LABELS,
    "name": "An alert is named after what it says, and labelled with the objective",
    "slo_plugins": "What plugins change is not known here",
    "sloPlugins": "What plugins change is not known here",
    "namespace": "Rules of ours are files, in no namespace",
}


def read_specification(document: Node, notes: Notes) -> Iterator[Taken]:
    """The objectives of a document of Sloth's own format."""
    yield from _service(document, notes, ("version",))


def read_resource(document: Node, notes: Notes) -> Iterator[Taken]:
    """The objectives of a PrometheusServiceLevel."""
    fields = notes.fields(document, ("apiVersion", "kind", "metadata", "spec"), {"status": "It says what was"})
    if "metadata" in fields:
        notes.fields(fields["metadata"], ("name",), _REASONS)
    if "spec" not in fields:
        raise document.error("lacks spec")
    yield from _service(fields["spec"], notes, ())


def _service(node: Node, notes: Notes, more: tuple[str, ...]) -> Iterator[Taken]:
    fields = notes.fields(node, (*more, "service", "slos"), _REASONS)
    for key in ("service", "slos"):
        if key not in fields:
            raise node.error(f"lacks {key}")
    service = fields["service"].text()
    for entry in fields["slos"].items():
        try:
            taken = _objective(entry, service, notes)
        except DocumentError as error:
            notes.leave_out(error)
        else:
            yield taken


def _objective(node: Node, service: str, notes: Notes) -> Taken:
    fields = notes.fields(node, ("name", "description", "objective", "sli", "alerting"), _REASONS)
    for key in ("name", "objective", "sli"):
        if key not in fields:
            raise node.error(f"lacks {key}")
    return Taken(
        name=notes.name(fields["name"]),
        display_name=fields["name"].text(),
        service=service,
        description=fields["description"].words() if "description" in fields else "",
        percent=fields["objective"].between(0, 100),
        period_days=DEFAULT_PERIOD_DAYS,
        queries=_queries(fields["sli"], notes),
        annotations=_annotations(fields["alerting"], notes) if "alerting" in fields else {},
    )


def _queries(sli: Node, notes: Notes) -> Mapping[str, str]:
    if "plugin" in sli.mapping():
        raise sli.mapping()["plugin"].error("has queries that only Sloth can make", "Write those as events")
    fields = notes.fields(sli, ("events", "raw"), {})
    if not fields:
        raise sli.error("has neither events nor raw")
    if "events" in fields:
        wanted = {"bad": ("error_query", "errorQuery"), "total": ("total_query", "totalQuery")}
        source = fields["events"]
    else:
        wanted = {"raw": ("error_ratio_query", "errorRatioQuery")}
        source = fields["raw"]
    given = notes.fields(source, [key for keys in wanted.values() for key in keys], {})
    found: dict[str, str] = {}
    for word, keys in wanted.items():
        node = next((given[key] for key in keys if key in given), None)
        if node is None:
            raise source.error(f"lacks {keys[0]}")
        found[word] = notes.query(node)
    return found


def _annotations(alerting: Node, notes: Notes) -> dict[str, str]:
    """The annotations that alerts of ours carry on; all else of ``alerting`` is noted."""
    pairs = ("page_alert", "ticket_alert", "pageAlert", "ticketAlert")
    fields = notes.fields(alerting, ("annotations", *pairs), _REASONS)
    for key in pairs:
        if key in fields:
            notes.fields(fields[key], (), {"disable": "Leave the alert out where it is routed", "labels": _LABELS})
    return notes.links(fields["annotations"]) if "annotations" in fields else {}
