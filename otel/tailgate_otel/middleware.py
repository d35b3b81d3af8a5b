"""The ASGI middleware: a record from the first byte of a request to the last of its response."""

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from opentelemetry import propagate
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import SpanContext, get_current_span

from tailgate_otel import names
from tailgate_otel.nesting import SPAN_KEY, RequestSpan
from tailgate_otel.record import CURRENT, Record
from tailgate_otel.route import METHODS

if TYPE_CHECKING:
    from tailgate_otel.recorder import Recorder

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# What may be the last message of a response.
_LAST = frozenset(("http.response.body", "http.response.pathsend"))
_SERVER_ERROR = 500
_RUN_SECRET = names.HEADER_RUN_SECRET.encode()
_SERVER_TIMING = names.HEADER_SERVER_TIMING.encode()


class Exchange:
    """One request and its response under way."""

    __slots__ = (
        "context",
        "error",
        "finished",
        "forced",
        "method",
        "parent",
        "record",
        "root_path",
        "sampled",
        "scope",
        "span",
        "status",
        "timed",
        "trace_id",
    )

    def __init__(self, recorder: "Recorder", scope: Scope) -> None:
        carried: dict[str, str] | None = None
        timed = False
        watched = recorder.watched
        for name, value in scope["headers"]:
            if name in watched:
                if name == _RUN_SECRET:
                    timed = recorder.secret is not None and hmac.compare_digest(value, recorder.secret)
                else:
                    carried = carried or {}
                    carried[name.decode("latin-1")] = value.decode("latin-1")
        self.scope = scope
        self.root_path: str = scope.get("root_path", "")
        method: str = scope["method"]
        self.method = method if method in METHODS else names.OTHER_METHOD
        self.timed = timed
        self.status = 0
        self.finished = False
        self.error: BaseException | None = None
        self.forced = False
        self.parent: SpanContext | None = None
        random = recorder.random.getrandbits
        if carried is None:
            self.trace_id = trace_id = random(128) or 1  # 0 is no valid id
            self.sampled = recorder.keeper.sampled(trace_id)
            self.span = RequestSpan(trace_id, random(64) or 1, self.sampled, None)
            self.context = Context({SPAN_KEY: self.span})
        else:
            self._continue(recorder, carried)
        self.record = Record(recorder.guard, recorder.meters, recorder.config.n_plus_one)

    def _continue(self, recorder: "Recorder", carried: dict[str, str]) -> None:
        """Become a part of the caller's trace, if what it sent says one."""
        context = propagate.extract(carried, Context())
        parent = get_current_span(context).get_span_context()
        random = recorder.random.getrandbits
        if parent.is_valid:
            self.parent = parent
            self.forced = parent.trace_flags.sampled and recorder.peers.trusts(self.scope.get("client"))
        self.trace_id = parent.trace_id if parent.is_valid else random(128) or 1
        self.sampled = self.forced or recorder.keeper.sampled(self.trace_id)
        state = parent.trace_state if parent.is_valid else None
        self.span = RequestSpan(self.trace_id, random(64) or 1, self.sampled, state)
        self.context = Context({**context, SPAN_KEY: self.span})

    def started(self, message: Message) -> Message:
        """The start of the response, with ``Server-Timing`` if the request asked for it with the secret."""
        value = self.record.timing(f"{self.trace_id:032x}").encode()
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
        recorder = self._recorder
        try:
            exchange = Exchange(recorder, scope)
            record = scope[names.SCOPE_RECORD] = exchange.record
            recorder.begin(exchange)
        except Exception as failure:  # noqa: BLE001 - counted by the guard
            recorder.guard.caught(failure)
            await self._app(scope, receive, send)
            return

        async def observed(message: Message) -> None:
            kind = message["type"]
            if kind == "http.response.start":
                exchange.status = message["status"]
                if exchange.timed:
                    with recorder.guard:
                        message = exchange.started(message)
                await send(message)
                return
            await send(message)
            if record.open and not message.get("more_body", False) and kind in _LAST:
                record.close()
                # Frameworks answer 500 first and raise afterwards; the metrics then know what was raised.
                if exchange.status < _SERVER_ERROR:
                    recorder.finish(exchange, None)

        current = CURRENT.set(record)
        context = attach(exchange.context)
        try:
            await self._app(scope, receive, observed)
        except BaseException as error:
            recorder.finish(exchange, error)
            raise
        finally:
            detach(context)
            CURRENT.reset(current)
            if not exchange.finished:
                recorder.finish(exchange, None)
