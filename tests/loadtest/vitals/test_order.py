"""A percentile of few visits and its bounds: exact, whatever the distribution, and of one mind with the share's."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tailgate_loadtest.judge.vitals.order import bounds, percentile, ranks

DOUBT = 0.05


def at_most(k: int, n: int, q: float) -> float:
    """P(Bin(n, q) <= k), term by term."""
    return math.fsum(math.comb(n, i) * q**i * (1 - q) ** (n - i) for i in range(k + 1))


@pytest.mark.parametrize("q", [0.5, 0.75, 0.9, 0.99])
@pytest.mark.parametrize("n", [1, 2, 3, 10, 11, 20, 57, 100])
def test_ranks_are_the_closest_that_the_binomial_distribution_allows(n, q):
    low, high = ranks(n, q)
    assert low == 0 or at_most(low - 1, n, q) <= DOUBT
    assert at_most(low, n, q) > DOUBT
    assert high == n + 1 or 1 - at_most(high - 1, n, q) <= DOUBT
    assert high == 1 or 1 - at_most(high - 2, n, q) > DOUBT


@pytest.mark.parametrize(("n", "expected"), [(1, (0, 2)), (3, (1, 4)), (10, (5, 11)), (11, (6, 11)), (20, (12, 19))])
def test_three_visits_bound_a_p75_from_below_and_eleven_from_above(n, expected):
    assert ranks(n, 0.75) == expected


def test_a_percentile_is_a_value_that_was_measured():
    found = percentile([5.0, 1.0, 4.0, 2.0, 3.0, 6.0, 8.0, 7.0], 0.75)
    assert found.value == 6.0
    assert (found.low, found.high) == (4.0, math.inf)
    assert percentile([7.0], 0.75) == percentile([7.0], 0.5)
    assert percentile([7.0], 0.75).low == -math.inf


def test_visits_that_are_worse_than_any_take_the_places_at_the_end():
    values = [*map(float, range(1, 19)), math.inf, math.inf]
    found = percentile(values, 0.75)
    assert (found.value, found.low, found.high) == (15.0, 12.0, math.inf)
    assert percentile([1.0, math.inf, math.inf, math.inf], 0.75).value == math.inf


VALUES = st.lists(st.sampled_from([0.1, 0.2, 0.5, 1.0, 2.0, math.inf]) | st.floats(0, 3), min_size=1, max_size=120)


@given(VALUES, st.sampled_from([0.1, 0.5, 1.0, 1.5]), st.sampled_from([0.5, 0.75, 0.9, 0.99]))
@example([1.0] * 11, 1.0, 0.75)
@example([1.0] * 10, 1.0, 0.75)
def test_the_bounds_of_a_percentile_and_of_a_share_never_disagree(values, threshold, q):
    found = percentile(values, q)
    bad = bounds(sum(value > threshold for value in values), len(values))
    assert (found.low > threshold) == (bad.low > 1 - q)
    assert (found.high <= threshold) == (bad.high <= 1 - q)
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize("decimals", [None, 1, 0])
@pytest.mark.parametrize("n", [12, 30, 75])
def test_each_bound_holds_as_often_as_is_said_also_where_values_are_tied(n, decimals):
    """Of 4,000 samples of an exponential distribution; the limit lies three standard errors below."""
    rng = np.random.default_rng(20_261)
    drawn = rng.exponential(size=(4000, n))
    truth = -math.log(0.25)
    if decimals is not None:
        drawn, truth = np.round(drawn, decimals), round(truth, decimals)
    ordered = np.sort(drawn, axis=1)
    low, high = ranks(n, 0.75)
    least = 1 - DOUBT - 3 * math.sqrt(DOUBT * (1 - DOUBT) / 4000)
    assert (ordered[:, low - 1] <= truth).mean() >= least
    assert (ordered[:, high - 1] >= truth).mean() >= least


def test_a_share_of_visits_has_exact_bounds():
    none = bounds(0, 11)
    assert none.low == 0
    assert none.high == pytest.approx(1 - 0.05 ** (1 / 11))
    every = bounds(4, 4)
    assert every.high == 1
    assert every.low == pytest.approx(0.05**0.25)
