"""Percentiles by Harrell and Davis, of histograms."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betainc
from tailgate_loadtest.judge.regression.statistics.quantile import harrell_davis

VALUES = np.array([0.001, 0.002, 0.004, 0.008, 0.016])
counts = st.lists(st.integers(0, 30), min_size=5, max_size=5)
quantiles = st.sampled_from([0.5, 0.9, 0.95, 0.99])


def by_order_statistics(row, q):
    """The definition, over each value by itself."""
    ordered = np.repeat(VALUES, row)
    n = len(ordered)
    ends = betainc((n + 1) * q, (n + 1) * (1 - q), np.arange(n + 1) / n)
    return float(np.diff(ends) @ ordered)


@given(counts.filter(any), quantiles)
def test_it_is_the_mean_of_the_order_statistics_by_their_weights(row, q):
    assert harrell_davis(np.array(row, dtype=float), VALUES, q) == pytest.approx(by_order_statistics(row, q))


@given(st.lists(counts, min_size=1, max_size=4), quantiles)
def test_each_row_is_by_itself(rows, q):
    together = harrell_davis(np.array(rows, dtype=float), VALUES, q)
    alone = [float(harrell_davis(np.array(row, dtype=float), VALUES, q)) for row in rows]
    np.testing.assert_allclose(together, alone)


@given(counts.filter(any), quantiles)
def test_it_lies_between_the_least_and_the_most(row, q):
    used = VALUES[np.flatnonzero(row)]
    assert used[0] * (1 - 1e-9) <= harrell_davis(np.array(row, dtype=float), VALUES, q) <= used[-1] * (1 + 1e-9)


def test_of_nothing_there_is_no_percentile():
    assert math.isnan(harrell_davis(np.zeros(5), VALUES, 0.5))
    assert np.isnan(harrell_davis(np.zeros((2, 5)), VALUES, 0.5)).all()


def test_it_is_open_where_the_rank_reaches_what_was_never_answered():
    values = np.array([0.001, 0.002, np.inf])
    assert harrell_davis(np.array([500.0, 470.0, 30.0]), values, 0.99) == math.inf
    assert harrell_davis(np.array([500.0, 470.0, 30.0]), values, 0.5) == pytest.approx(0.0018, rel=0.2)


def test_it_scatters_less_than_the_nearest_rank():
    rng = np.random.default_rng(5)
    grid = np.geomspace(1e-2, 1e2, 4_000)
    times = rng.lognormal(sigma=0.6, size=(1_000, 60))
    rows = np.array([np.bincount(np.searchsorted(grid, row), minlength=4_000) for row in times], dtype=float)
    assert np.log(harrell_davis(rows, grid, 0.5)).std() < 0.97 * np.log(np.sort(times)[:, 29]).std()
