"""A histogram's percentiles against the exact ones, and its arithmetic."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.measure.histogram import Histogram, merged

# Seconds, from 50 us to 60 s.
DISTRIBUTIONS = {
    "uniform": lambda rng, n: rng.uniform(50e-6, 60, n),
    "exponential": lambda rng, n: rng.exponential(0.02, n) + 50e-6,
    "log-normal": lambda rng, n: rng.lognormal(-5, 1.2, n).clip(50e-6, 60),
    "pareto": lambda rng, n: (50e-6 * (1 + rng.pareto(1.1, n))).clip(max=60),
    "two humps": lambda rng, n: np.where(rng.random(n) < 0.97, rng.normal(2e-3, 2e-4, n), rng.normal(30, 2, n)).clip(
        50e-6
    ),
    "one value": lambda rng, n: np.full(n, 0.123456789),
}
QUANTILES = (0.0001, 0.01, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1)

histograms = st.dictionaries(st.integers(0, 34_000), st.integers(1, 1000), max_size=20).map(Histogram)


def of(seconds: np.ndarray) -> Histogram:
    histogram = Histogram()
    for value in seconds:
        histogram.add(round(float(value) * 1e9))
    return histogram


@pytest.mark.parametrize("size", [1, 2, 10, 999, 20_000])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_percentile_is_within_a_thousandth_of_the_exact_one(name, size):
    values = np.sort(DISTRIBUTIONS[name](np.random.default_rng(size), size))
    histogram = of(values)
    for q in QUANTILES:
        exact = values[max(math.ceil(q * size - 1e-9), 1) - 1]
        assert histogram.quantile(q) == pytest.approx(exact, rel=1e-3), q
    assert histogram.mean() == pytest.approx(values.mean(), rel=1e-3)
    assert histogram.maximum() == pytest.approx(values.max(), rel=1e-3)
    assert histogram.total == size


def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed():
    histogram = Histogram(dict.fromkeys(range(1, 101), 1))
    assert [round(histogram.quantile(q) * 1e9) for q in (0, 0.01, 0.011, 0.5, 0.95, 0.99, 0.999, 1)] == [
        *(1, 1, 2, 50, 95, 99, 100, 100)
    ]


def test_nothing_has_no_percentile():
    empty = Histogram()
    assert empty.total == empty.above(0) == 0
    assert all(math.isnan(value) for value in (empty.quantile(0.5), empty.mean(), empty.maximum()))


def test_in_doubt_a_value_is_above_a_threshold():
    """A bucket that the threshold lies within counts whole; one that ends at it does not count."""
    histogram = of(np.array([0.4, 0.4999, 0.5, 0.5001, 0.6]))
    assert histogram.above(0.5) == 3
    assert histogram.above(0.3) == 5
    assert histogram.above(0.7) == 0
    assert Histogram({100: 7, 101: 1}).above(100e-9) == 1


@given(histograms, histograms, histograms)
def test_merging_is_associative_and_commutative(a, b, c):
    assert merged([merged([a, b]), c]) == merged([a, merged([b, c])]) == merged([c, b, a])
    assert merged([a, b, c]).total == a.total + b.total + c.total
    assert merged([a, Histogram()]) == a


@given(histograms, histograms)
def test_merging_leaves_what_was_merged_as_it_was(a, b):
    before = dict(b.counts)
    merged([a, b]).add(5)
    assert b.counts == before
