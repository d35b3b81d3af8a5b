"""The span of a request: the current span of all code that runs in it, made for every request, so nearly nothing."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.context import Context, create_key, get_current, get_value
from opentelemetry.sdk.trace import Event
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    Span,
    SpanContext,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.status import Status, StatusCode

from tailgate_otel import scrub

# Spans of the application held for one request; what is beyond is counted, not held.
MAX_SPANS = 200

# W3C Trace Context, level 2: the flag of trace ids that are random.
_RANDOM = 2

REQUEST_KEY = create_key("tailgate.request")
# Where the OpenTelemetry API keeps the current span in a context.
[SPAN_KEY] = set_span_in_context(INVALID_SPAN, Context())


class Told:
    """What the application said of a request by its span, bounded as it was said.

    Attributes:
        scope: of the instrumentation that made that span, where it is one of the SDK's.

    """

    __slots__ = (
        "attributes",
        "attributes_dropped",
        "events",
        "events_dropped",
        "links",
        "links_dropped",
        "name",
        "scope",
        "status",
    )

    def __init__(self) -> None:
        self.name: str | None = None
        self.scope: InstrumentationScope | None = None
        self.status = StatusCode.UNSET
        self.attributes: dict[str, Any] = {}
        self.attributes_dropped = 0
        self.events: list[Event] = []
        self.events_dropped = 0
        self.links: list[Link] = []
        self.links_dropped = 0

    @classmethod
    def by(cls, span: SdkSpan, called: str) -> "Told":
        """What was said by a span that stood in for a request's own; ``called`` is the name that it was given at first.

        It may not have ended yet: the request is over before the last of its code is.
        """
        told = cls()
        told.name = None if span.name == called else scrub.text(span.name, scrub.MAX_NAME)
        told.scope = span.instrumentation_scope
        told.status = span.status.status_code
        told.attributes, told.attributes_dropped = dict(span.attributes or {}), span.dropped_attributes
        told.events, told.events_dropped = list(span.events), span.dropped_events
        told.links, told.links_dropped = list(span.links), span.dropped_links
        return told


class RequestSpan(Span):
    """The server span of a request while the request runs: its ids now, all else when somebody asks for it.

    One is made for every request. For code that uses the OpenTelemetry API it is the current span, and records; what
    it was told is on the exported server span when the trace is kept. The middleware ends it.

    Attributes:
        sampled: the decision taken at the head of the request, which goes downstream.
        parent: the caller's span, if it named one.
        ended: the request is over, and whether its trace is kept has been decided.
        stand_in: the span of the SDK, of the same ids, that the application was given in its place, and what that was
            called at first.

    """

    __slots__ = ("ended", "parent", "sampled", "span_id", "trace_id")

    # What few requests need is set when it is needed.
    kept = False
    told: Told | None = None
    held: dict[int, SdkSpan] | None = None
    stand_in: tuple[SdkSpan, str] | None = None
    _begun = 0
    _context: SpanContext | None = None

    def __init__(self, trace_id: int, span_id: int, sampled: bool, parent: SpanContext | None = None) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.sampled = sampled
        self.parent = parent
        self.ended = False

    def get_span_context(self) -> SpanContext:
        """The ids of the server span, with the decision taken at the head of the request."""
        if self._context is None:
            parent = self.parent
            # The ids given out by the recorder are random; of a caller's the caller knows.
            flags = (_RANDOM if parent is None else parent.trace_flags & _RANDOM) | self.sampled
            state = None if parent is None else parent.trace_state
            self._context = SpanContext(self.trace_id, self.span_id, False, TraceFlags(flags), state)
        return self._context

    def is_recording(self) -> bool:
        """Until the request has ended."""
        return not self.ended

    def end(self, end_time: int | None = None) -> None:
        """Nothing: the request ends when its response does."""

    def set_attribute(self, key: str, value: Any) -> None:
        """Set an attribute of the server span."""
        self.set_attributes({key: value})

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set attributes of the server span; what the recorder measures goes before what is set here."""
        if self.ended:
            return
        told = self._tell()
        for key, given in attributes.items():
            kept = scrub.value(given)
            if kept is None or (key not in told.attributes and len(told.attributes) >= scrub.MAX_ATTRIBUTES):
                told.attributes_dropped += 1
            else:
                told.attributes[key] = kept

    def add_event(self, name: str, attributes: Mapping[str, Any] | None = None, timestamp: int | None = None) -> None:
        """Add an event to the server span."""
        if self.ended:
            return
        told = self._tell()
        if len(told.events) < scrub.MAX_EVENTS:
            told.events.append(Event(scrub.text(name, scrub.MAX_NAME), scrub.attributes(attributes or {}), timestamp))
        else:
            told.events_dropped += 1

    def add_link(self, context: SpanContext, attributes: Mapping[str, Any] | None = None) -> None:
        """Link the server span to another."""
        if self.ended:
            return
        told = self._tell()
        if len(told.links) < scrub.MAX_LINKS:
            told.links.append(Link(context, scrub.attributes(attributes or {})))
        else:
            told.links_dropped += 1

    def update_name(self, name: str) -> None:
        """Call the server span something else than method and route."""
        if not self.ended:
            self._tell().name = scrub.text(name, scrub.MAX_NAME)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Set the status of the server span; OK is final. The description is not kept: it may hold anything."""
        code = status.status_code if isinstance(status, Status) else status
        if not self.ended and code is not StatusCode.UNSET and self._tell().status is not StatusCode.OK:
            self._tell().status = code

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Add an event with the exception's type. Its message and stack trace are not kept: they may hold anything."""
        kind = type(exception)
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        said = {"exception.type": name, "exception.escaped": str(escaped)}
        self.add_event("exception", said | dict(attributes or {}), timestamp)

    def said(self) -> Told | None:
        """What the application said of the request, by this span or by the one in its place, if it said anything."""
        return self.told if self.stand_in is None else Told.by(*self.stand_in)

    @property
    def spans_dropped(self) -> int:
        """Spans of the application that the request had too many of."""
        return max(0, self._begun - MAX_SPANS)

    def enclosing(self) -> int:
        """The id of the application's span that is current in this place; 0 where the request's own is."""
        span_id = get_current_span().get_span_context().span_id
        return span_id if self.held is not None and span_id in self.held else 0

    def admit(self) -> bool:
        """One more span of the application, if it is not too many."""
        self._begun += 1
        return self._begun <= MAX_SPANS

    def hold(self, span: SdkSpan) -> bool:
        """Hold a span until the request ends; False when it has ended."""
        # Several threads may come here at once, each with the first span.
        held: dict[int, SdkSpan] = self.__dict__.setdefault("held", {})
        span_id = span.get_span_context().span_id
        held[span_id] = span
        # Looked at last: the request may end in another thread meanwhile.
        if not self.ended:
            return True
        held.pop(span_id, None)
        return False

    def settle(self, *, kept: bool) -> tuple[list[SdkSpan], list[SdkSpan]]:
        """The request has ended: the spans held for it that have ended as well, and those that have not.

        They are forgotten here. Each list is in the order in which the spans began.
        """
        if kept:
            self.kept = True
        self.ended = True
        held = self.held
        ended: list[SdkSpan] = []
        running: list[SdkSpan] = []
        while held:
            span = held.popitem()[1]
            (running if span.end_time is None else ended).append(span)
        return ended[::-1], running[::-1]

    def over(self) -> None:
        """The request has ended, and nothing more is kept of it than already is."""
        if self.held is not None:
            self.settle(kept=False)
        self.ended = True

    def _tell(self) -> Told:
        told: Told = self.__dict__.setdefault("told", Told()) if self.told is None else self.told
        return told


def entered(request: RequestSpan, context: Context | None = None) -> Context:
    """A context, or the current one, in which the request is under way."""
    return Context({**(get_current() if context is None else context), SPAN_KEY: request, REQUEST_KEY: request})


def request_in(context: Context | None) -> RequestSpan | None:
    """The request that is under way in a context, or in the current one."""
    request = get_value(REQUEST_KEY, context)
    return request if isinstance(request, RequestSpan) else None
