"""The figures that benchmarks end in."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import Figure, interval, of_rounds


def figure(value: float, sense: str) -> Figure:
    return Figure(name="some.ratio", value=value, low=value - 1, high=value + 1, goal=4, sense=sense)


@pytest.mark.parametrize(
    ("value", "sense", "fate"),
    [(3.9, "<=", "met"), (4, "<=", "met"), (4.1, "<=", "missed"), (4.1, ">=", "met"), (3.9, ">=", "missed")],
)
def test_a_figure_is_a_line_that_says_whether_its_goal_is_met(value, sense, fate):
    line = f"figure some.ratio = {value:.4g} [{value - 1:.4g}, {value + 1:.4g}] goal {sense} 4 {fate}"
    assert str(figure(value, sense)) == line


@pytest.mark.parametrize("sense", ["<=", ">="])
def test_what_is_no_number_meets_no_goal(sense):
    assert not figure(math.nan, sense).met


@pytest.mark.parametrize(
    ("rounds", "dropped"),
    # How many to leave out at each end is in any table of the sign test.
    [(1, 0), (3, 0), (5, 0), (7, 0), (8, 0), (9, 1), (11, 1), (12, 2), (15, 3), (20, 5), (25, 7)],
)
def test_the_interval_of_a_median_is_that_of_the_sign_test(rounds, dropped):
    values = [float(n) for n in range(rounds)]
    assert interval(values[::-1]) == (values[dropped], values[-1 - dropped])


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=40))
def test_the_interval_holds_the_median(values):
    figure = of_rounds("any", values, 1)
    assert min(values) <= figure.low <= figure.value <= figure.high <= max(values)
