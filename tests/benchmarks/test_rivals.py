"""The rules that ours is measured beside do what they are said to."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu
from tailgate_loadtest.judge.regression.statistics.pairs import Paired

from benchmarks import rivals
from benchmarks.rivals import RIVALS

GRID = np.geomspace(1e-3, 1, 300)


def paired(base, candidate):
    rows = [np.bincount(np.searchsorted(GRID, row).clip(max=299), minlength=300) for row in (*base, *candidate)]
    counts = np.array(rows, dtype=float)
    return Paired(values=GRID, base=counts[: len(base)], candidate=counts[len(base) :])


def times(rng, slower=1.0, windows=14, each=200):
    return slower * rng.lognormal(-4, 0.4, (windows, each))


@pytest.mark.parametrize("rival", RIVALS.values(), ids=RIVALS)
def test_each_finds_what_is_half_as_slow_again_and_not_what_is_faster(rival):
    rng = np.random.default_rng(1)
    base = times(rng)
    assert rival(paired(base, times(rng, 1.5)), 0.95)
    assert not rival(paired(base, times(rng, 0.8)), 0.95)


@pytest.mark.parametrize("rival", RIVALS.values(), ids=RIVALS)
def test_none_finds_anything_in_nothing(rival):
    nothing = Paired(values=GRID, base=np.zeros((3, 300)), candidate=np.zeros((3, 300)))
    assert not rival(nothing, 0.95)


@pytest.mark.parametrize("seed", range(6))
def test_mann_whitney_is_the_usual_one(seed):
    rng = np.random.default_rng(seed)
    one = paired(times(rng, windows=2, each=60), times(rng, 1.08, windows=2, each=60))
    base, candidate = (np.repeat(GRID, side.sum(axis=0).astype(int)) for side in (one.base, one.candidate))
    usual = mannwhitneyu(candidate, base, alternative="greater", use_continuity=False, method="asymptotic").pvalue
    assert rivals.mann_whitney(one, 0.5) == (usual < rivals.LEVEL)


def test_requests_that_share_a_stall_fool_whoever_counts_them():
    """One window of the candidate's is three times slower: one event, but two hundred requests."""
    rng = np.random.default_rng(2)
    stalled = times(rng)
    stalled[3] *= 3
    one = paired(times(rng), stalled)
    assert rivals.mann_whitney(one, 0.95)
    assert rivals.bootstrap(one, 0.95)
    assert not rivals.t_interval(one, 0.95)
