"""By how much the candidate is worse, and how sure that is."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.judge.regression.statistics import size
from tailgate_loadtest.judge.regression.statistics.pairs import Paired
from tailgate_loadtest.judge.regression.statistics.size import FACTOR, Size

GRID = np.geomspace(1e-3, 10, 2_000)


def histograms(times):
    return np.array([np.bincount(np.searchsorted(GRID, row).clip(max=1_999), minlength=2_000) for row in times], float)


def drifting(rng, pairs=14, each=120, slower=1.0, drift=0.15):
    """Turns next to each other whose machine has a speed of its own in each."""
    sides = []
    for factor in (1.0, slower):
        speed = rng.normal(0, drift, (pairs, 1))
        sides.append(histograms(factor * np.exp(rng.normal(speed - 3, 0.5, (pairs, each)))))
    return Paired(values=GRID, base=sides[0], candidate=sides[1])


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_a_bound_holds_the_truth_as_often_as_is_said(q):
    """250 gates; the limit lies three standard errors below what is said."""
    rng = np.random.default_rng(21)
    sizes = [size.ratio(drifting(rng, slower=1.1), q) for _ in range(250)]
    least = 0.95 - 3 * math.sqrt(0.95 * 0.05 / 250)
    assert np.mean([each.high(0.95) >= math.log(1.1) for each in sizes]) >= least
    assert np.mean([each.low(0.95) <= math.log(1.1) for each in sizes]) >= least


def test_both_kinds_of_evidence_together_hold_their_bound_at_the_worst_understatement():
    rng = np.random.default_rng(22)
    held = 0
    for _ in range(200):
        turns = size.ratio(drifting(rng, slower=1.1), 0.5)
        duet = size.ratio(drifting(rng, slower=1.1 ** (1 / FACTOR), drift=0.02, pairs=28), 0.5)
        held += size.upper(turns, duet, 0.95) >= math.log(1.1)
    assert held / 200 >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 200)


def test_side_by_side_narrows_the_bound_of_sides_that_are_the_same():
    turns = Size(value=0.0, error=0.05, freedom=13, pairs=14)
    duet = Size(value=0.0, error=0.01, freedom=27, pairs=28)
    assert size.upper(turns, duet, 0.95) < turns.high(0.95) / 2
    assert size.lower(turns, duet, 0.95) == pytest.approx(-size.upper(turns, duet, 0.95))


sizes = st.builds(
    Size, value=st.floats(-1, 1), error=st.floats(1e-4, 1), freedom=st.integers(1, 60).map(float), pairs=st.just(9)
)


@given(sizes, sizes)
def test_the_bounds_are_never_on_the_wrong_side_of_the_estimate_by_turns(turns, duet):
    assert size.lower(turns, duet, 0.95) <= turns.value <= size.upper(turns, duet, 0.95)


@given(sizes, st.floats(0.5, 0.999))
def test_the_more_confidence_the_wider(one, confidence):
    assert one.low(0.999) <= one.low(confidence) <= one.high(confidence) <= one.high(0.999)


def test_pairs_in_which_one_side_has_nothing_are_left_out_and_counted():
    one = drifting(np.random.default_rng(23))
    one.candidate[[2, 5]] = 0
    found = size.ratio(one, 0.5)
    assert (found.pairs, found.left_out) == (12, 2)


def test_rare_requests_are_put_together_with_their_neighbours():
    found = size.ratio(drifting(np.random.default_rng(24), pairs=40, each=15), 0.95)
    assert found.pairs == 40 // math.ceil(40 / 15)
    assert size.ratio(drifting(np.random.default_rng(24), pairs=8, each=15), 0.95) is None


def test_no_request_is_lost_in_putting_together():
    one = drifting(np.random.default_rng(25), pairs=11, each=13)
    base, candidate, _ = size._grouped(one, 40)
    assert base.sum() == candidate.sum() == 11 * 13
    assert (base.sum(axis=1) >= 40).all()


def test_what_is_never_answered_is_larger_than_anything():
    values = np.array([0.01, 0.02, np.inf])
    good, bad = np.tile([100.0, 20.0, 0.0], (6, 1)), np.tile([60.0, 0.0, 60.0], (6, 1))
    worse = size.ratio(Paired(values=values, base=good, candidate=bad), 0.95)
    assert (worse.value, worse.high(0.95), worse.low(0.95)) == (math.inf, math.inf, -math.inf)
    assert size.upper(worse, worse, 0.95) == math.inf
    both = size.ratio(Paired(values=values, base=bad, candidate=bad), 0.95)
    assert math.isnan(both.value)
    assert both.high(0.95) == math.inf


def test_times_of_nothing_have_no_ratio():
    values = np.array([0.0, 0.02])
    counts = np.tile([100.0, 0.0], (6, 1))
    assert size.ratio(Paired(values=values, base=counts, candidate=counts), 0.5).high(0.95) == math.inf


def test_turns_that_are_the_same_to_the_last_bucket_still_leave_the_doubt_of_a_bucket():
    counts = np.tile([100.0, 20.0], (6, 1))
    assert size.ratio(Paired(values=np.array([0.01, 0.02]), base=counts, candidate=counts), 0.5).error > 0


def test_the_difference_of_failures_is_in_shares():
    base, candidate = np.tile([95.0, 5.0], (6, 1)), np.tile([85.0, 15.0], (6, 1))
    found = size.difference(Paired(values=np.array([0.0, 1.0]), base=base, candidate=candidate))
    assert found.value == pytest.approx(0.1)


def test_without_a_failure_the_bound_is_that_of_so_many_requests():
    assert size.share_at_most(0, 100, 0.95) == pytest.approx(1 - 0.05 ** (1 / 100))
    assert size.share_at_most(7, 7, 0.95) == 1.0
