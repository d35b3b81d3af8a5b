"""Burn-rate alerts over events that are known: where they begin and end is arithmetic."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tailgate_dashboards.backtest.past import Pace, Past
from tailgate_dashboards.backtest.replay import History, replay
from tailgate_dashboards.prometheus import Prometheus

from tests.dashboards.past import END
from tests.dashboards.servers import needs_prometheus

HOUR = 60


def history(*parts: tuple[int, float, float]) -> History:
    """Minutes, and in each of them so many events, of which a share is bad."""
    every = np.concatenate([np.full(minutes, events) for minutes, events, _ in parts])
    bad = np.concatenate([np.full(minutes, events * share) for minutes, events, share in parts])
    return History(start=0.0, step=60.0, bad=bad, all=every)


def alerts(made: History, target: str = "0.99", minimum_events: int = 0, begin: float = 0.0):
    least = {"page": minimum_events, "ticket": 0}
    found = replay(made, target=Decimal(target), period_days=30, begin=begin, least=least)
    return [(firing.severity, firing.start / 60, firing.end / 60) for firing in found]


def test_an_outage_pages_when_a_fiftieth_of_the_budget_is_spent_and_until_five_minutes_are_good():
    # Bad from minute 4320 on: 14.4 % of an hour are 8.64 minutes. After the end 4.28 of five minutes must be good.
    assert alerts(history((72 * HOUR, 100, 0), (20, 100, 1), (24 * HOUR, 100, 0)))[0] == ("page", 4329, 4345)


def test_a_slow_burn_is_a_ticket_and_no_page():
    # Four times what is allowed: more than 3 over a day and two hours, less than 6.
    found = alerts(history((96 * HOUR, 100, 0), (96 * HOUR, 100, 0.04)))
    assert {severity for severity, _, _ in found} == {"ticket"}
    assert found[0][1] == pytest.approx(96 * HOUR + 18 * HOUR, abs=2)


def test_where_the_past_begins_with_a_burn_there_is_no_ticket_before_a_tenth_of_the_budget_is_spent():
    late = history((96 * HOUR, 0, 0), (25 * HOUR, 100, 0.03))
    begun = replace(late, known=96 * HOUR * 60.0)
    assert alerts(late)[0][1] == pytest.approx(96 * HOUR, abs=2)
    # Three times what is allowed: a day of it is a tenth of 30 days' budget.
    assert alerts(begun)[0][1] == pytest.approx(96 * HOUR + 24 * HOUR, abs=2)


def test_what_keeps_the_objective_alerts_nobody():
    assert alerts(history((200 * HOUR, 100, 0.0099))) == []


def test_nobody_is_paged_for_less_than_the_least_number_of_events_though_there_is_a_ticket():
    few = history((72 * HOUR, 0.1, 0), (3 * HOUR, 0.1, 1))
    assert {severity for severity, _, _ in alerts(few, minimum_events=1000)} == {"ticket"}
    assert {severity for severity, _, _ in alerts(few, minimum_events=5)} == {"page", "ticket"}


def test_where_nobody_is_ever_paged_there_are_tickets_of_enough_events_alone():
    slow = history((72 * HOUR, 0.1, 0), (24 * HOUR, 0.1, 1))
    for least, severities in ((100, {"ticket"}), (600, set())):
        found = replay(slow, target=Decimal("0.75"), period_days=30, begin=0.0, least={"ticket": least})
        assert {firing.severity for firing in found} == severities


def test_without_events_there_is_no_alert_and_one_ends():
    found = alerts(history((72 * HOUR, 100, 0), (20, 100, 1), (2 * HOUR, 0, 0)))
    page = next(each for each in found if each[0] == "page")
    assert page[2] == pytest.approx(72 * HOUR + 26, abs=2)
    assert alerts(history((500, 0, 0))) == []


def test_what_is_back_within_five_minutes_is_the_same_page():
    flapping = history((72 * HOUR, 100, 0), (12, 100, 1), (7, 100, 0), (9, 100, 1), (3 * HOUR, 100, 0))
    assert [each for each in alerts(flapping) if each[0] == "page"] == [("page", 4329, 4353)]


def test_what_was_before_the_beginning_is_not_told_and_what_lasts_is():
    found = replay(
        history((72 * HOUR, 100, 0), (HOUR, 100, 1)),
        target=Decimal("0.99"), period_days=30, begin=(72 * HOUR + 30) * 60.0, least={"page": 0, "ticket": 0},
    )  # fmt: skip
    page = next(firing for firing in found if firing.severity == "page")
    assert (page.start / 60, page.lasting) == (72 * HOUR + 31, True)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 400), st.integers(0, 1000), st.floats(0, 1)), min_size=1, max_size=6),
    st.sampled_from([60.0, 240.0, 900.0]),
)
def test_a_window_is_the_sum_of_its_steps_and_no_share_is_beyond_all(parts, step):
    made = history(*parts)
    made = History(start=0.0, step=step, bad=made.bad, all=made.all)
    for window in (300, 3600):
        share, events = made.ratio(window)
        assert np.all((share >= 0) & (share <= 1 + 1e-9))
        steps = window / step
        if steps == int(steps):
            sums = [made.all[max(0, i + 1 - int(steps)) : i + 1].sum() for i in range(len(made.all))]
            np.testing.assert_allclose(events, sums, rtol=1e-9, atol=1e-5)


@needs_prometheus
@pytest.mark.xdist_group("past")
def test_what_is_too_much_at_once_is_asked_for_in_halves(past_url, monkeypatch):
    monkeypatch.setattr("tailgate_dashboards.backtest.past._MOST_POINTS", 20_000)
    past = Past(Prometheus(past_url), begin=END, end=END, pace=Pace(step=15.0))
    assert past.steps > 11_000
    np.testing.assert_array_equal(past.lines("vector(7)")[""], np.full(past.steps, 7.0))
