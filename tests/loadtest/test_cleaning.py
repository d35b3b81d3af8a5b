"""Of a foreign service's spans nothing may enter a bundle that could be anybody's data."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.run.cleaning import MAX_SPANS, cleaned, statement

HIDDEN = "hidden-9f2c"
"""Stands for customers' data and secrets, wherever stock instrumentation may put them."""


def text(key: str, value: str) -> dict:
    return {"key": key, "value": {"stringValue": value}}


def export(*attributes: dict, name: str = "GET /a", **more: object) -> dict:
    span = {"traceId": "t", "spanId": "s", "kind": 2, "name": name, "attributes": list(attributes), **more}
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {"name": "any"}, "spans": [span]}]}]}


def kept(document: dict) -> dict:
    """The attributes of the only span, as plain values."""
    (span,) = cleaned(document)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    return {pair["key"]: next(iter(pair["value"].values())) for pair in span["attributes"]}


@pytest.mark.parametrize(
    "document",
    [
        export(text("db.system", "postgresql"), text("db.statement", f"select * from a where b = '{HIDDEN}'")),
        export(text("db.system.name", "mysql"), text("db.query.text", f'select * from a where b = "{HIDDEN}"')),
        export(text("db.system", "mysql"), text("db.statement", f"select 'it\\'s' from a where b = '{HIDDEN}'")),
        export(text("db.system", "mssql"), text("db.statement", f"select * from a where p = 'C:\\' or b = '{HIDDEN}'")),
        export(text("db.system", "redis"), text("db.statement", f"SET session:{HIDDEN} {HIDDEN}")),
        export(text("db.system", "mongodb"), text("db.statement", json.dumps({"find": "a", "filter": HIDDEN}))),
        export(text("db.statement", f"select * from a where b = '{HIDDEN}'")),
        export(text("db.query.parameter.0", HIDDEN)),
        export(text("http.url", f"http://127.0.0.1/a?token={HIDDEN}#{HIDDEN}"), text("http.target", f"/a?q={HIDDEN}")),
        export(text("url.full", f"https://me:{HIDDEN}@host/a?b={HIDDEN}"), text("url.query", HIDDEN)),
        export(
            text("http.request.header.authorization", HIDDEN), text("enduser.id", HIDDEN), text("user.email", HIDDEN)
        ),
        export(name=f"GET /a?token={HIDDEN}"),
        export(text("db.system", "postgresql"), text("db.statement", "select 1"), name=f"select '{HIDDEN}'"),
        export(events=[{"name": "exception", "attributes": [text("exception.message", HIDDEN)]}]),
        export(status={"code": 2, "message": f"duplicate key: {HIDDEN}"}),
        export({"key": "process.command_args", "value": {"arrayValue": {"values": [{"stringValue": HIDDEN}]}}}),
        export(links=[{"traceId": "t", "spanId": "s", "attributes": [text("a", HIDDEN)]}]),
        {
            "resourceSpans": [
                {"resource": {"attributes": [text("process.command_line", f"api --key {HIDDEN}")]}, "scopeSpans": []}
            ]
        },
    ],
)
def test_what_may_be_anybodys_data_is_taken_out(document):
    assert HIDDEN in json.dumps(document)
    assert HIDDEN not in json.dumps(cleaned(document))


def test_what_tells_where_time_went_stays():
    document = export(
        text("http.request.method", "GET"),
        text("http.route", "/a/{id}"),
        text("db.system", "postgresql"),
        text("db.statement", "select name from a where id = $1"),
        {"key": "http.response.status_code", "value": {"intValue": "200"}},
        {"key": "code.lineno", "value": {"intValue": 7}},
        text("code.filepath", "/app/a.js"),
        startTimeUnixNano="5",
        endTimeUnixNano="7",
        parentSpanId="p",
        status={"code": 2},
    )
    document["resourceSpans"][0]["resource"] = {"attributes": [text("service.name", "shop")]}
    assert kept(document) == {
        "http.request.method": "GET",
        "http.route": "/a/{id}",
        "db.system": "postgresql",
        "db.statement": "select name from a where id = $1",
        "http.response.status_code": "200",
        "code.lineno": 7,
        "code.filepath": "/app/a.js",
    }
    whole = cleaned(document)["resourceSpans"][0]
    assert whole["resource"] == {"attributes": [text("service.name", "shop")]}
    span = whole["scopeSpans"][0]["spans"][0]
    assert (span["startTimeUnixNano"], span["endTimeUnixNano"], span["parentSpanId"]) == ("5", "7", "p")
    assert span["status"] == {"code": 2}
    assert cleaned(cleaned(document)) == cleaned(document)


@pytest.mark.parametrize(
    ("system", "given", "left"),
    [
        ("mysql", "select `a` from t where b = 'x' and c in (1, 2, 3)", "select `a` from t where b = ? and c in (?)"),
        ("mysql", 'select a from t # where x\nwhere b = "it\'s"', "select a from t where b = ?"),
        ("sqlite", "select \"a\" from t where b = 'it''s'", 'select "a" from t where b = ?'),
        ("redis", "hgetall people:7", "HGETALL"),
        ("mongodb", '{"find": "people"}', "FIND"),
        ("cassandra", "42", ""),
        (None, "select a from t", "SELECT"),
    ],
)
def test_a_statement_is_read_by_the_rules_of_its_system_or_not_at_all(system, given, left):
    assert statement(given, system) == left


@given(st.sampled_from(["postgresql", "mysql", "redis", None]), st.text(max_size=200))
def test_whatever_a_literal_holds_is_not_left(system, inside):
    quoted = inside.replace("\\", "\\\\").replace("'", "''") if system == "mysql" else inside.replace("'", "''")
    found = statement(f"select a from t where b = '{quoted}~{HIDDEN}' and c = 1", system)
    assert HIDDEN not in found


def test_a_request_of_too_many_spans_keeps_the_first():
    document = export()
    spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans *= MAX_SPANS + 100
    assert len(cleaned(document)["resourceSpans"][0]["scopeSpans"][0]["spans"]) == MAX_SPANS
