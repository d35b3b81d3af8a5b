"""A metric source's spec into a measure."""

import re
from decimal import Decimal
from typing import cast

from .model import KINDS, VITALS, Kind, Measure, Vital
from .node import Node

# A template may hold anything that a load test names a request by, except what would break a line.
_ROUTE = re.compile(r"[A-Z]+ \S[^\x00-\x1f\x7f]{0,198}")
_METHODS = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
# As the beacon takes them, so that a name may be a label's value.
_TIMING = re.compile(r"[a-z][a-z0-9_]{0,39}")
_VITAL_CURE = f"Write vital: {', '.join(VITALS)}, or timing: a name that the page marks"


def read_measure(spec: Node, op: Node | None, value: Node | None) -> Measure:
    """The measure of a ``type: tailgate`` source.

    Its threshold stands in the spec (``threshold: 500ms``) or in the objective (``op: lte``, ``value`` in
    seconds or as a count), and in one of them only.
    """
    fields = spec.fields(("measure",), ("route", "threshold", "vital", "timing"))
    kind = cast("Kind", fields["measure"].one_of(KINDS))
    if (kind == "vital") != bool({"vital", "timing"} & fields.keys()):
        raise spec.error("measure: vital and the keys vital and timing go together", _VITAL_CURE)
    if {"vital", "timing"} <= fields.keys():
        raise spec.error("needs either vital or timing, not both", _VITAL_CURE)
    vital = cast("Vital", fields["vital"].one_of(VITALS)) if "vital" in fields else None
    if kind in {"latency", "queries"} and "route" not in fields:
        raise spec.error(f"{kind} needs a route", "Write route: METHOD template, as in GET /api/orders/{id}")
    route = None
    if "route" in fields:
        route = _page(fields["route"]) if kind == "vital" else read_route(fields["route"])
    return Measure(
        kind=kind,
        route=route,
        vital=vital,
        timing=_timing(fields["timing"]) if "timing" in fields else None,
        threshold=_threshold(kind, vital, spec, fields.get("threshold"), op, value),
    )


def read_query(spec: Node) -> str:
    """The query of a ``type: Prometheus`` source, which only a Prometheus can answer."""
    fields = spec.fields((), ("query", "promql"))
    if len(fields) != 1:
        raise spec.error("needs a query")
    (query,) = fields.values()
    return query.text().strip()


def read_route(node: Node) -> str:
    """A route, ``METHOD template``."""
    text = node.text()
    if _ROUTE.fullmatch(text):
        return text
    method, _, template = text.partition(" ")
    cure = "Write METHOD template, as in GET /api/orders/{id}"
    if text.startswith("/"):
        cure = f"Write the method before it, as in GET {text}"
    elif method.upper() in _METHODS and template.strip():
        cure = f"Write {method.upper()} {template.strip()}"
    raise node.error("not a route", cure)


def _page(node: Node) -> str:
    if not (path := node.text()).startswith("/"):
        raise node.error("a vital's route is a page's path", "Write it from its slash on, as in /inbox")
    return path


def _timing(node: Node) -> str:
    name = node.text()
    if name in VITALS:
        raise node.error("a Web Vital is no timing", f"Write vital: {name}")
    if not _TIMING.fullmatch(name):
        raise node.error("not a name of a timing", "Use at most 40 of a-z, 0-9 and _, beginning with a letter")
    return name


def _threshold(
    kind: Kind, vital: Vital | None, spec: Node, threshold: Node | None, op: Node | None, value: Node | None
) -> Decimal | None:
    if op is not None:
        op.one_of(("lte",), dict.fromkeys(("lt", "gt", "gte"), "A smaller value is the better one: write op: lte"))
    if kind == "availability":
        if given := threshold or value:
            raise given.error("availability has no threshold", "Remove it: a response is good or it is not")
        return None
    if (threshold is None) == (value is None):
        example = "4" if kind == "queries" else "0.1" if vital == "cls" else "500ms"
        raise spec.error(
            "needs its threshold once",
            f"Write threshold: {example} here, or op: lte and value in the objective",
        )
    counted = kind == "queries"
    if threshold is not None and not counted and vital != "cls":
        return threshold.duration()
    given = cast("Node", threshold or value)
    if counted:
        return Decimal(given.integer())
    if not (number := given.at_least(0)):
        raise given.error("must be more than nothing")
    return number
