"""Documents of ``kind: Metrics``: which series of a Prometheus carry the measures."""

import re
from dataclasses import replace
from decimal import Decimal
from typing import cast

from .measure import read_route
from .model import PRESETS, Metrics, Overrides, Preset
from .nearest import suggestion
from .node import Node
from .openslo import read_spec

LABELS = ("method", "route", "status", "job")

_NAMES = ("duration", "requests", "queries")
_KEYS = (*_NAMES, "unit", "native", "labels", "match", "routes", "synthetic")
_PER_SECOND = {"s": Decimal(1), "ms": Decimal(1_000), "us": Decimal(1_000_000), "ns": Decimal(1_000_000_000)}
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def read_metrics(document: Node) -> Metrics:
    """What a ``kind: Metrics`` document says."""
    spec = read_spec(document).fields(("preset",), _KEYS)
    names = {key: _metric(spec[key]) for key in _NAMES if key in spec}
    return Metrics(
        preset=cast("Preset", spec["preset"].one_of(PRESETS)),
        overrides=Overrides(
            **names,
            per_second=_PER_SECOND[spec["unit"].one_of(tuple(_PER_SECOND))] if "unit" in spec else None,
            native="native" in spec and spec["native"].boolean(),
            labels=_labels(spec["labels"]) if "labels" in spec else {},
            match=_match(spec["match"]) if "match" in spec else {},
            routes=_routes(spec["routes"]) if "routes" in spec else {},
            synthetic="synthetic" in spec and spec["synthetic"].boolean(),
        ),
    )


def _metric(node: Node) -> str:
    name = node.text()
    if not _METRIC.fullmatch(name):
        raise node.error("not a metric's name", "Write it as Prometheus shows it, without braces")
    if (base := re.sub(r"_(bucket|count|sum)$", "", name)) != name and node.path.endswith(("duration", "queries")):
        raise node.error("is one series of a histogram", f"Write the histogram's name, {base}")
    return name


def _label(node: Node, name: str) -> str:
    if not _LABEL.fullmatch(name):
        raise node.error("not a label's name", "Use letters, digits and underscores, no digit first")
    return name


def _labels(node: Node) -> dict[str, str]:
    entries = node.mapping()
    for key, value in entries.items():
        if key not in LABELS:
            raise value.error("unknown key", suggestion(key, LABELS))
    # A proxy may not tell methods apart.
    none = [key for key, value in entries.items() if key == "method" and not value.words()]
    return {key: "" if key in none else _label(value, value.text()) for key, value in entries.items()}


def _match(node: Node) -> dict[str, str]:
    return {_label(value, label): value.text() for label, value in node.mapping().items()}


def _routes(node: Node) -> dict[str, str]:
    found = {}
    for route, value in node.mapping().items():
        read_route(replace(value, tree=replace(value.tree, content=route)))
        found[route] = value.text()
    return found
