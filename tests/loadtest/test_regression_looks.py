"""When the evidence is looked at, and what each look may spend."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.judge.regression.statistics.looks import Looks

plans = st.builds(Looks, budget=st.integers(30, 2_000), first=st.integers(10, 400), every=st.integers(5, 300))


@given(plans)
def test_all_looks_together_spend_what_was_promised(looks):
    assert sum(each.alpha for each in looks.moments) == pytest.approx(looks.alpha)
    assert sum(each.doubt for each in looks.moments) == pytest.approx(looks.doubt)
    assert looks.moments[-1].spent == pytest.approx(looks.alpha)
    assert all(each.alpha > 0 and each.doubt > 0 for each in looks.moments)


@given(plans)
def test_the_last_look_is_at_the_end_of_the_budget_and_has_the_most_to_spend(looks):
    *early, last = looks.moments
    assert last.at == looks.budget
    assert [each.last for each in looks.moments] == [False] * len(early) + [True]
    assert all(each.at < last.at and each.alpha < last.alpha for each in early)


def test_a_moment_between_looks_is_judged_by_the_one_before():
    looks = Looks(budget=300, first=95, every=40)
    assert [each.at for each in looks.moments] == [95, 135, 175, 215, 255, 295, 300]
    assert looks.look(94.9) is None
    assert looks.look(95).at == looks.look(134).at == 95
    assert looks.look(1_000).at == 300


def test_a_budget_of_one_look_spends_all_at_once():
    (only,) = Looks(budget=60, first=95, every=40).moments
    assert (only.at, only.alpha, only.confidence) == (60, 0.01, 0.95)
