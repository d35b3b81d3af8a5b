"""What a page tells of one view of it: a beacon's body, read as what anybody may have sent."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tailgate_otel.errors import BeaconRefused

MAX_BODY = 4096
"""Bytes; three times what a page has to say."""

VITALS = ("lcp", "inp", "cls", "fcp", "ttfb")
DEVICES = ("phone", "desktop")
NAVIGATIONS = ("navigate", "reload", "back-forward", "back-forward-cache", "prerender", "restore")
_FROM_CACHE = "back-forward-cache"
RATINGS = ("good", "needs-improvement", "poor")

LONGEST = 600.0
"""Seconds; what takes longer is a clock's mistake, or a lie."""
LARGEST: Mapping[str, float] = MappingProxyType(dict.fromkeys(VITALS, LONGEST) | {"cls": 100.0})

_REQUIRED = frozenset({"page", "device", "navigation", "values"})
_KNOWN = _REQUIRED | {"ratings", "timings", "missing"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Beacon:
    """One view of a page.

    Attributes:
        page: its template.
        device: one of ``DEVICES``.
        navigation: one of ``NAVIGATIONS``: how it came to be shown.
        values: what was measured, by vital: seconds, and for ``cls`` its score.
        timings: seconds from the navigation's start until a moment that the page marked, by the moment's name.
        missing: the vitals and the timings that it does not tell.
        synthetic: whether a load test sent it.

    """

    page: str
    device: str
    navigation: str
    values: Mapping[str, float]
    timings: Mapping[str, float]
    missing: tuple[str, ...]
    synthetic: bool = False


def read(body: bytes, timings: Mapping[str, Collection[str]], *, synthetic: bool = False) -> Beacon:
    """The beacon that ``body`` is; ``timings`` has every page, and the names of the moments that it marks.

    Of ratings, and of what is said to be missing, nothing but the form is looked at: both are found here, and by
    whoever counts. A page that comes out of the browser's cache marks nothing again, and misses none of its moments.

    Raises:
        BeaconRefused: it is none, or of another page, or has what cannot be.

    """
    fields = _fields(body)
    page = fields["page"]
    if not isinstance(page, str) or page not in timings:
        raise BeaconRefused("page", f"page must be {_any_of(tuple(timings))}")
    marks = tuple(timings[page])
    values = _numbers(fields, "values", VITALS, "form")
    moments = _numbers(fields, "timings", marks, "timing")
    _check_ratings(_mapping(fields, "ratings", VITALS, "form"))
    _check_missing(fields, (*VITALS, *marks))
    navigation = _one_of(fields, "navigation", NAVIGATIONS)
    due: tuple[str, ...] = VITALS if navigation == _FROM_CACHE else (*VITALS, *marks)
    return Beacon(
        page=page,
        device=_one_of(fields, "device", DEVICES),
        navigation=navigation,
        values=values,
        timings=moments,
        missing=tuple(name for name in due if name not in values and name not in moments),
        synthetic=synthetic,
    )


def schema(timings: Mapping[str, Collection[str]]) -> dict[str, Any]:
    """What :func:`read` takes, as a JSON Schema (2020-12, as OpenAPI 3.1 has it)."""
    return {"oneOf": [_page_schema(page, tuple(names)) for page, names in timings.items()]}


def _page_schema(page: str, marks: tuple[str, ...]) -> dict[str, Any]:
    values = {vital: _number_schema(LARGEST[vital]) for vital in VITALS}
    return {
        "type": "object",
        "properties": {
            "page": {"type": "string", "const": page},
            "device": {"type": "string", "enum": list(DEVICES)},
            "navigation": {"type": "string", "enum": list(NAVIGATIONS)},
            "values": _object_schema(values),
            "ratings": _object_schema({vital: {"type": "string", "enum": list(RATINGS)} for vital in VITALS}),
            "timings": _object_schema(dict.fromkeys(marks, _number_schema(LONGEST))),
            "missing": {
                "type": "array",
                "items": {"type": "string", "enum": [*VITALS, *marks]},
                "uniqueItems": True,
            },
        },
        "required": sorted(_REQUIRED),
        "additionalProperties": False,
    }


def _number_schema(largest: float) -> dict[str, Any]:
    return {"type": "number", "minimum": 0, "maximum": largest}


def _object_schema(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _fields(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_BODY:
        raise BeaconRefused("size", f"a beacon is at most {MAX_BODY} bytes", 413)
    try:
        found = json.loads(body.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BeaconRefused("form", "the body must be JSON in UTF-8") from error
    if not isinstance(found, dict):
        raise BeaconRefused("form", "the body must be an object of JSON")
    if not _REQUIRED <= found.keys() <= _KNOWN:
        known = f"{', '.join(sorted(_REQUIRED))}, and of {', '.join(sorted(_KNOWN - _REQUIRED))} what there is"
        raise BeaconRefused("form", f"the body must have {known}, and nothing else")
    return found


def _no_number(name: str) -> float:
    """What JSON has no word for, and Python reads nevertheless."""
    raise ValueError(f"{name} is no number of JSON")


def _one_of(fields: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str:
    value = fields[name]
    if value not in choices:
        raise BeaconRefused("form", f"{name} must be {_any_of(choices)}")
    return str(value)


def _mapping(fields: Mapping[str, Any], name: str, keys: tuple[str, ...], reason: str) -> dict[str, Any]:
    found = fields.get(name, {})
    if not isinstance(found, dict):
        raise BeaconRefused("form", f"{name} must be an object")
    if not found.keys() <= set(keys):
        raise BeaconRefused(reason, f"{name} may have {', '.join(keys) or 'nothing on this page'}")
    return found


def _numbers(fields: Mapping[str, Any], name: str, keys: tuple[str, ...], reason: str) -> dict[str, float]:
    return {
        key: _number(f"{name}.{key}", value, LARGEST.get(key, LONGEST))
        for key, value in _mapping(fields, name, keys, reason).items()
    }


def _number(name: str, value: Any, largest: float) -> float:
    # A whole number may have thousands of digits: it is compared before it is made a float.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= largest:
        raise BeaconRefused("value", f"{name} must be a number from 0 to {largest:g}")
    return float(value)


def _check_ratings(ratings: Mapping[str, Any]) -> None:
    for vital, rating in ratings.items():
        if rating not in RATINGS:
            raise BeaconRefused("form", f"ratings.{vital} must be {_any_of(RATINGS)}")


def _check_missing(fields: Mapping[str, Any], names: tuple[str, ...]) -> None:
    found = fields.get("missing", [])
    if not isinstance(found, list) or not all(name in names for name in found) or len(set(found)) < len(found):
        raise BeaconRefused("form", f"missing must be a list of {', '.join(names)}, each at most once")


def _any_of(choices: tuple[str, ...]) -> str:
    return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"
