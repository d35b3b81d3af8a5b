"""The ASGI middleware: a record from the first byte of a request to the last of its response."""

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context

from tailgate_otel import names
from tailgate_otel.record import CURRENT, Record
from tailgate_otel.route import method_of

if TYPE_CHECKING:
    from tailgate_otel.recorder import Recorder

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_SERVER_ERROR = 500
_RUN_SECRET = names.HEADER_RUN_SECRET.encode()
_SERVER_TIMING = names.HEADER_SERVER_TIMING.encode()


class Exchange:
    """One request and its response under way."""

    __slots__ = ("context", "finished", "method", "record", "root_path", "scope", "span", "status", "timed")

    def __init__(self, recorder: "Recorder", scope: Scope) -> None:
        entrance = recorder.entrance
        called = False
        secret = b""
        for name, value in scope["headers"]:
            if name in entrance.fields:
                called = True
            elif name == _RUN_SECRET:
                secret = value
        self.scope = scope
        self.root_path: str = scope.get("root_path", "")
        self.method = method_of(scope)
        self.timed = recorder.secret is not None and hmac.compare_digest(secret, recorder.secret)
        self.status = 0
        self.finished = False
        # Where code that uses the OpenTelemetry API finds this request's span.
        self.span, self.context = entrance.enter(scope["headers"] if called else None)
        self.record = Record(recorder.guard, recorder.meters, recorder.config.n_plus_one)

    def started(self, message: Message) -> Message:
        """The start of the response, with ``Server-Timing`` if the request asked for it with the secret."""
        self.status = message["status"]
        if not self.timed:
            return message
        record, trace_id = self.record, self.span.trace_id
        value = record.timing(f"{trace_id:032x}").encode()
        return {**message, "headers": [*message.get("headers", ()), (_SERVER_TIMING, value)]}


class Middleware:
    """An application whose HTTP requests are recorded. What fails in here is counted, and it goes on."""

    def __init__(self, app: Application, recorder: "Recorder") -> None:
        self._app = app
        self._recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        # A mounted application may be recorded too: the outermost middleware sees the whole request.
        if scope["type"] != "http" or names.SCOPE_RECORD in scope:
            await self._app(scope, receive, send)
            return
        exchange: Exchange | None = None
        with self._recorder.guard:
            exchange = Exchange(self._recorder, scope)
            scope[names.SCOPE_RECORD] = exchange.record
        if exchange is None:
            await self._app(scope, receive, send)
            return
        await self._record(exchange, receive, send)

    async def _record(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        recorder, record = self._recorder, exchange.record

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                with recorder.guard:
                    message = exchange.started(message)
            await send(message)
            if _is_last(message) and record.open:
                record.close()
                # Frameworks answer 500 first and raise afterwards; the metrics then know what was raised.
                if exchange.status < _SERVER_ERROR:
                    recorder.finish(exchange, None)

        recorder.begin(exchange)
        current = CURRENT.set(record)
        context = otel_context.attach(exchange.context)
        try:
            await self._app(exchange.scope, receive, observed)
        except BaseException as error:
            recorder.finish(exchange, error)
            raise
        finally:
            otel_context.detach(context)
            CURRENT.reset(current)
            recorder.finish(exchange, None)


def _is_last(message: Message) -> bool:
    kind = message["type"]
    return (kind == "http.response.body" and not message.get("more_body", False)) or (kind == "http.response.pathsend")
