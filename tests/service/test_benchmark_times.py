"""Percentiles of some times, and what they say of all."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from tailgate_service.measure.times import Times, times

SOME = st.lists(st.floats(0, 100), min_size=1, max_size=200)


@pytest.mark.row("A15")
@given(SOME, st.floats(0.01, 0.99))
def test_a_percentile_is_the_least_time_that_so_many_do_not_exceed(seconds, share):
    found = times(seconds).percentile(share)
    assert found in seconds
    assert sum(each <= found for each in seconds) >= share * len(seconds) - 1e-6
    assert sum(each < found for each in seconds) < share * len(seconds)


def test_of_fifty_calls_the_p95_is_the_48th_and_the_p99_the_last():
    fifty = times([float(number) for number in range(1, 51)])
    assert [fifty.percentile(share) for share in (0.5, 0.95, 0.99)] == [25, 48, 50]


@given(st.integers(1, 500), st.integers(0, 500), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_sureness_is_the_binomial_confidence_that_enough_calls_keep_the_limit(calls, within, share):
    within = min(within, calls)
    found = times([0.1] * within + [0.9] * (calls - within)).sureness(0.5, share)
    assert found == pytest.approx(float(binom.cdf(within - 1, calls, share)), abs=1e-9)


def test_fifty_quick_calls_say_with_92_percent_that_95_percent_are_quick():
    assert times([0.1] * 50).sureness(0.5) == pytest.approx(1 - 0.95**50)


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("calls", [1, 50, 100, 400, 2000])
def test_an_interval_holds_the_percentile_as_often_as_it_says_and_no_narrower_one_would(calls, share):
    low, high = times([float(number) for number in range(1, calls + 1)]).interval(share)
    # The true percentile lies below the k-th smallest of n with the chance that fewer than k fall below it.
    above = 1.0 if math.isinf(high) else float(binom.cdf(high - 1, calls, share))
    below = float(binom.cdf(low - 1, calls, share)) if low else 0.0
    assert below <= 0.025
    assert math.isinf(high) or 1 - above <= 0.025
    assert float(binom.cdf(low, calls, share)) > 0.025
    if not math.isinf(high):
        assert 1 - float(binom.cdf(high - 2, calls, share)) > 0.025


def test_no_times_have_no_percentile():
    with pytest.raises(ValueError, match="no times"):
        Times(seconds=())
