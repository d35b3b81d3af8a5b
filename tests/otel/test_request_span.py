"""The span of a request as application code sees it: a recording span like any other, and bounded."""

import gc
import threading
import weakref

import pytest
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanContext, TraceFlags, TraceState
from opentelemetry.trace.status import Status, StatusCode
from tailgate_otel import scrub
from tailgate_otel.request_span import MAX_SPANS, RequestSpan, entered, request_in


@pytest.fixture
def request_span() -> RequestSpan:
    return RequestSpan(0xABC, 0xDEF, True)


@pytest.mark.parametrize("sampled", [True, False])
def test_its_context_has_its_ids_and_the_head_decision(sampled):
    context = RequestSpan(0xABC, 0xDEF, sampled).get_span_context()
    assert (context.trace_id, context.span_id, context.is_remote) == (0xABC, 0xDEF, False)
    assert context.trace_flags.sampled is sampled
    assert context.trace_flags & 2, "its id is random, and it says so"


@pytest.mark.parametrize("flags", [0, 1, 2, 3, 255])
def test_below_a_caller_the_decision_is_its_own_and_tracestate_and_randomness_the_callers(flags):
    parent = SpanContext(0xABC, 1, True, TraceFlags(flags), TraceState([("vendor", "x")]))
    context = RequestSpan(0xABC, 0xDEF, False, parent).get_span_context()
    assert context.trace_state == parent.trace_state
    assert context.trace_flags == flags & 2


def test_it_is_the_current_span_where_its_request_is_entered(request_span):
    context = entered(request_span, Context({"other": 1}))
    assert trace.get_current_span(context) is request_span
    assert request_in(context) is request_span
    assert context["other"] == 1
    assert request_in(None) is None
    carrier: dict[str, str] = {}
    propagate.inject(carrier, context)
    assert carrier["traceparent"] == f"00-{0xABC:032x}-{0xDEF:016x}-03"


def test_it_keeps_what_it_is_told(request_span):
    request_span.set_attribute("a", 1)
    request_span.set_attributes({"b": [1, 2], "a": 2})
    request_span.add_event("e", {"c": 3}, timestamp=7)
    request_span.add_link(SpanContext(1, 2, is_remote=True), {"d": 4})
    request_span.update_name("other")
    request_span.set_status(StatusCode.ERROR, "hidden")
    told = request_span.told
    assert told.attributes == {"a": 2, "b": (1, 2)}
    assert [(event.name, event.attributes, event.timestamp) for event in told.events] == [("e", {"c": 3}, 7)]
    assert [(link.context.span_id, link.attributes) for link in told.links] == [(2, {"d": 4})]
    assert (told.name, told.status) == ("other", StatusCode.ERROR)


def test_a_list_it_was_given_may_change_afterwards(request_span):
    mutable = [1, 2]
    request_span.set_attribute("a", mutable)
    mutable.append(3)
    assert request_span.told.attributes == {"a": (1, 2)}


def test_ok_is_final_and_unset_changes_nothing(request_span):
    request_span.set_status(StatusCode.ERROR)
    request_span.set_status(StatusCode.UNSET)
    assert request_span.told.status is StatusCode.ERROR
    request_span.set_status(Status(StatusCode.OK))
    request_span.set_status(StatusCode.ERROR)
    assert request_span.told.status is StatusCode.OK


def test_an_exception_is_its_type(request_span):
    error = TraceError("hidden, too")
    error.__cause__ = KeyError("hidden")
    request_span.record_exception(error, {"order": 1}, escaped=True)
    [event] = request_span.told.events
    assert event.name == "exception"
    assert event.attributes == {
        "exception.type": f"{__name__}.TraceError",
        "exception.escaped": "True",
        "order": 1,
    }
    request_span.record_exception(ValueError("hidden"))
    assert request_span.told.events[1].attributes["exception.type"] == "ValueError"


class TraceError(Exception):
    pass


def test_what_is_too_much_is_counted(request_span):
    for n in range(200):
        request_span.set_attribute(f"a{n}", n)
        request_span.add_event(f"e{n}")
        request_span.add_link(SpanContext(1, n + 1, is_remote=True))
    request_span.set_attribute("a7", "anew")
    told = request_span.told
    assert [told.attributes_dropped, told.events_dropped, told.links_dropped] == [72, 72, 72]
    assert [len(told.attributes), len(told.events), len(told.links)] == [128, 128, 128]
    assert told.attributes["a7"] == "anew"
    request_span.set_attribute("a8", "x" * 100_000)
    assert len(told.attributes["a8"]) == scrub.MAX_VALUE


def test_it_records_until_the_request_has_ended(request_span):
    assert request_span.is_recording()
    with request_span:
        request_span.end()
    assert request_span.is_recording(), "the middleware ends it, nobody else"
    request_span.settle(kept=True)
    assert not request_span.is_recording()
    request_span.set_attribute("a", 1)
    request_span.add_event("e")
    request_span.add_link(SpanContext(1, 2, is_remote=True))
    request_span.update_name("late")
    request_span.set_status(StatusCode.ERROR)
    request_span.record_exception(ValueError())
    assert request_span.told is None


def test_what_was_held_is_forgotten_when_it_has_ended(request_span):
    tracer = TracerProvider().get_tracer("x")
    spans = [tracer.start_span(f"{n}", context=entered(request_span)) for n in range(4)]
    assert all(request_span.hold(span) for span in spans)
    spans[1].end()
    spans[3].end()
    ended, running = request_span.settle(kept=False)
    assert ([span.name for span in ended], [span.name for span in running]) == (["1", "3"], ["0", "2"])
    late = tracer.start_span("late")
    assert not request_span.hold(late)
    left = [weakref.ref(span) for span in (*spans, late)]
    del spans, ended, running, late
    gc.collect()
    assert [ref() for ref in left] == [None] * 5


def test_threads_that_tell_at_once_lose_nothing():
    for _ in range(50):
        span = RequestSpan(1, 2, True)
        ready = threading.Barrier(4)

        def tell(n: int, span: RequestSpan = span, ready: threading.Barrier = ready) -> None:
            ready.wait()
            span.set_attribute(f"a{n}", n)

        threads = [threading.Thread(target=tell, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(span.told.attributes) == 4


def test_spans_beyond_the_bound_are_not_admitted_and_counted(request_span):
    admitted = [request_span.admit() for _ in range(MAX_SPANS + 5)]
    assert admitted.count(True) == MAX_SPANS
    assert request_span.spans_dropped == 5
