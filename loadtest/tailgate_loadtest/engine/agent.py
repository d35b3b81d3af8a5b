"""Who asks: every request of a load says so, and a service may tell it from its visitors."""

from importlib.metadata import version
from typing import Any

from tailgate_otel import names

USER_AGENT = f"tailgate/{version('tailgate-loadtest')} ({names.SYNTHETIC_AGENT})"

_LIBRARIES = ("python-requests/", "python/gevent-http-client-")
_HEADER = "User-Agent"


def introduce(client: Any) -> None:
    """Have one of Locust's own clients say who asks, unless the locustfile has it say something of its own."""
    # HttpUser's session has its headers itself, FastHttpUser's has them on the client inside.
    for holder, name in ((client, "headers"), (getattr(client, "client", None), "default_headers")):
        headers = getattr(holder, name, None)
        if headers is not None and str(headers.get(_HEADER, "")).startswith(_LIBRARIES):
            headers[_HEADER] = USER_AGENT
