"""The ASGI middleware: a record from the first byte of a request to the last of its response."""

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from operator import itemgetter
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.context import Context

from tailgate_otel import names
from tailgate_otel.keep import RANDOM_BITS
from tailgate_otel.record import CURRENT, Record, outside
from tailgate_otel.request_span import REQUEST_KEY, SPAN_KEY, RequestSpan
from tailgate_otel.route import METHODS
from tailgate_otel.routes import Route

if TYPE_CHECKING:
    from tailgate_otel.recorder import Recorder

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# The scope of a request of which nothing more needs to be known.
FORGOTTEN: Final[Scope] = {}

_NAME = itemgetter(0)
# What may be the last message of a response.
_LAST = frozenset(("http.response.body", "http.response.pathsend"))
_SERVER_ERROR = 500
_RUN_SECRET = names.HEADER_RUN_SECRET.encode()
_SERVER_TIMING = names.HEADER_SERVER_TIMING.encode()


class Exchange(Record):
    """One request and its response under way."""

    __slots__ = (
        "context",
        "error",
        "finished",
        "forced",
        "method",
        "recorder",
        "root_path",
        "route",
        "scope",
        "span",
        "status",
        "timed",
    )

    route: Route

    def __init__(self, recorder: "Recorder", scope: Scope) -> None:
        self.recorder = recorder
        self.scope = scope
        self.root_path: str = scope.get("root_path", "")
        method: str = scope["method"]
        self.method = method = method if method in METHODS else names.OTHER_METHOD
        self.error: BaseException | None = None
        self.finished = False
        self.forced = False
        self.status = 0
        self.timed = False
        if recorder.watched.isdisjoint(map(_NAME, scope["headers"])):
            bits = recorder.random.getrandbits
            trace_id = bits(128) or 1  # 0 is no valid id
            self.span = span = RequestSpan(trace_id, bits(64) or 1, trace_id & RANDOM_BITS < recorder.sampled_below)
            around = recorder.context.get()
            both = {SPAN_KEY: span, REQUEST_KEY: span}
            self.context = Context({**around, **both} if around else both)
        else:
            self._look_at_headers()
        # What Record.__init__ does, without its call.
        self.guard = recorder.guard
        self.sink = recorder.meters
        self.watched = recorder.watch_from
        self.rows = []
        self.waits = []
        self.open = True
        self.parents = None
        # Where statements come from costs some microseconds each: it is asked for where a trace is sure to be made.
        traced = recorder.exporting and self.span.sampled
        self.enclosing, self.sites = (outside, {}) if traced else (None, None)
        self.repetitions = None
        self._past = None
        self.ended = 0
        active = recorder.meters.active
        active[method] = active.get(method, 0) + 1
        self.started = perf_counter_ns()

    def _look_at_headers(self) -> None:
        """Become a part of the caller's trace, if what it sent says one; see whether it knows the run's secret."""
        recorder, headers = self.recorder, self.scope["headers"]
        self.span, self.context = recorder.entrance.enter(headers)
        parent = self.span.parent
        if parent is not None and parent.trace_flags.sampled and recorder.peers.trusts(self.scope.get("client")):
            self.forced = self.span.sampled = True
        secret = next((value for name, value in headers if name == _RUN_SECRET), b"")
        self.timed = recorder.secret is not None and hmac.compare_digest(secret, recorder.secret)

    def send(self, send: Send, message: Message) -> Awaitable[None]:
        """Pass on what the application answers.

        The server's ``send`` is not kept here: servers keep the scope, which leads here, and a circle of all of them
        would be left to the garbage collector by every request.
        """
        # Only the last message is waited for in here: a coroutine of its own for each would cost what it costs.
        kind = message["type"]
        if kind == "http.response.start":
            self.status = message["status"]
            if self.timed:
                with self.recorder.guard:
                    message = self._told(message)
        elif self.open and kind in _LAST and not message.get("more_body", False):
            return self._end(send, message)
        return send(message)

    async def _end(self, send: Send, message: Message) -> None:
        await send(message)
        self.ended = perf_counter_ns()
        self.open = False
        # Frameworks answer 500 first and raise afterwards; the metrics then know what was raised.
        if self.status < _SERVER_ERROR and not self.finished:
            self.recorder.finish(self)

    def _told(self, message: Message) -> Message:
        """The start of the response, with ``Server-Timing``."""
        value = self.timing(f"{self.span.trace_id:032x}").encode()
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
        except Exception as failure:  # noqa: BLE001 - counted by the guard
            recorder.guard.caught(failure)
            await self._app(scope, receive, send)
            return
        scope[names.SCOPE_RECORD] = exchange
        current = CURRENT.set(exchange)
        context = recorder.context.set(exchange.context)
        try:
            await self._app(scope, receive, partial(exchange.send, send))
        except BaseException as error:
            # What fails after the last byte is no failure of the answer.
            if not exchange.finished:
                exchange.error = error
            raise
        finally:
            recorder.context.reset(context)
            CURRENT.reset(current)
            if not exchange.finished:
                recorder.finish(exchange)
