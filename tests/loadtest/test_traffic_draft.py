"""From counts to stages: ramps, bursts, and what they say of themselves."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tailgate_loadtest.shapes.plain import read
from tailgate_loadtest.shapes.profile import parse
from tailgate_loadtest.traffic.bursts import dispersion
from tailgate_loadtest.traffic.document import burstiness, document
from tailgate_loadtest.traffic.draft import Draft, draft
from tailgate_loadtest.traffic.mix import Mix, Route
from tailgate_loadtest.traffic.ramps import MAX_RAMPS, fit
from tailgate_loadtest.traffic.series import Series, busiest


def series(counts: Sequence[float], step: float = 1.0) -> Series:
    return Series(start=1_760_000_400.0, step=step, counts=np.asarray(counts, dtype=float))


class Known:
    """A source that says what it was told."""

    def __init__(self, counts: Sequence[float], step: float = 1.0) -> None:
        self._series = series(counts, step)

    def series(self) -> Series:
        return self._series

    def mix(self, stretch: Series) -> Mix:
        home = Route(method="GET", template="/", requests=stretch.requests, queried=0.0)
        return Mix(routes=(home,), left_out={}, over="the stretch")

    def notes(self) -> list[str]:
        return ["Known."]


def drafted(counts: Sequence[float], *, step: float = 1.0, window: float = 3600, duration: float = 600) -> Draft:
    return draft(Known(counts, step), name="known", window=window, duration=duration)


def poisson(rates: Sequence[float], seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).poisson(rates)


HOUR = np.arange(3600)
DAY = 30 + 20 * np.sin(2 * np.pi * HOUR / 3600)


def test_the_busiest_stretch_is_found() -> None:
    found = busiest(series([1, 2, 9, 9, 3, 9, 9]), 3)
    assert (found.start, found.counts.tolist()) == (1_760_000_402.0, [9, 9, 3])
    assert busiest(series([1, 2]), 3).counts.tolist() == [1, 2]


def test_ramps_follow_straight_lines_exactly() -> None:
    line = np.interp(HOUR + 0.5, [0, 1200, 3600], [10, 100, 40])
    ramps = fit(series(line))
    assert ramps.knots.tolist() == [0, 1200, 3600]
    assert ramps.rates == pytest.approx([10, 100, 40])
    assert ramps.worst < 1e-9


def test_ramps_stay_within_their_tolerance_of_a_day() -> None:
    ramps = fit(series(poisson(DAY)))
    assert len(ramps.knots) <= 8
    assert ramps.worst <= max(0.05, 3 * math.sqrt(50 / 60) / 50)
    np.testing.assert_allclose(ramps.at(HOUR + 0.5), DAY, atol=4)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 500), min_size=60, max_size=200), st.sampled_from([1.0, 60.0]))
def test_ramps_are_never_below_0_and_keep_the_mean(counts, step) -> None:
    ramps = fit(series(counts, step))
    assert (ramps.rates >= 0).all()
    assert len(ramps.knots) <= MAX_RAMPS + 1
    assert (ramps.knots[0], ramps.knots[-1]) == (0, len(counts) * step)
    if min(counts) > 100:  # far from 0, least squares keep the sum of what they fit
        mean = float(np.trapezoid(ramps.rates, ramps.knots)) / (len(counts) * step)
        assert mean == pytest.approx(np.mean(counts) / step, rel=0.2)


def test_poisson_is_not_called_bursty_and_what_is_burstier_is() -> None:
    verdicts = [dispersion(poisson(DAY, seed), DAY).bursty for seed in range(300)]
    assert sum(verdicts) == 0
    spread = dispersion(np.random.default_rng(1).negative_binomial(10, 10 / (10 + DAY)), DAY)
    assert spread.bursty
    assert spread.index == pytest.approx(1 + np.mean(DAY**2) / np.mean(DAY) / 10, rel=0.1)


@pytest.mark.parametrize("mean", [0.01, 0.3, 200])
def test_the_standard_error_of_the_index_is_that_of_many_poisson_hours(mean: float) -> None:
    rates = np.full(3600, mean)
    found = [dispersion(poisson(rates, seed), rates) for seed in range(400)]
    assert np.mean([each.index for each in found]) == pytest.approx(1, abs=0.02 if mean > 0.1 else 0.1)
    assert np.std([each.index for each in found]) == pytest.approx(found[0].error, rel=0.15)


def test_a_quiet_hours_rates_and_arrivals_are_kept_in_less_time() -> None:
    made = drafted(poisson(DAY))
    assert made.profile.duration == pytest.approx(600, abs=0.01)
    assert made.profile.arrivals == pytest.approx(made.window.requests / 6, rel=0.01)
    assert made.profile.peak == pytest.approx(50, rel=0.06)
    assert made.dispersion is not None
    assert not made.dispersion.bursty
    assert "no burstier than Poisson" in burstiness(made)


def test_bursts_are_stages_of_their_own_and_the_busiest_second_is_kept() -> None:
    counts = poisson(DAY)
    for at in range(100, 3600, 300):
        counts[at : at + 3] += 200
    counts[1901] += 300
    made = drafted(counts)
    assert len(made.bursts) == 12
    bursts = [each.stage for each in made.stages if each.burst]
    assert max(stage.start for stage in bursts) == made.profile.peak == counts[1901]
    assert sum(stage.duration for stage in bursts) == 2 * 3  # 12 in an hour are 2 in ten minutes
    assert made.profile.duration == pytest.approx(600, abs=0.01)
    # The ramps under them are what they would be without.
    assert max(each.stage.end for each in made.stages if not each.burst) == pytest.approx(50, rel=0.08)
    assert made.profile.arrivals == pytest.approx(counts.sum() / 6, rel=0.03)


def test_bursts_at_the_very_end_all_have_their_room() -> None:
    counts = poisson(DAY)
    for at in range(100, 3500, 136):
        counts[at] += 100
    for at in range(3500, 3600, 20):
        counts[at : at + 5] += 300
    made = drafted(counts)
    assert sum(each.stage.duration for each in made.stages if each.burst) == 5 * 5  # 30 in an hour are 5 in ten minutes
    assert made.profile.duration == pytest.approx(600, abs=0.01)


def test_a_burst_longer_than_the_profile_leaves_its_busiest_second() -> None:
    counts = poisson(DAY)
    counts[1000:1025] += 200
    counts[1010] += 100
    made = drafted(counts, duration=10)
    assert [each.stage.duration for each in made.stages if each.burst] == [1.0]
    assert made.profile.peak == counts[1010]
    assert made.profile.duration == pytest.approx(10, abs=0.01)


def test_a_stretch_shorter_than_the_profile_is_not_stretched() -> None:
    assert drafted([5] * 90).profile.duration == pytest.approx(90)


def test_counts_of_longer_steps_say_nothing_of_seconds() -> None:
    made = drafted(poisson(DAY).reshape(60, 60).sum(axis=1), step=60.0)
    assert made.dispersion is None
    assert "Steps of 1m say nothing of single seconds" in burstiness(made)
    assert made.profile.peak == pytest.approx(50, rel=0.06)


spiky = st.lists(st.integers(0, 3) | st.integers(0, 100_000), min_size=60, max_size=150).filter(any)


@settings(max_examples=60, deadline=None)
@given(spiky, st.integers(1, 300), st.integers(1, 300), st.sampled_from([1.0, 30.0, 778.0]))
def test_whatever_came_the_file_reads_back_as_the_profile_that_was_made(counts, window, duration, step) -> None:
    made = drafted(counts, step=step, window=window, duration=duration)
    back = parse(read(document(made).encode()), "made.yaml")
    assert back == made.profile
    assert back.duration <= max(min(duration, made.window.seconds), 1) + 0.1
