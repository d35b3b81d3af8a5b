from tailgate_loadtest.browser.account import Load, Tally
from tailgate_loadtest.browser.plan import BrowserPlan, Lane

from tests.loadtest.browser.test_recording import made


def tally(*lanes: Lane) -> Tally:
    return Tally(BrowserPlan(host="http://127.0.0.1:8000", lanes=lanes or (Lane(),)))


def account_of(counted: Tally):
    return counted.account(browser="Chromium 1", driver="playwright-core 1", load=Load())


def test_visits_are_counted_by_lane_and_together():
    counted = tally(Lane(), Lane(device="phone"))
    for lane in (0, 0, 1):
        counted.begin(lane)
    counted.end(made(1, visit="visit"))
    counted.end(made(2, visit="visit", failed="it broke"))
    account = account_of(counted)
    assert [(lane.name, lane.begun, lane.ended, lane.failed) for lane in account.lanes] == [
        ("desktop", 2, 2, 1),
        ("phone", 1, 0, 0),
    ]
    assert (account.begun, account.ended, account.failed, account.cut) == (3, 2, 1, 1)


def test_a_measure_is_missed_on_visits_that_went_well():
    counted = tally()
    counted.end(made(1, visit="visit", missing={"inp": "no interaction"}))
    counted.end(made(2, visit="visit", missing={"inp": "the visit failed", "lcp": "the visit failed"}, failed="no"))
    assert account_of(counted).missing == {"inp": 1}


def test_a_warning_is_said_once_and_there_is_an_end_to_them():
    counted = tally()
    counted.warn(["the same"] * 3)
    counted.warn(f"number {n}" for n in range(1000))
    warnings = account_of(counted).warnings
    assert (warnings[0], len(warnings)) == ("the same", 50)


def test_what_pictures_took_is_added_up():
    counted = tally()
    counted.end(made(1, visit="visit", picture_seconds=0.25))
    counted.end(made(2, visit="visit", picture_seconds=0.5))
    assert counted.picture_seconds == 0.75
