"""The buckets are those of HdrHistogram."""

import random

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.measure import buckets


@pytest.fixture(scope="module")
def library() -> HdrHistogram:
    return HdrHistogram(buckets.LOWEST, buckets.HIGHEST, buckets.SIGNIFICANT_DIGITS)


def test_an_index_is_the_one_the_library_gives(library):
    values = [*range(5000), *(1 << k for k in range(42)), *((1 << k) - 1 for k in range(42)), buckets.HIGHEST]
    rng = random.Random(11)
    values += [int(10 ** rng.uniform(0, 12.5563)) for _ in range(20_000)]
    for value in values:
        assert buckets.index(value) == library._counts_index_for(value), value


def test_a_bucket_ends_where_the_library_ends_it(library):
    rng = random.Random(12)
    for _ in range(5000):
        value = int(10 ** rng.uniform(0, 12.5563))
        bucket = buckets.index(value)
        assert buckets.lowest(bucket) == library.get_lowest_equivalent_value(value)
        assert buckets.highest(bucket) == library.get_highest_equivalent_value(value)


@given(st.integers(0, buckets.HIGHEST))
def test_a_value_is_in_its_bucket_and_near_its_middle(value):
    bucket = buckets.index(value)
    assert buckets.lowest(bucket) <= value <= buckets.highest(bucket)
    assert abs(buckets.middle(bucket) - value) <= value / 2048 + 0.5


@given(st.integers(0, buckets.LAST - 1))
def test_buckets_follow_one_another_without_a_gap(bucket):
    assert buckets.index(buckets.lowest(bucket)) == buckets.index(buckets.highest(bucket)) == bucket
    assert buckets.lowest(bucket + 1) == buckets.highest(bucket) + 1


def test_what_lies_outside_falls_into_the_outermost_buckets():
    assert buckets.index(-1) == 0
    assert buckets.index(10 * buckets.HIGHEST) == buckets.LAST


@given(st.lists(st.floats(min_value=-1.0, max_value=4000.0), min_size=1))
def test_many_values_fall_into_the_buckets_that_each_falls_into(seconds):
    found = buckets.indices(np.array(seconds)).tolist()
    assert found == [buckets.index(round(value * 1e9)) for value in seconds]
