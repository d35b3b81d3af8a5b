"""The test of whether the candidate is worse: exact, and blind to what both sides suffer."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.judge.regression.statistics import flips
from tailgate_loadtest.judge.regression.statistics.pairs import Paired

GRID = np.geomspace(1e-3, 10, 400)


def histograms(times):
    """A row of counts for each row of times."""
    return np.array(
        [np.bincount(np.searchsorted(GRID, row).clip(max=399), minlength=400) for row in times], dtype=float
    )


def paired(base, candidate, values=GRID):
    return Paired(values=values, base=base, candidate=candidate)


def simulated(rng, windows=24, each=60, slower=1.0, drift=0.4, apart=0.0):
    """Windows whose machine has a speed of its own in each, and as much as ``apart`` another for each side."""
    speed = rng.normal(0, drift, (windows, 1))
    base, candidate = (
        np.exp(rng.normal(speed + rng.normal(0, apart, (windows, 1)) - 3, 0.6, (windows, each))) for _ in range(2)
    )
    return paired(histograms(base), histograms(candidate * slower))


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=10).filter(any))
def test_p_is_the_share_of_all_signs_with_a_sum_as_large(found):
    signs = itertools.product((-1, 1), repeat=len(found))
    as_large = sum(sum(s * abs(f) for s, f in zip(each, found, strict=True)) >= sum(found) for each in signs)
    # Steps are whole where the scale is, so that sums which are equal stay so.
    scale = sum(map(abs, found))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flips, "_STEPS", scale)
        assert flips._signs(np.array(found, dtype=float)) == pytest.approx(as_large / 2 ** len(found))


@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
def test_of_sides_that_are_the_same_it_rejects_as_seldom_as_is_said(q):
    """400 gates; the limits lie three standard errors above the level."""
    rng = np.random.default_rng(11)
    p = np.array([flips.worse([simulated(rng)], q) for _ in range(400)])
    for level in (0.05, 0.01):
        assert (p <= level).sum() <= 400 * level + 3 * math.sqrt(400 * level)


def test_ten_per_cent_is_found_however_the_speed_of_the_machine_changes():
    rng = np.random.default_rng(12)
    found = [flips.worse([simulated(rng, each=150, slower=1.1, drift=1.0)], 0.5) for _ in range(20)]
    assert np.mean(np.array(found) < 0.001) >= 0.9


def test_a_few_windows_in_which_the_machine_crawls_do_not_hide_the_tails_of_all_others():
    rng = np.random.default_rng(19)
    crawl = np.where(np.arange(24) < 5, 20, 1)[:, None]
    base, candidate = (crawl * np.exp(rng.normal(-3, 0.6, (24, 150))) for _ in range(2))
    assert flips.worse([paired(histograms(base), histograms(candidate * 1.4))], 0.95) < 1e-4


def test_what_is_faster_is_not_worse():
    rng = np.random.default_rng(13)
    assert flips.worse([simulated(rng, slower=0.7)], 0.95) > 0.99


def test_turns_and_windows_side_by_side_tell_more_than_either():
    rng = np.random.default_rng(14)
    alone, both = [], []
    for _ in range(60):
        phases = [simulated(rng, slower=1.08), simulated(rng, slower=1.08)]
        alone.append(flips.worse(phases[:1], 0.5))
        both.append(flips.worse(phases, 0.5))
    assert np.median(both) < np.median(alone) / 3


def test_turns_on_a_machine_that_drifts_do_not_drown_what_is_seen_side_by_side():
    rng = np.random.default_rng(18)
    alone, both = [], []
    for _ in range(60):
        phases = [simulated(rng, slower=1.12), simulated(rng, slower=1.12, apart=0.8)]
        alone.append(flips.worse(phases[:1], 0.5))
        both.append(flips.worse(phases, 0.5))
    assert np.median(both) < 10 * np.median(alone)


def test_a_tail_alone_is_found_by_the_tail():
    rng = np.random.default_rng(15)
    one = simulated(rng, each=200, drift=0)
    slow = np.exp(rng.normal(-3, 0.6, (24, 200))) * np.where(rng.random((24, 200)) < 0.03, 6, 1)
    tail = paired(one.base, histograms(slow))
    assert flips.worse([tail], 0.99) < 1e-4 < flips.worse([tail], 0.5)


def test_what_was_never_answered_stands_above_all_else():
    values = np.array([0.01, np.inf])
    base, candidate = np.tile([50.0, 0.0], (12, 1)), np.tile([46.0, 4.0], (12, 1))
    assert flips.worse([paired(base, candidate, values)], 0.95) == pytest.approx(2.0**-12)


def test_exchanged_sides_are_as_sure_of_the_contrary():
    one = simulated(np.random.default_rng(16), slower=1.05)
    other = paired(one.candidate, one.base)
    assert flips.worse([one], 0.5) + flips.worse([other], 0.5) == pytest.approx(1, abs=1e-3)


def test_failures_of_one_side_in_every_window_are_no_chance():
    values = np.array([0.0, 1.0])
    base, candidate = np.tile([50.0, 0.0], (10, 1)), np.tile([49.0, 1.0], (10, 1))
    assert flips.failing([paired(base, candidate, values)]) == pytest.approx(2.0**-10)
    assert flips.failing([paired(candidate, base, values)]) == 1.0


def test_failures_all_in_one_window_are_no_more_than_a_coin():
    """However many: what ails one window is one event."""
    values = np.array([0.0, 1.0])
    base, candidate = np.tile([50.0, 0.0], (10, 1)), np.tile([50.0, 0.0], (10, 1))
    candidate[3] = [0, 50]
    assert flips.failing([paired(base, candidate, values)]) == 0.5


@pytest.mark.parametrize("windows", [0, 1, 5])
def test_without_requests_nothing_is_shown(windows):
    empty = paired(np.zeros((windows, 400)), np.zeros((windows, 400)))
    assert flips.worse([empty], 0.95) == flips.failing([empty]) == flips.worse([], 0.5) == 1.0


def test_where_one_side_has_nothing_nothing_is_shown():
    one = simulated(np.random.default_rng(17))
    assert flips.worse([paired(np.zeros_like(one.base), one.candidate)], 0.5) == 1.0
