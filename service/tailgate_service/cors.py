"""Which other origins' pages may use the API, as browsers ask for it (Fetch, 3.3)."""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp
from tailgate_otel import names

from tailgate_service import problems

_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
_SENT = (
    names.HEADER_API_KEY,
    names.HEADER_AUTHORIZATION,
    names.HEADER_WORKSPACE,
    "content-type",
    "if-match",
    "last-event-id",
    names.HEADER_TRACEPARENT,
    names.HEADER_TRACESTATE,
    names.HEADER_BAGGAGE,
)
_READ = ("etag", "location", "retry-after", "www-authenticate", names.HEADER_SERVER_TIMING)


class Origins(CORSMiddleware):
    """ASGI middleware: pages of ``allowed`` origins, and no others, may use the API.

    They show a key or a token as everybody does: a browser adds nothing by itself, there being no cookies.
    """

    def __init__(self, app: ASGIApp, allowed: Sequence[str]) -> None:
        super().__init__(app, allowed, _METHODS, _SENT, expose_headers=_READ)

    def preflight_response(self, request_headers: Headers) -> Response:
        """See ``CORSMiddleware``; what it refuses is a problem like any other."""
        answer = super().preflight_response(request_headers)
        if answer.status_code < 400:
            return answer
        kept = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
        return problems.response(answer.status_code, f"{bytes(answer.body).decode()}.", headers=kept)
