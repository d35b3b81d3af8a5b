"""What one traced request spent its time on, moment by moment."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.judge.regression.why.spent import Request, Work, request_of
from tailgate_otel import names

APPLICATION, POOL = Work("application"), Work("pool")
A, B = Work("database", "select a"), Work("database", "select b")
SERVER, CLIENT, INTERNAL = 2, 3, 1
MILLISECOND = 1_000_000
BEGUN = 1_700_000_000 * 10**9


def said(**attributes: object) -> list[dict]:
    """OTLP's attributes; names are written with ``_`` for each dot."""
    kinds = {str: "stringValue", int: "intValue", bool: "boolValue"}
    return [{"key": key.replace("_", "."), "value": {kinds[type(v)]: v}} for key, v in attributes.items()]


def span(number: int, start: int, end: int, parent: int = 1, kind: int = CLIENT, name: str = "", **attributes) -> dict:
    """A span between two milliseconds of the request."""
    return {
        "traceId": "t",
        "spanId": f"{number}",
        "parentSpanId": f"{parent}",
        "kind": kind,
        "name": name,
        "startTimeUnixNano": str(BEGUN + start * MILLISECOND),
        "endTimeUnixNano": str(BEGUN + end * MILLISECOND),
        "attributes": said(**attributes),
    }


def query(number: int, start: int, end: int, text: str = "select a", parent: int = 1, **attributes) -> dict:
    return span(number, start, end, parent, db_system="postgresql", db_statement=text, **attributes)


def root(end: int = 100, **attributes) -> dict:
    made = span(1, 0, end, kind=SERVER, name="GET /a", http_method="GET", http_route="/a", **attributes)
    del made["parentSpanId"]
    return made


def text_of(*spans: dict, **fields: object) -> str:
    """A trace as a bundle has it."""
    scope = {"scope": {"name": "any"}, "spans": list(spans)}
    return json.dumps({"resourceSpans": [{"resource": {}, "scopeSpans": [scope]}], **fields})


def request(*spans: dict, **fields: object) -> Request:
    return request_of(json.loads(text_of(*spans, **fields)))


def spent(*spans: dict) -> dict[Work, float]:
    """In milliseconds."""
    return {work: round(seconds * 1000, 6) for work, seconds in request(*spans).spent.items()}


def test_what_no_span_covers_is_the_applications():
    assert spent(root()) == {APPLICATION: 100}
    assert spent(root(), query(2, 10, 30), query(3, 50, 90, "select b")) == {APPLICATION: 40, A: 20, B: 40}


def test_queries_at_the_same_time_share_it():
    assert spent(root(), query(2, 0, 100), query(3, 50, 100, "select b")) == {A: 75, B: 25}


def test_a_parent_has_what_its_children_leave():
    handler = span(5, 0, 90, kind=INTERNAL, name="handler")
    assert spent(root(), handler, query(2, 10, 60, parent=5)) == {
        APPLICATION: 10,
        Work("application", "handler"): 40,
        A: 50,
    }


def test_waiting_for_a_connection_gives_way_to_whatever_else_runs():
    wait = span(2, 0, 60, kind=INTERNAL, tailgate_db_kind="wait")
    assert spent(root(), wait, query(3, 20, 50)) == {POOL: 30, A: 30, APPLICATION: 40}


def test_a_child_that_outlives_the_request_or_its_parent_counts_until_the_requests_end():
    assert spent(root(), query(2, 90, 500)) == {APPLICATION: 90, A: 10}
    handler = span(5, 0, 20, kind=INTERNAL, name="handler")
    assert spent(root(), handler, query(2, 10, 60, parent=5))[A] == 50


def test_spans_that_are_each_others_parents_leave_the_time_to_the_request():
    assert spent(root(), query(2, 0, 50, parent=3), query(3, 0, 50, "select b", parent=2)) == {APPLICATION: 100}


@given(
    st.lists(
        st.tuples(st.integers(0, 120), st.integers(0, 120), st.integers(0, 12), st.sampled_from(["a", "b", "wait"])),
        max_size=12,
    )
)
def test_however_spans_lie_the_parts_add_up_to_the_request(drawn):
    spans = [
        span(number, start, end, parent, tailgate_db_kind="wait")
        if what == "wait"
        else query(number, start, end, f"select {what}", parent)
        for number, (start, end, parent, what) in enumerate(drawn, 2)
    ]
    found = request(root(), *spans)
    assert sum(found.spent.values()) == pytest.approx(found.seconds)
    assert all(seconds > 0 for seconds in found.spent.values())


def test_a_statement_is_counted_where_the_driver_sends_it():
    library = query(2, 0, 50, "select a")
    assert dict(request(root(), library, query(3, 10, 40, parent=2), query(4, 60, 70)).ran) == {A: 2}
    control = query(5, 70, 71, "COMMIT")
    assert sum(request(root(), control).ran.values()) == 0


@pytest.mark.parametrize(
    "attributes",
    [
        {"code_filepath": "/app/store/orders.py", "code_lineno": "88"},
        {"code_file_path": "C:\\app\\store\\orders.py", "code_line_number": 88},
    ],
)
def test_a_statement_says_where_it_comes_from_by_either_convention(attributes):
    assert request(root(), query(2, 0, 1, **attributes)).sites == {A: "orders.py:88"}


def test_values_of_a_statement_are_never_shown():
    text = "select name from people where email = 'me@example.org' and age > 41"
    (work,) = request(root(), query(2, 0, 1, text)).ran
    assert work.text == "select name from people where email = ? and age > ?"


@pytest.mark.parametrize(
    ("attributes", "work"),
    [
        ({"db_system": "redis", "db_statement": "GET user:7:token"}, Work("database", "redis GET")),
        (
            {"db_system": "mongodb", "db_operation": "find", "db_collection_name": "people"},
            Work("database", "mongodb find people"),
        ),
        ({"db_system": "postgresql", "name": "pg-pool.connect"}, POOL),
        ({"name": "HikariDataSource.getConnection", "kind": INTERNAL}, POOL),
        ({"name": "GET", "server_address": "billing"}, Work("call", "GET to billing")),
        ({"name": "render", "kind": INTERNAL}, Work("application", "render")),
    ],
)
def test_what_is_no_statement_is_known_by_its_name(attributes, work):
    assert spent(root(), span(2, 0, 40, **attributes)) == {work: 40, APPLICATION: 60}


def test_how_a_statement_failed_is_known_by_its_state():
    failed = query(2, 0, 1, db_response_status_code="57014")
    failed["attributes"][-1]["key"] = names.ATTR_DB_STATUS
    answered = root()
    answered["attributes"] += [{"key": names.ATTR_STATUS, "value": {"intValue": "500"}}]
    found = request(answered, failed)
    assert found.failed
    assert found.errors == {A: "57014"}


def test_only_a_sample_by_chance_is_fair_and_only_chance_and_length_are_comparable():
    def kept(reason: str, sampled: bool) -> Request:
        answer = root()
        answer["attributes"] += [
            {"key": names.ATTR_KEPT_REASON, "value": {"stringValue": reason}},
            {"key": names.ATTR_HEAD_SAMPLED, "value": {"boolValue": sampled}},
        ]
        return request(answer, tailgateFair=True)

    assert kept(names.KEPT_SLOW, sampled=False).comparable
    assert kept(names.KEPT_N_PLUS_ONE, sampled=True).comparable
    assert not kept(names.KEPT_N_PLUS_ONE, sampled=False).comparable
    assert not kept(names.KEPT_FORCED, sampled=True).comparable
    assert kept(names.KEPT_SAMPLE, sampled=True).fair
    assert not request(root()).fair
    assert request(root()).comparable


@pytest.mark.parametrize(
    "document",
    [{}, {"resourceSpans": []}, {"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": 1}]}]}]}, {"resourceSpans": 5}],
)
def test_what_is_no_trace_is_refused(document):
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        request_of(document)
