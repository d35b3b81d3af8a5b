"""What visits come to in all."""

import pytest
from tailgate_loadtest.browser.account import LaneAccount
from tailgate_loadtest.judge.vitals.document import VitalsDocument
from tailgate_loadtest.judge.vitals.verdict import judge_visits

from tests.loadtest.conftest import objectives
from tests.loadtest.vitals.made import account, failed, visit, visits

FAST = ("lcp", "measure: vital, vital: lcp, route: /dashboard, threshold: 2s", "0.75")
TOUCHED = ("inp", "measure: vital, vital: inp, route: /dashboard, threshold: 200ms", "0.75")
INBOX = ("inbox-lcp", "measure: vital, vital: lcp, route: /inbox, threshold: 2s", "0.75")
API = ("api", "measure: latency, route: GET /a, threshold: 1s", "0.95")


def judged(made, *measures, **changes) -> VitalsDocument:
    return judge_visits(made, account(made, **changes), objectives(*measures) if measures else None)


def test_all_objectives_are_kept():
    it = judged(visits(20), FAST, TOUCHED)
    assert (it.verdict, it.exit_code, it.reasons) == ("pass", 0, ("all 2 objectives are kept",))
    assert (it.slo, it.confidence, it.unsound, it.skipped) == ("slo.yaml", 0.95, (), ())


def test_a_missed_objective_goes_before_an_undecided_one():
    made = [visit(n, lcp=3.0, missing=["inp"]) for n in range(1, 21)]
    it = judged(made, TOUCHED, FAST)
    assert (it.verdict, it.exit_code) == ("fail", 1)
    (reason,) = it.reasons
    assert reason == (
        "lcp: p75 is 3000 ms [3000 ms, 3000 ms]; 20 of 20 visits were bad: 100.0% [86.1%, 100.0%]; 25 % may be, and"
        " even the lower bound is above"
    )
    undecided = judged(visits(20, missing=["inp"]), TOUCHED, FAST)
    assert (undecided.verdict, undecided.exit_code) == ("inconclusive", 3)
    assert undecided.reasons[0].startswith("inp: 20 of 20 visits told nothing of INP")


def test_every_lane_that_misses_is_a_reason():
    made = [*visits(20, lcp=3.0), *visits(20, start=21, lcp=4.0, lane="phone"), *visits(20, start=41, lane="phone 4g")]
    it = judged(made, FAST)
    assert [reason.partition(":")[0] for reason in it.reasons] == ["lcp (desktop)", "lcp (phone)"]


def test_objectives_of_pages_that_were_not_visited_are_skipped():
    it = judged(visits(20), FAST, INBOX, API)
    assert (it.verdict, [f.name for f in it.objectives], it.skipped) == ("pass", ["lcp"], ("inbox-lcp",))


def test_where_none_is_of_a_page_that_was_visited_nothing_is_decided_and_the_nearest_is_named():
    it = judged(visits(20, page="/dashbord"), FAST, INBOX)
    assert (it.verdict, it.exit_code) == ("inconclusive", 3)
    assert it.reasons == ("no objective is of a page that was visited, such as /dashbord; did you mean /dashboard?",)
    far = judged(visits(20, page="/"), FAST, INBOX)
    assert far.reasons[0].endswith("such as /; they are of /dashboard, /inbox")


@pytest.mark.parametrize("measures", [(), (API,)], ids=["no file", "a file without any"])
def test_without_objectives_of_vitals_only_a_failed_visit_fails(measures):
    it = judged(visits(20, lcp=30.0), *measures)
    assert (it.verdict, it.exit_code) == ("unjudged", 0)
    assert it.cells[0].rating == "poor"
    broken = judged([*visits(19), *failed(1, start=20)], *measures)
    assert (broken.verdict, broken.exit_code) == ("fail", 1)
    assert broken.reasons == ("1 of 20 visits failed; no objectives of vitals were given to judge by",)


@pytest.mark.parametrize(("signal", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_what_was_interrupted_says_so_whatever_else_is_true(signal, code):
    it = judged(visits(20, lcp=3.0), FAST, interrupted=signal, cut=1)
    assert (it.verdict, it.exit_code, it.reasons) == ("interrupted", code, (f"ended by {signal}",))
    assert it.unsound == ()
    assert it.objectives[0].verdict == "fail"


def test_visits_that_were_to_be_and_are_not_there_let_nothing_pass_or_fail():
    died = judged(visits(20, lcp=3.0), FAST, died="a browser of lane desktop died: it did not say why")
    assert (died.verdict, died.exit_code) == ("inconclusive", 3)
    assert died.reasons == died.unsound == ("a browser of lane desktop died: it did not say why",)
    assert judged(visits(20), FAST, cut=2).reasons == ("2 visits were cut off before their end",)
    assert judged(visits(20), cut=2).exit_code == 3


def test_visits_that_were_asked_for_and_never_began_let_nothing_pass_or_fail():
    known = account(visits(19))
    asked = known.model_copy(update={"lanes": (known.lanes[0].model_copy(update={"visits": 20}),)})
    for lcp in (1.0, 3.0):
        it = judge_visits(visits(19, lcp=lcp), asked, objectives(FAST))
        assert (it.verdict, it.exit_code) == ("inconclusive", 3)
        assert it.reasons == it.unsound == ("dashboard (desktop): 19 of 20 visits were begun",)
    # Where it is known why, that is said, and not this.
    died = judge_visits(visits(19), asked.model_copy(update={"died": "a browser died"}), objectives(FAST))
    assert died.unsound == ("a browser died",)
    interrupted = judge_visits(visits(19), asked.model_copy(update={"interrupted": "SIGINT"}), objectives(FAST))
    assert interrupted.unsound == ()
    endless = known.model_copy(update={"lanes": (known.lanes[0].model_copy(update={"visits": None}),)})
    assert judge_visits(visits(19), endless, objectives(FAST)).verdict == "pass"


def test_a_lane_of_which_nothing_is_known_lets_nothing_pass():
    made = [*visits(20), *failed(20, start=21, lane="phone", page=None, why="net::ERR_NAME_NOT_RESOLVED")]
    it = judged(made, FAST)
    assert (it.verdict, it.exit_code) == ("inconclusive", 3)
    assert it.reasons == ("dashboard (phone): no visit came to a page: net::ERR_NAME_NOT_RESOLVED",)
    known = account(visits(20))
    idle = LaneAccount.model_validate({**dict(known.lanes[0]), "name": "phone", "begun": 0, "ended": 0})
    it = judge_visits(visits(20), known.model_copy(update={"lanes": (*known.lanes, idle)}), objectives(FAST))
    assert it.reasons == ("dashboard (phone): no visit was measured",)


def test_no_visit_at_all_decides_nothing():
    known = account(visits(1))
    for measures in ((), (FAST,)):
        it = judge_visits([], known, objectives(*measures) if measures else None)
        assert (it.verdict, it.exit_code, it.cells) == ("inconclusive", 3, ())


def test_why_visits_failed_is_counted():
    it = judged([*failed(1, why="late"), *failed(2, start=2, why="gone"), *visits(1, start=4)], FAST)
    assert list(it.failures.items()) == [("gone", 2), ("late", 1)]


def test_the_order_of_visits_changes_nothing():
    made = [visit(n, lcp=n / 10, failed="late" if n % 7 == 0 else None, page=f"/{n % 2}") for n in range(1, 30)]
    known = account(made)
    measures = objectives(("all", "measure: vital, vital: lcp, threshold: 2s", "0.75"))
    assert judge_visits(made[::-1], known, measures) == judge_visits(made, known, measures)


def test_the_document_is_read_as_it_was_written():
    it = judged([*visits(9), *failed(11, start=10)], FAST, TOUCHED, INBOX)
    assert VitalsDocument.model_validate_json(it.model_dump_json(by_alias=True)) == it
