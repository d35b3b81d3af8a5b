"""The schedule is arithmetic: when arrivals are due, and whose they are."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.shapes.profile import Profile, Stage
from tailgate_loadtest.shapes.schedule import Schedule

ONE = {"Caller": 1.0}


def profile(*stages: tuple[float, float, float], process="constant", warmup=0.0) -> Profile:
    made = tuple(Stage(duration=d, start=a, end=b) for d, a, b in stages)
    return Profile(name="x", stages=made, process=process, warmup=warmup)


def dues(*stages, process="constant", seed=1, warmup=0.0) -> list[float]:
    schedule = Schedule(profile(*stages, process=process, warmup=warmup), ONE, seed)
    return [arrival.due for arrival in schedule.arrivals()]


def test_constant_arrivals_come_in_the_middle_of_equal_spaces():
    assert dues((10, 5, 5)) == pytest.approx([0.1 + 0.2 * n for n in range(50)])


@pytest.mark.parametrize(
    ("stages", "expected", "moment"),
    [
        # L(t) = t^2 is one half at the root of one half, and 99.5 at 9.975.
        ([(10, 0, 20)], 0.5, math.sqrt(0.5)),
        ([(10, 0, 20)], 99.5, math.sqrt(99.5)),
        # L(t) = 20 t - t^2, which reaches 100 at its very end.
        ([(10, 20, 0)], 0.5, 10 - math.sqrt(99.5)),
        ([(10, 20, 0)], 99.5, 10 - math.sqrt(0.5)),
        ([(10, 10, 30)], 0.5, (-10 + math.sqrt(102)) / 2),
        ([(10, 30, 10)], 199.5, 15 - math.sqrt(25.5)),
        ([(10, 3, 3)], 29.5, 29.5 / 3),
        ([(10, 3, 3 + 1e-12)], 29.5, 29.5 / 3),
        ([(1, 4, 4), (5, 0, 0), (1, 4, 4)], 4.5, 6.125),
        ([(1, 4, 0), (2, 0, 4)], 2.5, 1 + math.sqrt(0.5)),
    ],
)
def test_the_inverse_of_the_cumulative_rate_is_exact(stages, expected, moment):
    assert dues(*stages)[int(expected)] == pytest.approx(moment, abs=1e-9)


@given(
    st.lists(st.tuples(st.floats(0.5, 20), st.floats(0, 200), st.floats(0, 200)), min_size=1, max_size=5),
    st.sampled_from(["constant", "poisson"]),
    st.floats(0, 5),
)
def test_due_times_never_go_back_and_are_what_the_profile_expects(stages, process, warmup):
    schedule = Schedule(profile(*stages, process=process, warmup=warmup), ONE, 7)
    found = [arrival.due for arrival in schedule.arrivals()]
    assert all(a <= b for a, b in itertools.pairwise(found))
    assert all(0 <= due <= schedule.length for due in found)
    if process == "constant":
        assert [schedule.expected(due) for due in found] == pytest.approx(
            [n + 0.5 for n in range(len(found))], abs=1e-3
        )
        assert len(found) == pytest.approx(schedule.expected(schedule.length), abs=0.5 + 1e-6)


def test_the_rate_and_what_is_expected_fit_one_another():
    schedule = Schedule(profile((4, 0, 8), (3, 5, 5), (2, 6, 0), warmup=2), ONE, 1)
    grid = np.linspace(0, schedule.length, 110_001)
    rates = np.array([schedule.rate(t) for t in grid])
    integral = np.concatenate([[0], np.cumsum((rates[1:] + rates[:-1]) / 2 * np.diff(grid))])
    expected = np.array([schedule.expected(t) for t in grid])
    assert np.abs(integral - expected).max() < 0.01
    assert schedule.rate(-1) == schedule.rate(schedule.length) == 0
    assert schedule.expected(1e9) == 16 + 15 + 6


def test_poisson_counts_scatter_as_poisson_counts_do():
    """Over 300 windows of mean 50: the mean within four standard errors, the variance the mean's equal."""
    found = np.array(dues((300, 50, 50), process="poisson", seed=3))
    counts = np.histogram(found, bins=300, range=(0, 300))[0]
    assert abs(counts.mean() - 50) < 4 * math.sqrt(50 / 300)
    assert 0.7 < counts.var() / counts.mean() < 1.35
    gaps = np.diff(found)
    assert gaps.std() / gaps.mean() == pytest.approx(1, abs=0.05)


def test_poisson_arrivals_follow_a_ramp():
    found = np.array(dues((100, 0, 200), process="poisson", seed=5))
    for low, high in ((0, 20), (20, 50), (50, 80), (80, 100)):
        mean = high**2 - low**2
        assert abs(((found >= low) & (found < high)).sum() - mean) < 4 * math.sqrt(mean)


@pytest.mark.parametrize("process", ["constant", "poisson"])
def test_a_seed_means_the_same_arrivals_every_time(process):
    plan = profile((20, 10, 90), process=process)
    mix = {"A": 1.0, "B": 2.0}
    assert list(Schedule(plan, mix, 4).arrivals()) == list(Schedule(plan, mix, 4).arrivals())
    assert list(Schedule(plan, mix, 4).arrivals()) != list(Schedule(plan, mix, 5).arrivals())


@pytest.mark.parametrize("workers", [2, 3, 8])
def test_what_the_workers_take_is_the_whole_once(workers):
    schedule = Schedule(profile((30, 100, 300), process="poisson"), {"A": 1.0, "B": 1.0}, 2)
    whole = list(schedule.arrivals())
    parts = [list(schedule.arrivals(start, workers)) for start in range(workers)]
    assert len(whole) > 4096  # past the first chunk of random numbers
    assert sorted(itertools.chain(*parts), key=lambda a: a.number) == whole
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_personas_come_by_their_weights_and_one_without_weight_never():
    schedule = Schedule(profile((100, 100, 100)), {"Rare": 1.0, "Never": 0.0, "Often": 4.0, "Some": 5.0}, 1)
    count = Counter(arrival.persona for arrival in schedule.arrivals())
    assert count.keys() == {"Rare", "Often", "Some"}
    for name, share in (("Rare", 0.1), ("Often", 0.4), ("Some", 0.5)):
        assert abs(count[name] / 10_000 - share) < 4 * math.sqrt(share * (1 - share) / 10_000)


def test_the_warm_up_goes_at_the_first_rate():
    found = dues((10, 20, 40), warmup=5)
    assert sum(due < 5 for due in found) == 100
    assert len(found) == 400
