"""Statements are shown by what they are about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.judge.regression.why.statements import MOST, shortened

COLUMNS = ", ".join(f"column_{n}" for n in range(30))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("select * from contacts where id = $1", "select * from contacts where id = $1"),
        ("select id, name, phone from contacts where id = $1", "select ... from contacts where id = $1"),
        ("SELECT  name,\n  phone_number\nFROM contacts", "SELECT ... FROM contacts"),
        ("SELECT set_config($1, $2, $3, true)", "SELECT set_config(...)"),
        ("SELECT count(*) FROM calls", "SELECT count(*) FROM calls"),
        ("SELECT DISTINCT a.first, a.second FROM a", "SELECT DISTINCT ... FROM a"),
        (
            "WITH told AS (SELECT set_config($1, $2, true)) SELECT c.name, c.phone FROM told, c LIMIT $3",
            "WITH told AS (...) SELECT ... FROM told, c LIMIT $3",
        ),
        (
            "select a.one, (select max(at) from b where b.id = a.id) as last from a where a.id = any($1)",
            "select ... from a where a.id = any($1)",
        ),
        (
            f"INSERT INTO contacts ({COLUMNS}) VALUES ($1, $2, $3, $4, $5) RETURNING {COLUMNS}",
            "INSERT INTO contacts (...) VALUES (...) RETURNING ...",
        ),
        ("UPDATE contacts SET name = $1, phone = $2 WHERE id = $3", "UPDATE contacts SET ... WHERE id = $3"),
        ("DELETE FROM contacts WHERE id = $1", "DELETE FROM contacts WHERE id = $1"),
        ("redis GET", "redis GET"),
        ("", ""),
    ],
)
def test_lists_and_what_is_in_parentheses_are_left_out(text, shown):
    assert shortened(text) == shown


def test_what_is_still_too_long_ends_after_a_word():
    text = "select * from a join b on " + " and ".join(f"a.c{n} = b.c{n}" for n in range(30))
    shown = shortened(text)
    assert len(shown) <= MOST
    assert shown.endswith(" ...")
    assert text.startswith(shown.removesuffix(" ..."))


@given(st.text(alphabet="select from()$1,\x00\n'x ", max_size=300) | st.text(max_size=300))
def test_whatever_it_is_one_line_of_bounded_length_is_made_of_it(text):
    shown = shortened(text)
    assert len(shown) <= MOST
    assert len(shown.splitlines()) <= 1
    assert "\x00" not in shown


def test_thousands_of_parentheses_take_no_time():
    assert len(shortened("(" * 2000 + ")" * 2000)) <= MOST
