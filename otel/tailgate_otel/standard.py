"""The standard recorder: the server span is made by OpenTelemetry's own instrumentation, all else is the lean one's.

For applications whose other instrumentations expect that span. It needs ``tailgate-otel[standard]``; without it,
importing this module raises ConfigError. Metrics, counts, and which traces are kept and why, come from the same code.
"""

import os
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, Final, cast

from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.trace import (
    INVALID_SPAN,
    NonRecordingSpan,
    Span,
    SpanKind,
    Tracer,
    TracerProvider,
    get_current_span,
    set_span_in_context,
)

from tailgate_otel import names
from tailgate_otel.config import Config
from tailgate_otel.errors import ConfigError
from tailgate_otel.guard import Guard
from tailgate_otel.middleware import Application, Exchange, Middleware, Receive, Scope, Send
from tailgate_otel.nesting import RandomIds
from tailgate_otel.record import CURRENT
from tailgate_otel.recorder import Recorder
from tailgate_otel.request_span import RequestSpan, request_in

try:
    from opentelemetry.instrumentation._semconv import (
        _get_semconv_opt_in_modes,
        _OpenTelemetryStabilitySignalType,
        _report_new,
    )
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from starlette.applications import Starlette
except ImportError as error:
    raise ConfigError(
        "the standard recorder needs OpenTelemetry's instrumentation of FastAPI: "
        f"pip install 'tailgate-otel[standard]' ({error})"
    ) from error

_STABLE: Final = "http"
_NO_URLS: Final = ""


class StandardRecorder(Recorder):
    """Records a FastAPI or Starlette application as :class:`~tailgate_otel.Recorder` does, with the stock server span.

    That span is the current one while the request runs. Whether it leaves is decided with its trace, and it leaves with
    what the instrumentation and the application set on it; name, route, status, error, times and ids are those that
    the lean recorder gives, and its attributes are added. Closing the recorder undoes the instrumentation.

    The stable conventions are opted in to when an application is recorded, and hold for every instrumentation of the
    process: they read the environment once, when the first of them begins. Record the application before that, or set
    ``OTEL_SEMCONV_STABILITY_OPT_IN=http``.

    To give background tasks spans of their own, the instrumentation patches one class for all applications: of several
    recorders in one process, the first that is closed ends that for all.

    Example:
        recorder = StandardRecorder(Config.from_env(service_name="shop"))
        recorder.start()
        app = recorder.middleware(FastAPI())
        opentelemetry.trace.set_tracer_provider(recorder.tracer_provider)

    """

    def __init__(self, config: Config, *, exporter: SpanExporter | None = None) -> None:
        super().__init__(config, exporter=exporter)
        self.tracer_provider.id_generator = _Ids(self.random)  # type: ignore[assignment] # is narrowed to the default's
        self._instrumented: list[Starlette] = []

    def middleware(self, app: Application) -> Middleware:
        """The application, instrumented and recorded.

        Raises:
            ConfigError: it is no FastAPI or Starlette application or is instrumented already, or the instrumentations
                of this process have begun without the stable conventions.

        """
        if not isinstance(app, Starlette):
            raise ConfigError(
                f"the standard recorder cannot instrument a {type(app).__qualname__}: give it the FastAPI or Starlette "
                "application itself and put what wraps it around the result, or use the lean Recorder"
            )
        if getattr(app, "_is_instrumented_by_opentelemetry", False):
            raise ConfigError(
                "the application is instrumented already, by FastAPIInstrumentor or opentelemetry-instrument: "
                "leave that to the standard recorder, or use the lean Recorder"
            )
        _opt_in()
        FastAPIInstrumentor.instrument_app(
            cast("Any", app),
            tracer_provider=_Tracers(self),
            meter_provider=NoOpMeterProvider(),
            server_request_hook=_stand_in,
            excluded_urls=_NO_URLS,
            exclude_spans=["receive", "send"],
        )
        app.build_middleware_stack = partial(_walled, app.build_middleware_stack, self.guard)  # type: ignore[method-assign]
        # One that was built before is not instrumented.
        app.middleware_stack = None
        self._instrumented.append(app)
        return super().middleware(app)

    def close(self) -> None:
        """Export what is queued, within a few seconds, stop serving metrics and leave the applications as they were."""
        super().close()
        while self._instrumented:
            app = self._instrumented.pop()
            if getattr(app, "_is_instrumented_by_opentelemetry", False):
                FastAPIInstrumentor.uninstrument_app(cast("Any", app))


class _Tracers(TracerProvider):
    """Where the instrumentation of one application gets its tracer."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def get_tracer(self, *scope: Any, **more: Any) -> Tracer:
        return _ServerTracer(self._recorder, lambda recorder: recorder.tracer_provider.get_tracer(*scope, **more))


class _ServerTracer(Tracer):
    """Makes the server span of a request with the ids that the request has; other spans as anybody's.

    OpenTelemetry's middleware reads no headers when there is a current span, and asks for an internal one.
    """

    def __init__(self, recorder: Recorder, tracer_of: Callable[[Recorder], Tracer]) -> None:
        self._recorder = recorder
        self._tracer_of = tracer_of
        self._tracer = tracer_of(recorder)

    def start_span(
        self, name: str, context: Any = None, kind: Any = SpanKind.INTERNAL, *args: Any, **more: Any
    ) -> Span:
        request, record = request_in(context), CURRENT.get()
        served = isinstance(record, Exchange) and record.recorder is self._recorder and record.span is request
        # An instrumented application that is mounted in another, or a request of another recorder.
        if request is None or not served or get_current_span(context) is not request:
            return self._tracer_here().start_span(name, context, kind, *args, **more)
        parent = INVALID_SPAN if request.parent is None else NonRecordingSpan(request.parent)
        token = _SERVED.set(request)
        try:
            span = self._tracer.start_span(name, set_span_in_context(parent, context), SpanKind.SERVER, *args, **more)
        finally:
            _SERVED.reset(token)
        # It does not where the SDK is disabled.
        return span if span.is_recording() else request

    def start_as_current_span(self, *args: Any, **more: Any) -> Any:
        return self._tracer_here().start_as_current_span(*args, **more)

    def _tracer_here(self) -> Tracer:
        """That of the recorder whose request it is: background tasks of all applications come here."""
        record = CURRENT.get()
        if not isinstance(record, Exchange) or record.recorder is self._recorder:
            return self._tracer
        return self._tracer_of(record.recorder)


# The request whose server span is being made.
_SERVED: ContextVar[RequestSpan | None] = ContextVar("tailgate_served", default=None)


class _Ids(RandomIds):
    """Ids of spans: those of its request for a server span, else random."""

    def generate_span_id(self) -> int:
        request = _SERVED.get()
        return super().generate_span_id() if request is None else request.span_id

    def generate_trace_id(self) -> int:
        request = _SERVED.get()
        return super().generate_trace_id() if request is None else request.trace_id


def _stand_in(span: Span, _: Scope) -> None:
    """Called with a new server span when nothing more is in the way of the application."""
    request = request_in(None)
    if request is not None and isinstance(span, SdkSpan) and span.get_span_context().span_id == request.span_id:
        request.stand_in = span, span.name


class _Wall:
    """An instrumented application, and what answers when its instrumentation fails.

    OpenTelemetry's middleware decodes headers and queries, and a client can send some for which it raises before it has
    called the application: then the application is called without it.
    """

    def __init__(self, instrumented: OpenTelemetryMiddleware, guard: Guard) -> None:
        self._instrumented = instrumented
        self._application: Application = instrumented.app
        self._guard = guard
        instrumented.app = self._call

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A websocket is no request, and neither is one for which the recorder itself has failed.
        if scope["type"] != "http" or request_in(None) is None:
            await self._application(scope, receive, send)
            return
        outcome: list[BaseException | None] = []
        token = _OUTCOME.set(outcome)
        try:
            await self._instrumented(scope, receive, send)
        except Exception as failure:
            if outcome and outcome[0] is failure:
                raise
            self._guard.caught(failure)
            if not outcome:
                await self._application(scope, receive, send)
            elif outcome[0] is not None:
                raise outcome[0] from None
        finally:
            _OUTCOME.reset(token)
            outcome.clear()

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        outcome = _OUTCOME.get()
        outcome.append(None)
        try:
            await self._application(scope, receive, send)
        except BaseException as raised:
            outcome[0] = raised
            raise


# Of the application that is being called: nothing while it has not been, else None or what it raised.
_OUTCOME: ContextVar[list[BaseException | None]] = ContextVar("tailgate_outcome")


def _walled(build: Any, guard: Guard) -> Application:
    """The stack of middleware that the instrumentation builds, with a wall in place of its outermost part.

    That part answers 500 whenever the instrumentation fails.
    """
    built = build()
    instrumented = getattr(built, "app", None)
    return _Wall(instrumented, guard) if isinstance(instrumented, OpenTelemetryMiddleware) else built


def _opt_in() -> None:
    """Have OpenTelemetry's instrumentations use the stable names.

    They read the environment once, when the first of them begins; it is put back as it was.

    Raises:
        ConfigError: they have begun without.

    """
    said = os.environ.get(names.ENV_SEMCONV_OPT_IN)
    os.environ[names.ENV_SEMCONV_OPT_IN] = f"{said},{_STABLE}" if said else _STABLE
    try:
        http = _OpenTelemetryStabilitySignalType.HTTP
        mode = _get_semconv_opt_in_modes((http,))[http]
    finally:
        if said is None:
            del os.environ[names.ENV_SEMCONV_OPT_IN]
        else:
            os.environ[names.ENV_SEMCONV_OPT_IN] = said
    if not _report_new(mode):
        raise ConfigError(
            f"another instrumentation has begun with the old names of attributes: set {names.ENV_SEMCONV_OPT_IN}="
            f"{_STABLE} in the environment of the process, or make the recorder's middleware first"
        )
