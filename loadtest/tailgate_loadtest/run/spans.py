"""Spans in OTLP's JSON form, by the names of OpenTelemetry's conventions, the stable ones and those before."""

import re
from collections.abc import Iterator
from typing import Any

from tailgate_otel import names

from tailgate_loadtest.shapes.templates import folded, path_of

SERVER = 2
"""SpanKind.SPAN_KIND_SERVER; and CLIENT and PRODUCER, which call others."""
CLIENT = 3
PRODUCER = 4
ERROR = 2
"""StatusCode.STATUS_CODE_ERROR."""

Json = dict[str, Any]

_METHODS = (names.ATTR_METHOD, names.ATTR_METHOD_OLD)
_PATHS = (names.ATTR_PATH, names.ATTR_TARGET_OLD, names.ATTR_URL_OLD)
_NAMED = re.compile(r"([A-Z]+) (/\S*)")


def spans_of(document: Json) -> Iterator[Json]:
    """Every span of an export."""
    for resource in document["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            yield from scope["spans"]


def root_of(document: Json) -> Json:
    """The server span of a kept trace: the longest one, since a service may call itself."""
    return max((span for span in spans_of(document) if span.get("kind") == SERVER), key=seconds)


def duration(document: Json) -> float:
    """Seconds that a kept trace's request took."""
    return seconds(root_of(document))


def seconds(span: Json) -> float:
    """How long a span took."""
    return (nanoseconds(span, "endTimeUnixNano") - nanoseconds(span, "startTimeUnixNano")) / 1e9


def nanoseconds(span: Json, key: str) -> int:
    """A moment of a span, since 1970; OTLP writes such numbers as texts."""
    return int(span.get(key, 0))


def attribute(span: Json, *keys: str) -> Any:
    """The value of a span's attribute, by the first of its names that there is one of; or None."""
    pairs = span.get("attributes", [])
    for key in keys:
        for pair in pairs:
            if pair.get("key") == key:
                return next(iter(pair.get("value", {}).values()), None)
    return None


def method_of(root: Json) -> str:
    """The method of a server span; empty where it does not say."""
    return str(attribute(root, *_METHODS) or "").upper()


def path_in(root: Json) -> str | None:
    """The path of a server span, without its query; None where it does not say."""
    found = attribute(root, *_PATHS)
    return path_of(found) if isinstance(found, str) and found else None


def route_of(root: Json) -> str:
    """The route of a server span, ``METHOD template``.

    Where it names none, its name may be one; else its path stands for it, ids replaced; else its name.
    """
    method, template = method_of(root), attribute(root, names.ATTR_ROUTE)
    if template is not None:
        return f"{method} {template}".strip()
    name = str(root.get("name", ""))
    path = path_in(root)
    if _NAMED.fullmatch(name) or path is None:
        return name
    return f"{method} {folded(path)}".strip()
