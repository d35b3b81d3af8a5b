"""What application code nests beneath a request's span: held until the request's tail decision, then shipped or not."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any
from weakref import WeakValueDictionary

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState, get_current_span

from tailgate_otel.errors import ConfigError
from tailgate_otel.export import Shipper
from tailgate_otel.guard import Guard
from tailgate_otel.record import open_record
from tailgate_otel.request_span import RequestSpan, request_in


class TailProcessor(SpanProcessor):
    """What becomes of the spans that application code makes.

    Inside a request they are held until it has ended: then they are shipped with its trace or forgotten. What ends
    later is shipped when it does, if the trace was kept. Outside of requests the sampler has decided.
    """

    def __init__(self, guard: Guard) -> None:
        self.shipper: Shipper | None = None
        self._guard = guard
        # To be shipped as soon as they end. One that never ends is not kept alive by this.
        self._awaited: WeakValueDictionary[int, SdkSpan] = WeakValueDictionary()

    def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:
        """Hold, await or ignore a span that has begun."""
        with self._guard:
            self._begin(span, request_in(parent_context))

    def on_end(self, span: ReadableSpan) -> None:
        """Ship a span that was awaited."""
        with self._guard:
            if span.context is not None and self._awaited.pop(span.context.span_id, None) is not None:
                self._ship(span)

    def follow(self, spans: Sequence[SdkSpan]) -> None:
        """Await the spans of a trace that was kept which had not ended with their request."""
        for span in spans:
            self._await(span)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Export what is queued; whether all of it was tried in time."""
        return self.shipper is None or self.shipper.flush(timeout_millis / 1000)

    def _begin(self, span: SdkSpan, request: RequestSpan | None) -> None:
        if self.shipper is None:
            return
        context = span.get_span_context()
        # A span that was given another parent on purpose belongs to that one's trace.
        if request is None or request.trace_id != context.trace_id:
            self._awaited[context.span_id] = span
            return
        # It stands in for the request's own, which is exported with what it was told.
        if context.span_id == request.span_id:
            return
        if not request.admit():
            if request.kept:
                self.shipper.drop(1)
            return
        if request.hold(span):
            record = open_record()
            if record is not None:
                record.enclosing = request.enclosing
        elif request.kept:
            self._await(span)

    def _await(self, span: SdkSpan) -> None:
        span_id = span.get_span_context().span_id
        self._awaited[span_id] = span
        # It may have ended in another thread before it was awaited here.
        if span.end_time is not None and self._awaited.pop(span_id, None) is not None:
            self._ship(span)

    def _ship(self, span: ReadableSpan) -> None:
        if self.shipper is not None:
            self.shipper.ship([span])


class HeadSampler(Sampler):
    """Inside a request every span is recorded, and bears the request's head decision; outside it follows its parent.

    A span without a parent is sampled by its trace id, as requests are.
    """

    def __init__(self, sampled: Callable[[int], bool]) -> None:
        self._sampled = sampled

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Any = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Whether a span is recorded, and what it says downstream."""
        parent = get_current_span(parent_context).get_span_context()
        request = request_in(parent_context)
        decision = Decision.DROP
        if request is not None and request.trace_id == trace_id:
            decision = Decision.RECORD_AND_SAMPLE if request.sampled else Decision.RECORD_ONLY
        elif parent.trace_flags.sampled if parent.is_valid else self._sampled(trace_id):
            decision = Decision.RECORD_AND_SAMPLE
        return SamplingResult(decision, attributes, parent.trace_state)

    def get_description(self) -> str:
        """What this is."""
        return "the recorder's head decision"


class RandomIds(IdGenerator):
    """Ids that are the recorder's own: an application that seeds its random numbers does not repeat them."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def generate_span_id(self) -> int:
        """64 bits; 0 is no valid id."""
        return self._random.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        """128 bits; 0 is no valid id."""
        return self._random.getrandbits(128) or 1

    def is_trace_id_random(self) -> bool:
        """All of it."""
        return True


def tracer_provider(
    processor: TailProcessor, sampled: Callable[[int], bool], random: Random, resource: Resource
) -> TracerProvider:
    """The stock tracer provider, its spans sampled and cared for as above.

    Raises:
        ConfigError: a limit of spans in the environment cannot be read.

    """
    try:
        limits = SpanLimits()
    except ValueError as error:
        raise ConfigError(f"a limit of spans cannot be read from the environment: {error}") from error
    provider = TracerProvider(
        sampler=HeadSampler(sampled),
        resource=resource,
        shutdown_on_exit=False,
        id_generator=RandomIds(random),
        span_limits=limits,
    )
    provider.add_span_processor(processor)
    return provider
