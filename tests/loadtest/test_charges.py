"""Arrivals that never came to a request are charged to the routes that others of their persona asked for."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.measure.charges import charge


def test_one_in_three_is_charged_where_one_in_three_asked():
    charged, uncharged = charge(
        {"Ada": [float(n) for n in range(9)]}, {"Ada": 30}, {"Ada": {"GET /a": 30, "GET /b": 10}}
    )
    assert Counter(route for route, _ in charged) == {"GET /a": 9, "GET /b": 3}
    assert [due for route, due in charged if route == "GET /b"] == [2.0, 5.0, 8.0]
    assert uncharged == 0


def test_a_persona_that_asks_twice_is_charged_twice():
    charged, _ = charge({"Ada": [1.0, 2.0]}, {"Ada": 5}, {"Ada": {"GET /a": 10}})
    assert charged == [("GET /a", 1.0), ("GET /a", 1.0), ("GET /a", 2.0), ("GET /a", 2.0)]


def test_of_a_persona_that_never_asked_nobody_knows_the_routes():
    assert charge({"Ada": [1.0, 2.0], "Bob": [3.0]}, {"Bob": 1}, {"Bob": {"GET /b": 1}}) == ([("GET /b", 3.0)], 2)


@given(st.integers(1, 200), st.integers(1, 100), st.integers(1, 300))
def test_charges_are_within_one_of_the_share(dues, begun, asked):
    charged, _ = charge({"Ada": [0.0] * dues}, {"Ada": begun}, {"Ada": {"GET /a": asked}})
    assert abs(len(charged) - dues * asked / begun) <= 1
