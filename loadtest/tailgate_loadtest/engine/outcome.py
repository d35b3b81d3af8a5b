"""What a request is called and how it ended, in names that hold nobody's data."""

from functools import lru_cache
from typing import Any

_MAX_ROUTE = 200


@lru_cache(maxsize=4096)
def route_name(method: str, name: str) -> str:
    """The route of a request by its method and its name or path, without the query."""
    # Query values may be anybody's data, and an address may hold a password; they never enter a bundle.
    text = str(name).partition("?")[0]
    if text.startswith(("http://", "https://")):
        text = "/" + text.partition("://")[2].partition("/")[2]
    return bounded(f"{method} {text}")


def bounded(route: str) -> str:
    """A route, cut where it is longer than a report can use."""
    return route[:_MAX_ROUTE]


def status_error(response: Any) -> str | None:
    """What an answer is by its status alone: a failure by name, or none."""
    try:
        response.raise_for_status()
    except Exception as error:  # noqa: BLE001 - each client has errors of its own
        return error_name(error, response)
    return None


def error_name(exception: BaseException, response: Any) -> str:
    """The kind of a failure, and no more: an exception's text may hold a body or an address with its query."""
    status = getattr(response, "status_code", 0) or 0
    if status >= 400:
        return f"HTTP {status}"
    if type(exception).__name__ == "CatchResponseError":
        return "marked as failed by the locustfile"
    cause = getattr(exception, "args", None)
    inner = cause[0] if cause and isinstance(cause[0], BaseException) else exception
    # Some failures are told apart by a number, such as the code with which a WebSocket was closed.
    return str(getattr(inner, "counted_as", type(inner).__name__))
