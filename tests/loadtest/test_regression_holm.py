"""Many tests at once."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.judge.regression.statistics.holm import adjusted

chances = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def rejected_step_by_step(p, level):
    """Holm's procedure as it was written: the smallest first, until one is not rejected."""
    rejected = set()
    for place, which in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        if p[which] * (len(p) - place) > level:
            break
        rejected.add(which)
    return rejected


@given(chances, st.sampled_from([0.01, 0.05, 0.5]))
def test_those_at_most_the_level_are_those_that_the_procedure_rejects(p, level):
    found = adjusted(dict(enumerate(p)))
    assert {which for which, value in found.items() if value <= level} == rejected_step_by_step(p, level)


@given(chances)
def test_no_p_becomes_smaller_nor_more_than_the_number_of_tests_larger(p):
    found = adjusted(dict(enumerate(p)))
    assert all(p[i] <= found[i] <= min(1, len(p) * p[i]) or found[i] <= len(p) * max(p) for i in found)
    assert list(found) == list(range(len(p)))


def test_one_test_is_by_itself():
    assert adjusted({"one": 0.03}) == {"one": 0.03}
    assert adjusted({}) == {}


@pytest.mark.parametrize("nothing", [math.nan, -0.1, 1.5])
def test_what_is_no_chance_shows_nothing(nothing):
    assert adjusted({"a": nothing, "b": 0.02}) == {"a": 1.0, "b": 0.04}


def test_among_tests_without_a_difference_any_is_rejected_as_seldom_as_is_said():
    rng = np.random.default_rng(3)
    false = sum(min(adjusted(dict(enumerate(rng.random(20)))).values()) <= 0.05 for _ in range(2_000))
    assert false <= 0.05 * 2_000 + 3 * math.sqrt(2_000 * 0.05)
