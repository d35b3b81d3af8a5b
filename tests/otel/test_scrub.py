"""What may leave the process in a span: by the key, by the value, and whatever an application thinks of."""

import logging
from decimal import Decimal
from enum import IntEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans as encode_json
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as encode_protobuf
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags, TraceState
from opentelemetry.trace.status import Status, StatusCode
from tailgate_otel import names, scrub
from tailgate_otel.statement import describe

_RESOURCE = Resource({})
_IDS = SpanContext(1, 2, is_remote=False)


def leaves(key: str, value: object, **others: object) -> object:
    """What becomes of an attribute, None when it stays."""
    return scrub.attributes({**others, key: value}).get(key)


def span(**fields: object) -> ReadableSpan:
    return ReadableSpan(**({"name": "x", "context": _IDS, "resource": _RESOURCE} | fields))


@pytest.mark.parametrize(
    "key",
    [
        *("exception.message", "exception.stacktrace", "error.message", "url.query", "url.fragment"),
        *("db.connection_string", "db.statement.parameters", "db.query.parameter.0", "db.operation.parameter.name"),
        *("http.request.header.authorization", "http.request.header.proxy-authorization"),
        *("http.request.header.cookie", "http.response.header.set-cookie", "http.response.header.set_cookie"),
        *("http.request.header.x-api-key", "http.request.header.X_Api_Key", "http.request.header.x-auth-token"),
        *(f"http.request.header.{names.HEADER_RUN_SECRET}", "http.request.header.tailgate_run"),
        *(f"http.request.header.{names.HEADER_WEBHOOK_SIGNATURE}", "rpc.grpc.request.metadata.authorization"),
        *("user.password", "client_secret", "Authorization", "openai.api_key", "access_token", "aws.credentials"),
    ],
)
def test_an_attribute_that_holds_a_secret_stays(key):
    assert leaves(key, "hidden") is None
    assert leaves(key, ["hidden"]) is None
    assert leaves("nested", {key: "hidden", "other": 1}) == {"other": 1}


@pytest.mark.parametrize(
    "key",
    [
        *("http.request.method", "url.path", "exception.type", "error.type", "db.response.status_code"),
        *(names.ATTR_DB_CONSTRAINT, "http.request.header.content-type", "http.response.header.x-request-id"),
        *("server.address", "cache.key", "session.id", "messaging.message.id", "code.function.name"),
    ],
)
def test_an_attribute_that_holds_none_leaves(key):
    assert leaves(key, "shown") == "shown"


@pytest.mark.parametrize(
    ("key", "given", "left"),
    [
        ("url.full", "https://user:hidden@shop.test:8443/a/b?token=hidden#hidden", "https://shop.test:8443/a/b"),
        ("http.url", "http://shop.test?token=hidden", "http://shop.test"),
        ("http.url", "http://shop.test/@someone", "http://shop.test/@someone"),
        ("http.url", "http://user:hid@den@shop.test/", "http://shop.test/"),
        ("http.url", "http://shop.test?mail=some@hidden.test", "http://"),
        ("url.full", "/a/b?token=hidden", "/a/b"),
        ("http.target", "/a/b?token=hidden", "/a/b"),
        ("http.target", "/a/b#hidden", "/a/b"),
        ("whatever", "postgresql://shop:hidden@db.test/shop?sslpassword=hidden", "postgresql://db.test/shop"),
        ("whatever", "postgresql://shop:hid/den@db.test/shop", "postgresql://db.test/shop"),
        ("whatever", "postgresql://shop:hid?den@db.test/shop", "postgresql://"),
        ("whatever", "what? no address://user:pass@host", "what? no address://user:pass@host"),
        ("whatever", "x" * 5000, "x" * scrub.MAX_VALUE),
        ("whatever", "https://user:" + "x" * 5000 + "@shop.test/", "https://shop.test/"),
    ],
)
def test_addresses_lose_credentials_and_query(key, given, left):
    assert leaves(key, given) == left
    if key == "whatever":
        assert leaves(key, [given, 1]) == (left, 1)


@given(st.text(st.characters(codec="ascii"), max_size=30), st.text(st.characters(codec="ascii"), max_size=30))
def test_no_password_of_an_address_leaves(user, path):
    left = leaves("http.url", f"https://{user}:hidden@shop.test/{path}")
    assert "hidden" not in left or "/" in user


@pytest.mark.parametrize("key", ["db.query.text", "db.statement"])
@pytest.mark.parametrize(
    ("system", "left"),
    [
        (None, "select ? where name = ?"),
        ("postgresql", "select ? where name = ?"),
        ("mysql", "SELECT"),
        ("redis", "SELECT"),
    ],
)
def test_a_statement_leaves_without_its_data(key, system, left):
    said = {} if system is None else {"db.system": system}
    assert leaves(key, "select 17 where name = 'hidden'", **said) == left
    if system is not None:
        assert leaves(key, "select 17 where name = 'hidden'", **{"db.system.name": system}) == left


@given(st.text(max_size=200))
def test_a_statement_without_data_stays_as_it_is(text):
    once = describe(text).text
    assert leaves("db.query.text", leaves("db.query.text", once)) == leaves("db.query.text", once)


def test_an_object_leaves_as_its_text_and_an_error_as_its_type():
    class Color(IntEnum):
        RED = 3

    assert leaves("x", Decimal("1.5")) == "1.5"
    assert leaves("x", Color.RED) == 3
    assert leaves("x", ValueError("hidden")) == "ValueError"
    assert leaves("x", [ValueError("hidden"), Decimal(2)]) == ("ValueError", "2")


class _Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no text for you")


@pytest.mark.parametrize("value", [None, 2**63, -(2**63) - 1, _Hostile(), {"a": _Hostile()}])
def test_what_cannot_be_encoded_is_counted_as_dropped(value):
    left = scrub.attributes({"x": value, "y": 1, 17: 3}, dropped=4)
    assert dict(left) == {"y": 1}
    assert span(attributes=left).dropped_attributes == 6


def test_a_list_that_holds_itself_ends():
    endless: list[object] = [1]
    endless.append(endless)
    assert leaves("x", endless) == (1,)


def test_attributes_events_and_links_are_bounded_and_the_rest_is_counted():
    many = range(200)
    left = scrub.clean(
        span(
            attributes={f"a{n}": n for n in many},
            events=[Event("e", {f"a{n}": n for n in many}) for _ in many],
            links=[Link(_IDS, {f"a{n}": n for n in many}) for _ in many],
        )
    )
    assert [len(left.attributes), len(left.events), len(left.links)] == [128, 128, 128]
    assert [left.dropped_attributes, left.dropped_events, left.dropped_links] == [72, 72, 72]
    assert [left.events[0].dropped_attributes, left.links[0].dropped_attributes] == [72, 72]
    assert len(left.events[0].attributes) == 128


def test_a_span_keeps_its_ids_its_times_and_its_tracestate_and_becomes_sampled():
    state = TraceState([("vendor", "1")])
    given_span = span(
        context=SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(0), trace_state=state),
        parent=SpanContext(1, 3, is_remote=True),
        kind=SpanKind.CLIENT,
        start_time=5,
        end_time=7,
        instrumentation_scope=InstrumentationScope("their.code", "1.2"),
    )
    left = scrub.clean(given_span)
    assert (left.context.trace_id, left.context.span_id, left.context.trace_flags.sampled) == (1, 2, True)
    assert (left.context.trace_state, left.parent, left.kind) == (state, given_span.parent, SpanKind.CLIENT)
    assert (left.start_time, left.end_time) == (5, 7)
    assert (left.instrumentation_scope.name, left.instrumentation_scope.version) == ("their.code", "1.2")


def test_a_parent_or_a_link_that_there_cannot_be_is_left_out():
    impossible = SpanContext(2**129, 2**70, is_remote=True)
    left = scrub.clean(span(parent=impossible, links=[Link(impossible), Link(_IDS)]))
    assert left.parent is None
    assert [link.context for link in left.links] == [_IDS]


def test_a_text_that_is_no_text_can_be_encoded():
    left = scrub.clean(
        span(name="\ud800", attributes={"a\ud800": "b\ud800"}, instrumentation_scope=InstrumentationScope("\ud800", 3))
    )
    assert (left.name, dict(left.attributes)) == ("?", {"a?": "b?"})
    assert (left.instrumentation_scope.name, left.instrumentation_scope.version) == ("?", "3")


def test_of_an_error_its_type_leaves_and_no_word_of_it():
    told = {"exception.type": "UniqueViolationError", "exception.message": "hidden", "exception.stacktrace": "hidden"}
    left = scrub.clean(
        span(
            attributes=told,
            events=[Event("exception", told)],
            links=[Link(_IDS, told)],
            status=Status(StatusCode.ERROR, "hidden"),
        )
    )
    assert "hidden" not in left.to_json()
    assert left.attributes == left.events[0].attributes == {"exception.type": "UniqueViolationError"}
    assert (left.status.status_code, left.status.description) == (StatusCode.ERROR, None)


_anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.binary()
    | st.builds(_Hostile),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3),
    max_leaves=10,
)
_said = st.dictionaries(st.text(st.characters(exclude_categories=())) | st.integers(), _anything, max_size=5)
_ids = st.integers(-1, 2**130)
_contexts = st.builds(SpanContext, _ids, _ids, st.booleans())


@settings(deadline=None)
@given(
    span=st.builds(
        span,
        name=_anything.filter(lambda name: not isinstance(name, _Hostile)),
        attributes=_said,
        events=st.lists(st.builds(Event, st.text(), _said, _anything), max_size=3),
        links=st.lists(st.builds(Link, st.none() | _contexts, _said), max_size=3),
        parent=st.none() | _contexts,
        kind=st.sampled_from(SpanKind) | st.none(),
        start_time=_anything,
        end_time=_anything,
        instrumentation_scope=st.none() | st.builds(InstrumentationScope, st.text(), st.none() | st.text()),
    )
)
def test_whatever_an_application_puts_into_a_span_can_be_encoded(span):
    complaints: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = complaints.append
    logging.getLogger("opentelemetry").addHandler(handler)
    try:
        left = scrub.clean(span)
        encode_protobuf([left]).SerializeToString()
        encode_json([left]).to_json()
    finally:
        logging.getLogger("opentelemetry").removeHandler(handler)
    assert complaints == []
