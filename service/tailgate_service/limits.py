"""No request body is read past its bound."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tailgate_service import problems

MAX_BODY = 256 * 1024
"""Bytes."""

_DETAIL = f"The body is larger than {MAX_BODY} bytes."
# What is left of the body would be read as the next request's begin, or have to be read to be thrown away.
_CLOSE = {"connection": "close"}


class BodyLimit:
    """ASGI middleware: 413 for a body whose announced or received length passes ``MAX_BODY``.

    An announced length is judged before anything of the application runs; one that is not announced, while
    the body streams in, at the chunk that passes the bound.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _announced(scope) > MAX_BODY:
            await problems.response(413, _DETAIL, headers=_CLOSE)(scope, receive, send)
            return
        received = 0

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY:
                raise problems.Problem(413, _DETAIL, headers=_CLOSE)
            return message

        await self._app(scope, bounded, send)


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            # The server has refused what is no number before this.
            return int(value)
    return 0
