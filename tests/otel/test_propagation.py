"""A caller's trace is taken up from its headers, whatever they hold, and goes on to whoever is called."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, propagate, trace
from opentelemetry.context import Context, attach, detach, get_value
from opentelemetry.propagators.b3 import B3MultiFormat, B3SingleFormat
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context
from tailgate_otel import Config, Recorder
from tailgate_otel.guard import Guard
from tailgate_otel.propagation import Entrance
from tailgate_otel.request_span import RequestSpan

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture
def entrance() -> Entrance:
    return Entrance(lambda trace_id: bool(trace_id & 1), Random(7), Guard())


def parent(entrance: Entrance, *headers: tuple[str, str]) -> SpanContext | None:
    return enter(entrance, *headers)[0].parent


def enter(entrance: Entrance, *headers: tuple[str, str]):
    return entrance.enter([(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers])


@contextmanager
def propagator(made: TextMapPropagator) -> Iterator[None]:
    usual = propagate.get_global_textmap()
    propagate.set_global_textmap(made)
    try:
        yield
    finally:
        propagate.set_global_textmap(usual)


@contextmanager
def logged() -> Iterator[list[str]]:
    """What OpenTelemetry writes to the log meanwhile."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logging.getLogger("opentelemetry").addHandler(handler)
    try:
        yield lines
    finally:
        logging.getLogger("opentelemetry").removeHandler(handler)


def test_a_request_without_a_caller_begins_a_trace(entrance):
    request, context = entrance.enter([])
    assert request.parent is None
    assert request.trace_id
    assert request.span_id
    assert request.sampled is bool(request.trace_id & 1)
    assert trace.get_current_span(context) is request


def test_what_surrounds_the_application_surrounds_the_request(entrance):
    token = attach(set_span_in_context(NonRecordingSpan(SpanContext(1, 2, is_remote=False)), Context({"outer": 7})))
    try:
        for headers in ((), (("traceparent", "malformed"),), (("traceparent", PARENT),)):
            request, context = enter(entrance, *headers)
            assert get_value("outer", context) == 7
            assert (request.parent is None) == (headers != (("traceparent", PARENT),)), "but no parent is made of it"
    finally:
        detach(token)


def test_a_request_goes_on_with_its_callers_trace(entrance):
    request, context = enter(entrance, ("traceparent", PARENT), ("tracestate", "a=1,b=2"), ("tracestate", "c=3"))
    assert (f"{request.trace_id:032x}", f"{request.parent.span_id:016x}") == (TRACE, SPAN)
    assert request.parent.is_remote
    assert f"{request.span_id:016x}" != SPAN
    assert dict(request.get_span_context().trace_state) == {"a": "1", "b": "2", "c": "3"}
    assert trace.get_current_span(context) is request


@pytest.mark.parametrize("flags", ["00", "01", "03", "ff"])
def test_the_head_decision_is_taken_anew(entrance, flags):
    request, _ = enter(entrance, ("traceparent", f"00-{TRACE}-{SPAN}-{flags}"))
    assert request.sampled is False, "the trace's id is even"


@pytest.mark.parametrize(
    "header",
    [
        *("", " ", "-", "00", PARENT[:-1], PARENT[:-3], f"ff-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01-x"),
        *(f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", PARENT.upper(), "\x00\xff", " " * 8000, "-" * 8000),
    ],
)
def test_a_malformed_traceparent_begins_a_trace(entrance, header):
    with logged() as lines:
        assert parent(entrance, ("traceparent", header), ("tracestate", "a=1")) is None
    assert entrance._guard.failures == 0
    assert lines == []


def test_a_future_version_is_read_as_far_as_it_is_known(entrance):
    assert parent(entrance, ("traceparent", f"01-{TRACE}-{SPAN}-01-what")).is_valid


@pytest.mark.parametrize(
    "header",
    [
        ",".join(f"k{n}={'v' * 255}" for n in range(32)),
        "x",
        "a=",
        "=b",
        "A=b",
        "a=b=c",
        "a=\xff",
        ",".join(f"k{n}=v" for n in range(33)),
        "a=" + "v" * 9000,
        "a=1,,B=2",
    ],
)
def test_a_malformed_tracestate_is_none(entrance, header):
    with logged() as lines:
        found = parent(entrance, ("traceparent", PARENT), ("tracestate", header))
    assert found.is_valid
    assert dict(found.trace_state) == {}
    assert lines == []


def test_a_well_formed_tracestate_may_be_long(entrance):
    members = {f"tenant{n}@vendor": "v" * 100 for n in range(32)}
    header = " , ".join(f"{key}={value}" for key, value in members.items())
    assert dict(parent(entrance, ("traceparent", PARENT), ("tracestate", header)).trace_state) == members


def test_baggage_is_read_member_by_member(entrance):
    with logged() as lines:
        _, context = enter(
            entrance,
            ("baggage", "user = alice ; secret;x=y,bad member=1,\xffbad=1,empty=,  city=S%C3%A3o"),
            ("baggage", "second=2"),
        )
    assert dict(baggage.get_all(context)) == {"user": "alice;secret;x=y", "empty": "", "city": "São", "second": "2"}
    assert lines == []


@pytest.mark.parametrize(
    "header",
    [
        *("," * 8000, "a" * 9000, "a=" + " " * 8000, "a" + " " * 8000 + "=b", "a=b" + ";" * 8000),
        *("a=b;" + " " * 8000 + "c", " " * 8000, "a=b,c," * 1300, "é=1," * 2000, "a=" + "v" * 8000),
    ],
)
def test_a_hostile_baggage_leaves_no_line_in_the_log(entrance, header):
    with logged() as lines:
        _, context = enter(entrance, ("baggage", header))
    assert len(baggage.get_all(context)) <= 1
    assert lines == []


_texts = st.text(st.characters(max_codepoint=255), max_size=60)
_members = st.lists(
    st.tuples(st.sampled_from(["a", "b@c", "A b", "é", ""]), st.sampled_from(["=", " = ", ""]), _texts), max_size=5
).map(lambda members: ",".join("".join(member) for member in members))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["traceparent", "tracestate", "baggage", "x-other"]), st.just(PARENT) | _members | _texts
        ),
        max_size=6,
    )
)
def test_no_header_fails_or_is_logged(headers):
    entrance = Entrance(lambda _: True, Random(7), Guard())
    with logged() as lines:
        request, _ = enter(entrance, *headers)
    assert isinstance(request, RequestSpan)
    assert entrance._guard.failures == 0
    assert lines == []


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_*/-]{0,20}", fullmatch=True),
        st.from_regex(r"[!-+\--<>-~]{1,20}", fullmatch=True),
        max_size=32,
    )
)
def test_every_well_formed_tracestate_comes_through(members):
    entrance = Entrance(lambda _: True, Random(7), Guard())
    header = ",".join(f"{key}={value}" for key, value in members.items())
    assert dict(parent(entrance, ("traceparent", PARENT), ("tracestate", header)).trace_state) == members


def test_the_fields_are_those_of_the_propagators():
    entrance = Entrance(lambda _: True, Random(7), Guard())
    assert entrance.fields == {b"traceparent", b"tracestate", b"baggage"}
    with propagator(CompositePropagator([])):
        assert Entrance(lambda _: True, Random(7), Guard()).fields == frozenset()


@pytest.mark.parametrize("made", [B3MultiFormat(), B3SingleFormat()], ids=["multi", "single"])
@pytest.mark.parametrize(
    "headers",
    [
        [("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN), ("x-b3-sampled", "1")],
        [("b3", f"{TRACE}-{SPAN}-1")],
    ],
    ids=["multi", "single"],
)
def test_b3_is_read_where_it_is_asked_for(made, headers):
    with propagator(made):
        entrance = Entrance(lambda _: True, Random(7), Guard())
    assert all(name.encode() in entrance.fields for name, _ in headers)
    found = parent(entrance, *headers)
    assert (f"{found.trace_id:032x}", f"{found.span_id:016x}") == (TRACE, SPAN)


class _Broken(TextMapPropagator):
    def extract(self, carrier, context=None, getter=None):
        raise RuntimeError("broken")

    def inject(self, carrier, context=None, setter=None):
        return

    @property
    def fields(self) -> set[str]:
        return {"X-Broken"}


def test_a_broken_propagator_is_counted_and_the_request_goes_on():
    guard = Guard()
    with propagator(_Broken()):
        entrance = Entrance(lambda _: True, Random(7), guard)
    assert entrance.fields == {b"x-broken"}
    assert parent(entrance, ("x-broken", "1")) is None
    assert guard.failures == 2


class _Dear(TextMapPropagator):
    """Counts how often it is asked."""

    asked = 0
    found: list[str] | None = None

    def extract(self, carrier, context=None, getter=None):
        self.asked += 1
        self.found = getter.get(carrier, "X-Dear")
        assert set(getter.keys(carrier)) == set(carrier)
        return context

    def inject(self, carrier, context=None, setter=None):
        return

    @property
    def fields(self) -> set[str]:
        return {"x-dear"}


async def test_propagators_are_asked_only_when_there_is_something_to_read():
    dear = _Dear()
    with propagator(dear):
        recorder = Recorder(Config(service_name="x", metrics_port=0))
    app = FastAPI()
    transport = httpx.ASGITransport(recorder.middleware(app))
    before = dear.asked
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        await client.get("/", headers={"traceparent": PARENT})
        assert dear.asked == before
        await client.get("/", headers={"X-Dear": "1"})
    assert dear.asked == before + 1
    assert dear.found == ["1"], "whatever case it spells the name in"


async def test_trace_tracestate_and_baggage_go_through_an_application():
    exporter = InMemorySpanExporter()
    recorder = Recorder(Config(service_name="x", metrics_port=0, sample_ratio=1.0), exporter=exporter)
    recorder.start()
    app = FastAPI()

    @app.get("/")
    async def endpoint() -> dict[str, str]:
        assert baggage.get_baggage("user") == "alice"
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        return carrier

    transport = httpx.ASGITransport(recorder.middleware(app))
    headers = {"traceparent": PARENT, "tracestate": "vendor=1", "baggage": "user=alice"}
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        sent = (await client.get("/", headers=headers)).json()
    recorder.close()
    [server] = exporter.get_finished_spans()
    assert re.fullmatch(f"00-{TRACE}-{server.context.span_id:016x}-01", sent["traceparent"])
    assert (sent["tracestate"], sent["baggage"]) == ("vendor=1", "user=alice")
    assert f"{server.parent.span_id:016x}" == SPAN
    assert dict(server.context.trace_state) == {"vendor": "1"}
