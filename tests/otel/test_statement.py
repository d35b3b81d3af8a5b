import pytest
from tailgate_otel.statement import MAX_TEXT, describe


@pytest.mark.parametrize(
    ("text", "without_data"),
    [
        ("select * from t where id = $1", "select * from t where id = $1"),
        ("select * from t where id = 42 and x > -1.5e3", "select * from t where id = ? and x > ?"),
        ("select 'it''s' , E'a\\'b'", "select ? , ?"),
        ("select $$secret$$, $tag$a $$ b$tag$", "select ?, ?"),
        ('select "col 1", t1.c2 from "T""9"', 'select "col 1", t1.c2 from "T""9"'),
        ("select 1 -- for customer 'x'\n from t /* 49 */ ;", "select ? from t"),
        ("select * from t where id in (1, 2, 3)", "select * from t where id in (?)"),
        ("select\n\n   a\tfrom  t", "select a from t"),
        ("insert into t values ('unfinished", "insert into t values (?"),
    ],
)
def test_the_text_of_a_statement_holds_nobodys_data(text, without_data):
    assert describe(text).text == without_data


def test_a_text_cut_in_the_middle_of_a_literal_shows_none_of_it():
    assert describe("select '" + "secret" * MAX_TEXT + "'").text == "select ?"


@pytest.mark.parametrize(
    ("text", "operation", "control"),
    [
        ("  SeLeCt 1", "SELECT", False),
        ("(select 1)", "SELECT", False),
        ("with x as (select 1) select * from x", "WITH", False),
        ("frobnicate", "OTHER", False),
        ("", "OTHER", False),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE;", "BEGIN", True),
        ("start transaction", "START", True),
        ("rollback to savepoint a;", "ROLLBACK", True),
        ("SHOW transaction_isolation;", "SHOW", True),
        ("begin; delete from t; commit", "BEGIN", False),
    ],
)
def test_a_statement_is_known_by_its_first_word(text, operation, control):
    statement = describe(text)
    assert (statement.operation, statement.controls_transaction) == (operation, control)


def test_savepoints_of_asyncpg_have_one_text():
    assert describe("SAVEPOINT __asyncpg_savepoint_1a__;") == describe("SAVEPOINT __asyncpg_savepoint_2b__;")
