"""Turns are dealt by weight, and nobody waits long for the first."""

from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.shapes.turns import turns

WEIGHTS = st.dictionaries(st.integers(), st.integers(1, 50) | st.floats(0.1, 50), min_size=1, max_size=30)


@given(WEIGHTS, st.text(max_size=5), st.integers(1, 300))
def test_everybody_has_had_their_share_at_any_moment_within_two(weights, seed, count):
    dealt = Counter(islice(turns(weights, seed), count))
    whole = sum(weights.values())
    assert all(abs(dealt[key] - count * weight / whole) < 2 for key, weight in weights.items())


@given(WEIGHTS, st.text(max_size=5))
def test_turns_are_the_same_for_the_same_seed(weights, seed):
    assert list(islice(turns(weights, seed), 50)) == list(islice(turns(weights, seed), 50))


def test_another_seed_deals_in_another_order():
    weights = dict.fromkeys("abcdefgh", 1)
    assert len({tuple(islice(turns(weights, str(seed)), 8)) for seed in range(20)}) > 10


def test_who_has_no_weight_has_no_turn():
    assert set(islice(turns({"a": 1, "b": 0, "c": -1}, ""), 20)) == {"a"}


@pytest.mark.parametrize("weights", [{}, {"a": 0}])
def test_nobody_with_a_weight_is_said(weights):
    with pytest.raises(ValueError, match="nobody has a weight"):
        next(turns(weights, ""))
