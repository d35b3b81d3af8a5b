"""What the bundles of a side say of each route."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.errors import BundleError
from tailgate_loadtest.judge.regression.why.evidence import evidence
from tailgate_loadtest.judge.regression.why.spent import request_of
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import Parts, Splits

from tests.loadtest.conftest import counters, intervals, metrics
from tests.loadtest.test_why_spent import BEGUN, query, root, text_of

ORDER = "GET /orders/{id}"


def line(template: str | None, path: str = "/orders/7", at: float = 1.0, name: str = "GET") -> str:
    """A trace of a request so many seconds after the load began."""
    spans = [root(), query(2, 10, 30)]
    for span in spans:
        for key in ("startTimeUnixNano", "endTimeUnixNano"):
            span[key] = str(int(span[key]) + round(at * 1e9))
    spans[0]["name"] = name
    spans[0]["attributes"] = [{"key": "http.method", "value": {"stringValue": "GET"}}]
    for key, value in (("http.route", template), ("http.target", path)):
        if value is not None:
            spans[0]["attributes"].append({"key": key, "value": {"stringValue": value}})
    return text_of(*spans)


def split(database: float, told: int = 10) -> Splits:
    nothing = dict.fromkeys(
        ("lag", "user", "connection", "wait", "receive", "network", "pool", "application", "other"), 0.0
    )
    parts = Parts(requests=10, told=told, database=database, **nothing)
    return Splits(p50=parts, p95=parts, p99=parts)


@pytest.fixture
def of_route(bundle: Callable[..., Bundle]) -> Callable[..., Bundle]:
    """A bundle of one route, with its traces."""

    def made(*lines: str, route: str = ORDER, requests: int = 10, split: Splits | None = None, **more) -> Bundle:
        found = bundle(intervals(route, Kind.RESPONSE, 0.1, [requests]), **more)
        run = found.read_run()
        (record,) = run.routes
        record = record.model_copy(update={"split": split, "errors": {"HTTP 503": 1}})
        found.write_run(run.model_copy(update={"routes": (record,)}))
        found.traces.write_text("".join(f"{each}\n" for each in lines))
        return found

    return made


@pytest.mark.parametrize(
    "template", ["/orders/{id}", "/orders/:id", "/orders/<int:id>", "/orders/{order_id}/", "/orders/[id]"]
)
def test_a_route_is_known_however_a_framework_writes_its_parameters(of_route, template):
    assert len(evidence([of_route(line(template))])[ORDER].traces) == 1


def test_a_route_is_known_by_its_spans_name_or_its_path_where_it_names_none(of_route):
    found = of_route(line(None, name="GET /orders/:id"), line(None), line(None, path="/orders/7?a=b"))
    assert len(evidence([found])[ORDER].traces) == 3


def test_actions_after_a_colon_are_not_taken_for_parameters(of_route):
    odd = of_route(line("/orders:cancel", path=""), route="GET /orders:publish")
    assert evidence([odd])["GET /orders:publish"].traces == ()


def test_other_routes_are_nobodys(of_route):
    assert evidence([of_route(line("/health", path="/health"), line(None, path="/"))])[ORDER].traces == ()


def test_a_locustfiles_own_names_are_no_paths(of_route):
    assert evidence([of_route(line("/orders/{id}"), route="look at an order")])["look at an order"].traces == ()


def test_the_warm_up_is_left_out(of_route):
    found = of_route(line("/orders/{id}", at=4.9), line("/orders/{id}", at=5.1), measured_from=5.0)
    (only,) = evidence([found])[ORDER].traces
    assert only.at == pytest.approx(BEGUN / 1e9 + 5.1)


def test_queries_are_the_services_own_count(of_route):
    server = counters(start=metrics({ORDER: {}}), end=metrics({ORDER: {3: 10}}))
    assert evidence([of_route(server=server)])[ORDER].queries == 3
    assert evidence([of_route(path="silent")])[ORDER].queries is None


def test_several_runs_of_a_side_are_one(of_route):
    one = of_route(line("/orders/{id}"), requests=10, split=split(0.1), path="one")
    other = of_route(line("/orders/{id}"), requests=30, split=split(0.2), path="other")
    found = evidence([one, other])[ORDER]
    assert found.requests == 40
    assert found.errors == {"HTTP 503": 2}
    assert len(found.traces) == 2
    assert found.splits is not None
    assert found.splits.p95.database == pytest.approx(0.175)


def test_a_bundle_without_traces_is_no_fault(of_route):
    found = of_route()
    found.traces.unlink()
    assert evidence([found])[ORDER].traces == ()
    assert evidence([]) == {}


@pytest.mark.parametrize(
    "damaged", ["{", "[]", "5", "null", "{}", '{"resourceSpans": [5]}', json.dumps({"resourceSpans": []}), "[" * 9999]
)
def test_a_damaged_trace_is_named_by_its_line(of_route, damaged):
    with pytest.raises(BundleError, match=r"traces\.jsonl:2"):
        evidence([of_route(line("/orders/{id}"), damaged)])


def test_traces_that_are_no_text_are_named(of_route):
    found = of_route()
    found.traces.write_bytes(b"\xff\xfe")
    with pytest.raises(BundleError, match="cannot be read"):
        evidence([found])


KEYS = (
    "resourceSpans",
    "scopeSpans",
    "spans",
    "resource",
    "scope",
    "traceId",
    "spanId",
    "parentSpanId",
    "kind",
    "name",
    "attributes",
    "key",
    "value",
    "stringValue",
    "intValue",
    "status",
    "code",
    "startTimeUnixNano",
)
junk = st.recursive(
    st.none() | st.booleans() | st.integers(0, 5) | st.floats() | st.sampled_from(["db.statement", "http.route", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=20,
)
spans = st.dictionaries(st.sampled_from(KEYS), junk, max_size=8)


@given(st.lists(spans, max_size=3))
def test_whatever_a_span_holds_it_is_read_or_refused(drawn):
    document = {"resourceSpans": [{"scopeSpans": [{"spans": [root(), *drawn]}]}]}
    try:
        found = request_of(json.loads(json.dumps(document)))
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
        return
    assert sum(found.spent.values()) == pytest.approx(found.seconds)
