"""Burn rates and budgets by the SRE workbook, and how many samples decide."""

from decimal import Decimal, getcontext, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_slo import samples_to_decide
from tailgate_slo.budget import alert_windows, budget_remaining, burn_rate, error_budget

fractions = st.integers(min_value=1, max_value=10**9 - 1).map(lambda n: Decimal(n).scaleb(-9))


def test_thirty_days_have_the_workbooks_windows_and_factors():
    assert [(w.severity, w.long, w.short, w.factor) for w in alert_windows(30)] == [
        ("page", 3_600, 300, Decimal("14.4")),
        ("page", 21_600, 1_800, Decimal(6)),
        ("ticket", 86_400, 7_200, Decimal(3)),
        ("ticket", 259_200, 21_600, Decimal(1)),
    ]


@pytest.mark.parametrize(
    ("days", "factors"),
    [(28, ["13.44", "5.6", "2.8", "1"]), (90, ["43.2", "18", "9", "3"]), (7, ["3.36", "1.4", "1", "1"])],
)
def test_other_periods_have_factors_of_their_own_and_never_alert_below_a_burn_rate_of_one(days, factors):
    assert [w.factor for w in alert_windows(days)] == [Decimal(f) for f in factors]


@given(st.integers(min_value=30, max_value=366))
def test_burning_at_the_factor_for_the_long_window_spends_the_workbooks_share(days):
    spent = [window.factor * window.long / (days * 86_400) for window in alert_windows(days)]
    assert [round(share, 20) for share in spent] == [Decimal(s) for s in ("0.02", "0.05", "0.10", "0.10")]


@given(fractions)
def test_spending_the_budget_exactly_is_a_burn_rate_of_one_and_leaves_nothing(target):
    budget = error_budget(target)
    assert budget + target == 1
    assert burn_rate(budget, target) == 1
    assert budget_remaining(budget, target) == 0
    assert budget_remaining(Decimal(0), target) == 1


def test_an_overspent_budget_is_negative():
    assert budget_remaining(Decimal("0.02"), Decimal("0.99")) == -1


@pytest.mark.parametrize(
    ("target", "samples"),
    [("0.5", 5), ("0.9", 29), ("0.95", 59), ("0.99", 299), ("0.999", 2_995), ("0.9999", 29_956)],
)
def test_the_samples_that_decide_the_usual_targets(target, samples):
    assert samples_to_decide(Decimal(target)) == samples


@given(fractions, fractions)
def test_it_is_the_least_number_that_decides(target, confidence):
    count = samples_to_decide(target, confidence)
    with localcontext() as context:
        context.prec = 80
        assert target**count <= 1 - confidence
        assert count == 1 or target ** (count - 1) > 1 - confidence


@pytest.mark.parametrize("count", [1, 2, 3, 10, 19])
def test_a_number_that_decides_exactly_is_enough(count):
    with localcontext() as context:
        context.prec = 50
        doubt = Decimal("0.5") ** count
        confidence = 1 - doubt
    assert samples_to_decide(Decimal("0.5"), confidence) == count


def test_the_callers_decimal_context_changes_nothing():
    with localcontext() as context:
        context.prec = 3
        assert samples_to_decide(Decimal("0.99999")) == 299_572
        assert error_budget(Decimal("0.999999")) == Decimal("0.000001")
    assert getcontext().prec > 3


@pytest.mark.parametrize("target", ["0", "1", "-0.5", "1.5"])
def test_a_target_that_cannot_be_decided_is_refused(target):
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        samples_to_decide(Decimal(target))
