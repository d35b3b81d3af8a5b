"""The factor between the sides' percentiles, by which the windows balance."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tailgate_loadtest.judge.regression.statistics.balance import balance

GRID = np.append(np.geomspace(1e-3, 100, 3_000), np.inf)
BUCKET = math.log(GRID[1] / GRID[0])


def histograms(times):
    return np.array([np.bincount(np.searchsorted(GRID, row).clip(max=2_999), minlength=3_001) for row in times], float)


def times(seed, windows=20, each=200, speed=0.3):
    """Windows of a machine that has another speed in each, which both sides share."""
    random = np.random.default_rng(seed)
    shared = random.normal(-3, speed, (windows, 1))
    return [np.exp(random.normal(shared, 0.4, (windows, each))) for _ in range(2)]


@given(st.floats(0.2, 5.0), st.sampled_from([0.5, 0.95]), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_times_that_are_all_longer_by_a_factor_are_longer_by_that_factor(factor, q, seed):
    base, _ = times(seed, windows=8)
    value, up, down = balance(histograms(base), histograms(factor * base), GRID, q)
    assert value == pytest.approx(math.log(factor), abs=2 * BUCKET)
    assert up < 0.1
    assert down < 0.1


@given(st.integers(0, 99), st.sampled_from([0.5, 0.95]))
@settings(max_examples=20, deadline=None)
def test_with_the_sides_exchanged_it_is_the_same_from_the_other_end(seed, q):
    base, candidate = map(histograms, times(seed, windows=8))
    value, up, down = balance(base, candidate, GRID, q)
    other = balance(candidate, base, GRID, q)
    assert other == pytest.approx((-value, down, up), abs=0.003)


@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
def test_its_errors_are_how_much_it_scatters(q):
    found = np.array([balance(*map(histograms, times(seed)), GRID, q) for seed in range(120)])
    scatter = found[:, 0].std()
    assert np.sqrt((found[:, 1:] ** 2).mean()) == pytest.approx(scatter, rel=0.25)
    assert abs(found[:, 0].mean()) < 4 * scatter / math.sqrt(120)


def test_where_both_stood_still_says_no_more_than_any_other_window():
    base, candidate = times(3)
    calm = balance(histograms(base), histograms(candidate), GRID, 0.95)
    base[4] += 20 * np.linspace(1, 0, 200)
    candidate[4] += 9 * np.linspace(1, 0, 200)
    value, up, _ = balance(histograms(base), histograms(candidate), GRID, 0.95)
    assert abs(value - calm[0]) < 2 * calm[1]
    assert up < 2 * calm[1]


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_a_request_that_takes_longer_never_makes_it_smaller(q):
    base, candidate = times(5, windows=8, each=60)
    values = []
    for slower in range(60):
        later = candidate.copy()
        later[3, :slower] *= 4
        values.append(balance(histograms(base), histograms(later), GRID, q)[0])
    assert (np.diff(values) > -0.001).all()
    assert values[-1] > values[0]


def test_one_that_answers_too_little_is_slower_than_by_any_factor():
    base, candidate = map(histograms, times(6))
    candidate[:, -1], candidate[:, :-1] = 100, candidate[:, :-1] / 2
    assert balance(base, candidate, GRID, 0.95) == (math.inf, math.inf, math.inf)
    assert balance(candidate, base, GRID, 0.95)[0] == -math.inf
    assert math.isnan(balance(candidate, candidate, GRID, 0.95)[0])


def test_windows_that_are_the_same_to_the_last_bucket_have_a_factor_of_one():
    base, _ = map(histograms, times(7))
    assert balance(base, base, GRID, 0.95)[0] == pytest.approx(0, abs=BUCKET)
