"""What Locust's event of a request tells of its answer, whatever client asked."""

from collections.abc import Mapping
from typing import Any, TypedDict

from tailgate_otel.names import HEADER_SERVER_TIMING

from tailgate_loadtest.engine.http.errors import RequestFailed
from tailgate_loadtest.engine.http.response import Response
from tailgate_loadtest.engine.naming import Naming, same_path
from tailgate_loadtest.engine.outcome import error_name
from tailgate_loadtest.measure.server_timing import parse

_STREAMS = ("WS", "SSE")
_ENCODING = "content-encoding"
_MOST = 40
"""Characters of a header's value that are looked at; nobody needs more."""


class Told(TypedDict):
    """Of one answer; see ``measure.probe.Answered``."""

    route: str
    status: int | None
    error: str | None
    wire: int | None
    body: int | None
    encoding: str | None
    queries: int | None
    round_trips: int | None


def is_asked(event: Mapping[str, Any]) -> bool:
    """Whether an event is of something that a user asked; what comes over a stream comes by itself."""
    return event["request_type"] not in _STREAMS or str(event["name"]).endswith(" connect")


def told(naming: Naming, event: Mapping[str, Any]) -> Told:
    """What an event tells; what it does not tell, or tells in a way of its own, is None."""
    name, url, response = str(event["name"]), event.get("url"), event.get("response")
    exception = event.get("exception")
    headers: Any = getattr(response, "headers", None)
    headers = headers if hasattr(headers, "get") else {}
    timing = parse(str(headers.get(HEADER_SERVER_TIMING) or "").encode("latin-1", "replace"))
    wire, body = _sizes(response, headers, event.get("response_length"))
    status, encoding = getattr(response, "status_code", None), headers.get(_ENCODING)
    unnamed = url is not None and same_path(name, url)
    return Told(
        route=naming.route(str(event["request_type"]), url or "", None if unnamed else name),
        status=status if isinstance(status, int) and status > 0 else None,
        error=None if exception is None else error_name(exception, response),
        wire=wire,
        body=body,
        encoding=str(encoding).strip().lower()[:_MOST] if encoding else None,
        queries=None if timing is None else timing.queries,
        round_trips=None if timing is None else timing.round_trips,
    )


def _sizes(response: Any, headers: Mapping[str, Any], length: Any) -> tuple[int | None, int | None]:
    """Bytes of a body as it came, and as it is."""
    if isinstance(response, Response):
        try:
            return response.length, len(response.content)
        except RequestFailed:
            return response.length, None
    # Locust's own clients say how long the body is when it is inflated, and nothing of how it came.
    body = length if isinstance(length, int) and length >= 0 else None
    stated = str(headers.get("content-length") or "")
    if stated.isdecimal() and len(stated) < _MOST:
        return int(stated), body
    return (None if headers.get(_ENCODING) else body), body
