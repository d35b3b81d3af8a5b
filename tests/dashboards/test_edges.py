"""Edges of buckets, which are labels that anybody can write."""

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tailgate_dashboards.plain import plain
from tailgate_dashboards.prometheus.edges import edge_of, nearest, same


@pytest.mark.parametrize(
    ("le", "per_unit", "edge"),
    [("0.25", 1, "0.25"), ("1.0", 1, "1"), ("250", 1000, "0.25"), ("1e+06", 1000, "1000"), ("0", 1, "0")],
)
def test_an_edge_is_the_same_however_it_is_written(le, per_unit, edge):
    assert same(edge_of(le, Decimal(per_unit)), Decimal(edge))


def test_what_a_binary_fraction_makes_of_an_edge_is_that_edge():
    assert same(edge_of(repr(0.1 + 0.2)), Decimal("0.30000000000000004"))
    assert not same(edge_of(repr(0.1 + 0.2)), Decimal("0.3"))


@given(st.text(max_size=30))
@example("1e999999999")
@example("-1e-999999999")
@example("+Inf")
@example("NaN")
@example("sNaN")
def test_any_label_is_an_edge_that_can_be_written_or_none(le):
    edge = edge_of(le, Decimal(1000))
    assert edge is None or len(f"{edge:f}") < 80


def test_the_nearest_edges_are_the_next_below_and_above():
    edges = [Decimal(text) for text in ("1", "0.1", "0.5")]
    assert nearest(edges, Decimal("0.3")) == (Decimal("0.1"), Decimal("0.5"))
    assert nearest(edges, Decimal("0.1")) == (Decimal("0.5"),)
    assert nearest(edges, Decimal(2)) == (Decimal(1),)
    assert nearest([], Decimal(1)) == ()


def test_what_a_terminal_would_obey_is_not_shown():
    assert plain("GET /\x1b[31m\nred") == "GET / [31m red"
    assert len(plain("a" * 10_000)) == 300
