"""Slices: a schedule is shared out whole, whoever comes and goes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tailgate_loadtest.shapes.profile import Profile, Stage
from tailgate_loadtest.shapes.schedule import Schedule
from tailgate_loadtest.shapes.slices import Slice, portion, shares

PROFILE = Profile(
    name="ramp", warmup=1.0, stages=(Stage(duration=20, start=5, end=400), Stage(duration=5, start=0, end=0))
)


def arrivals(schedule: Schedule, each: Slice):
    return list(schedule.arrivals(each.start, each.step, each.after))


@pytest.mark.parametrize("process", ["poisson", "constant"])
@settings(max_examples=25)
@given(workers=st.integers(1, 9), seed=st.integers(0, 1000))
def test_the_shares_of_any_number_of_workers_hold_each_arrival_once(process, workers, seed):
    schedule = Schedule(Profile(name="p", process=process, stages=PROFILE.stages), {"A": 1, "B": 2}, seed)
    whole = list(schedule.arrivals())
    parts = [arrival for each in shares(workers) for arrival in arrivals(schedule, each)]
    assert sorted(parts, key=lambda arrival: arrival.number) == whole


@settings(max_examples=40)
@given(workers=st.integers(2, 6), gone=st.floats(0, 30), second=st.floats(0, 30))
def test_what_two_lost_workers_leave_is_taken_over_once_by_the_others(workers, gone, second):
    schedule = Schedule(PROFILE, {"A": 1}, 7)
    hands = [[each] for each in shares(workers)]
    sent = []
    for moment in sorted((gone, second))[: workers - 1]:
        lost = hands.pop(0)
        sent += [a for each in lost for a in arrivals(schedule, each) if a.due <= moment]
        for each in lost:
            for hand, part in zip(hands, each.split(len(hands), moment), strict=True):
                hand.append(part)
    sent += [a for hand in hands for each in hand for a in arrivals(schedule, each)]
    numbers = [arrival.number for arrival in sent]
    assert len(numbers) == len(set(numbers))
    # A slice that is passed on later than it was to begin would begin again at the later moment: none is left out.
    assert sorted(numbers) == [arrival.number for arrival in schedule.arrivals()]


@given(whole=st.integers(1, 10_000), parts=st.integers(1, 50))
def test_portions_are_nearly_equal_and_together_the_whole(whole, parts):
    portions = [portion(whole, part, parts) for part in range(parts)]
    assert min(portions) >= 1
    assert max(portions) - min(portions) <= 1
    if whole >= parts:
        assert sum(portions) == whole
