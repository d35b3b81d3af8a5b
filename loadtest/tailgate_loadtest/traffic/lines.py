"""A line of an access log: Common and Combined Log Format, or JSON as nginx, Caddy, Envoy and Traefik write it.

Of a line only the second, the method, the path, whether there was a query, and the status are read on.
"""

import json
import re
from calendar import timegm
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from tailgate_loadtest.shapes.templates import path_of

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_LAST = 4_102_444_800
"""The year 2100: a number past it is not seconds since 1970."""

# After the time, the request line and the status stand at the same place in all of the family.
_CLF = re.compile(
    rb"\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d)(?:\.\d+)? ([+-]\d{4})\]"
    rb' "((?:[^"\\]|\\.)*+)" (\d{3}|-)(?=\s|$)'
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# Where the usual servers put each thing; a dot goes one object down. The more telling names first.
_TIMES = (
    *("time_iso8601", "time_local", "@timestamp", "timestamp", "start_time", "StartUTC"),
    *("time", "ts", "msec", "datetime"),
)
_REQUEST_METHODS = (
    *("request_method", "method", "RequestMethod", "http_method"),
    *("request.method", "httpRequest.requestMethod", "http.request.method"),
)
_TARGETS = (
    *("request_uri", "uri", "path", "RequestPath", "request_path", "url"),
    *("request.uri", "request.url", "httpRequest.requestUrl", "url.original", "url.path"),
)
_STATUSES = (
    *("status", "status_code", "response_code", "DownstreamStatus", "OriginStatus"),
    *("response.status", "httpRequest.status", "http.response.status_code"),
)
_QUERIES = ("args", "query_string", "query", "url.query")
_LINES = ("request", "request_line")


class Hit(NamedTuple):
    """One request."""

    second: int
    """Since 1970."""
    method: str
    """Empty when the line holds no request: a probe, a handshake on the wrong port, a method of another protocol."""
    path: str
    queried: bool
    status: int
    """0 when it is not said."""


def hit(line: bytes) -> Hit | None:
    """What a line says; None when it cannot be read."""
    if line.lstrip()[:1] == b"{":
        try:
            document = json.loads(line)
            return _of_json(document) if isinstance(document, dict) else None
        except (ValueError, OverflowError, RecursionError):
            return None
    found = _CLF.search(line)
    if found is None:
        return None
    second = _clf_second(found[1], found[2])
    if second is None:
        return None
    status = 0 if found[4] == b"-" else int(found[4])
    return _requested(second, found[3].decode("utf-8", "replace"), status)


def _requested(second: int, request: str, status: int) -> Hit:
    """A request line, ``GET /orders?page=2 HTTP/1.1``; a target may hold blanks that somebody did not escape."""
    method, _, rest = request.partition(" ")
    target, _, version = rest.rpartition(" ")
    if not version.startswith("HTTP/"):
        target = rest
    return _hit(second, method, target, status, queried=False)


def _hit(second: int, method: str, target: str, status: int, *, queried: bool) -> Hit:
    if method not in METHODS or not target.startswith(("/", "http://", "https://")):
        return Hit(second, "", "", False, status)
    return Hit(second, method, path_of(target), queried or bool(target.partition("?")[2]), status)


@lru_cache(maxsize=4096)
def _clf_second(text: bytes, zone: bytes) -> int | None:
    """Of ``10/Oct/2025:13:55:36`` and ``+0200``."""
    day, month, year = text[:2], text[3:6].decode(), text[7:11]
    hour, minute, second = text[12:14], text[15:17], text[18:20]
    try:
        at = datetime(
            int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), min(int(second), 59), tzinfo=UTC
        )
    except ValueError:
        return None
    offset = int(zone[1:3]) * 3600 + int(zone[3:5]) * 60
    return _sensible(timegm(at.timetuple()) + (offset if zone[:1] == b"-" else -offset))


def _of_json(document: dict[str, Any]) -> Hit | None:
    time = _first(document, _TIMES)
    second = _json_second(time) if time is not None else None
    if second is None:
        return None
    raw = _first(document, _STATUSES)
    status = int(raw) if isinstance(raw, int | float | str) and str(raw).isdecimal() else 0
    method, target = _first(document, _REQUEST_METHODS), _first(document, _TARGETS)
    if isinstance(method, str) and isinstance(target, str):
        queried = _first(document, _QUERIES) not in (None, "", "-")
        return _hit(second, method, target, status, queried=queried)
    request = _first(document, _LINES)
    return _requested(second, request, status) if isinstance(request, str) else None


def _first(document: dict[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        found: Any = document.get(name)
        if found is None and "." in name:
            found = document
            for part in name.split("."):
                found = found.get(part) if isinstance(found, dict) else None
        if found is not None and not isinstance(found, dict):
            return found
    return None


def _json_second(time: Any) -> int | None:
    """Seconds since 1970, of them or of their thousandths and less; or ISO 8601, in UTC when it names no zone."""
    if isinstance(time, str):
        if found := re.fullmatch(r"(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d) ([+-]\d{4})", time):
            return _clf_second(found[1].encode(), found[2].encode())
        if not re.fullmatch(r"\d+(\.\d+)?", time):
            at = datetime.fromisoformat(time)
            return _sensible(int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()))
        time = float(time)
    if isinstance(time, bool) or not isinstance(time, int | float):
        return None
    for _ in ("milli", "micro", "nano"):
        time = time / 1000 if time > _LAST else time
    return _sensible(int(time))


def _sensible(second: int) -> int | None:
    return second if 0 < second < _LAST else None
