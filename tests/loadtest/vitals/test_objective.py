"""One objective of vitals against visits."""

import math

import pytest
from tailgate_loadtest.judge.vitals.document import VitalFinding
from tailgate_loadtest.judge.vitals.objective import judge

from tests.loadtest.conftest import objectives
from tests.loadtest.vitals.made import failed, visit, visits

LCP = "measure: vital, vital: lcp, route: /dashboard, threshold: 2s"
INP = "measure: vital, vital: inp, route: /dashboard, threshold: 200ms"
CLS = "measure: vital, vital: cls, route: /dashboard, threshold: 0.1"
PANELS = "measure: vital, timing: panels_complete, route: /dashboard, threshold: 2s"
ANYWHERE = "measure: vital, vital: lcp, threshold: 2s"


def finding(measure, made, target="0.75") -> VitalFinding | None:
    lanes = {}
    for each in made:
        lanes.setdefault((each.visit, each.lane), []).append(each)
    return judge(objectives(("it", measure, target)).slos[0], lanes)


def found(measure, made, target="0.75") -> VitalFinding:
    judged = finding(measure, made, target)
    assert judged is not None
    return judged


def slow(count, start=1, **changes):
    return visits(count, start=start, lcp=3.0, **changes)


def test_an_objective_is_kept_when_even_the_upper_bound_is_within():
    it = found(LCP, [*visits(19), *slow(1, 20)])
    assert it.verdict == "pass"
    assert (it.worst.samples, it.worst.bad, it.worst.bad_share) == (20, 1, 0.05)
    assert it.worst.bad_low < 0.05 < it.worst.bad_high <= 0.25
    assert (it.worst.number, it.worst.high) == (1.0, 1.0)
    assert it.why == ("1 of 20 visits were bad: 5.0% [0.3%, 21.6%]; 25 % may be, and even the upper bound is within")
    assert (it.page, it.vital, it.timing, it.threshold, it.target) == ("/dashboard", "lcp", None, 2.0, 0.75)


def test_an_objective_is_missed_when_even_the_lower_bound_is_beyond():
    it = found(LCP, [*visits(11), *slow(9, 12)])
    assert it.verdict == "fail"
    assert it.worst.bad_low > 0.25
    assert it.worst.low == it.worst.number == 3.0


def test_an_objective_in_between_is_undecided_and_says_what_would_help():
    it = found(LCP, [*visits(15), *slow(5, 16)])
    assert it.verdict == "inconclusive"
    assert it.why.endswith("which lies between the bounds; more visits would narrow it")
    short = found(LCP, visits(10))
    assert short.verdict == "inconclusive"
    assert short.why.endswith("at least 11 visits are needed")
    assert found(LCP, visits(11)).verdict == "pass"


@pytest.mark.parametrize("count", [11, 20, 30, 57])
def test_of_a_page_at_its_very_limit_each_verdict_is_wrong_at_most_once_in_twenty(count):
    """Summed over all that may come of so many visits of which a quarter is bad in the long run."""
    chances = {"pass": 0.0, "fail": 0.0, "inconclusive": 0.0}
    for bad in range(count + 1):
        it = found(LCP, [*visits(count - bad), *slow(bad, count - bad + 1)])
        chances[it.verdict] += math.comb(count, bad) * 0.25**bad * 0.75 ** (count - bad)
    assert sum(chances.values()) == pytest.approx(1)
    assert chances["pass"] <= 0.05
    assert chances["fail"] <= 0.05


def test_each_lane_must_keep_an_objective_by_itself():
    desktops, phones = visits(60), [*visits(5, start=61, lane="phone 4g"), *slow(15, 66, lane="phone 4g")]
    assert found(LCP, desktops).verdict == "pass"
    it = found(LCP, [*desktops, *phones])
    assert it.verdict == "fail"
    assert [(lane.lane, lane.verdict) for lane in it.lanes] == [("phone 4g", "fail"), ("desktop", "pass")]
    assert it.why.startswith("phone 4g: 15 of 20 visits were bad")
    few = found(LCP, [*desktops, *visits(3, start=61, lane="phone 4g")])
    assert few.verdict == "inconclusive"
    assert few.worst.lane == "phone 4g"


def test_lanes_of_other_pages_are_left_alone():
    it = found(LCP, [*visits(20), *slow(20, 21, visit="inbox", page="/inbox")])
    assert (it.verdict, len(it.lanes)) == ("pass", 1)
    assert finding(LCP, visits(20, page="/inbox")) is None


def test_an_objective_of_all_pages_takes_a_lane_whole():
    it = found(ANYWHERE, [visit(n, page=f"/orders/{n}") for n in range(1, 21)])
    assert (it.verdict, it.page, it.worst.samples) == ("pass", None, 20)


def test_visits_that_failed_are_bad():
    it = found(LCP, [*visits(8), *failed(12, start=9)])
    assert it.verdict == "fail"
    assert (it.worst.bad, it.worst.failed, it.worst.at_least) == (12, 12, True)
    assert "12 of 20 visits were bad, 12 of them because they failed" in it.why


def test_visits_that_failed_on_their_way_to_a_page_count_for_those_that_their_lane_came_to():
    assert found(LCP, [*visits(8), *failed(12, start=9, page=None)]).verdict == "fail"
    other = [*visits(20), *failed(20, start=21, page=None, visit="inbox")]
    assert found(LCP, other).verdict == "pass"
    assert finding(LCP, failed(20, page=None)) is None
    assert finding(ANYWHERE, failed(20, page=None)) is None


def test_a_measure_that_too_many_visits_do_not_tell_of_is_undecided_and_says_why():
    it = found(INP, [*visits(17), *visits(3, start=18, missing=["inp"])])
    assert it.verdict == "inconclusive"
    assert it.why == (
        "3 of 20 visits told nothing of INP (no interaction), and at most 10 % may; let the visit's script click or"
        " type"
    )
    none = found(INP, visits(20, missing=["inp"]))
    assert (none.verdict, none.worst.samples) == ("inconclusive", 0)
    assert (none.worst.bad_share, none.worst.number) == (None, None)


def test_a_measure_that_few_visits_do_not_tell_of_is_never_good_by_that():
    it = found(INP, [*visits(38), *visits(2, start=39, missing=["inp"])])
    assert it.verdict == "pass"
    assert (it.worst.samples, it.worst.missing) == (38, 2)
    assert it.worst.bad_high > found(INP, visits(40)).worst.bad_high
    assert "2 more told nothing, which counts as good for the one bound and as bad for the other" in it.why
    assert found(INP, [*visits(10), *visits(1, start=11, missing=["inp"])]).verdict == "inconclusive"


def test_moments_that_a_page_marks_are_judged_like_vitals():
    it = found(PANELS, visits(11, timings={"panels_complete": 1.5}))
    assert (it.verdict, it.vital, it.timing, it.worst.number) == ("pass", None, "panels_complete", 1.5)
    unmarked = found(PANELS, visits(11))
    assert unmarked.verdict == "inconclusive"
    assert "told nothing of panels_complete (the page marked no such moment)" in unmarked.why


def test_a_value_at_the_threshold_is_good():
    assert found(CLS, visits(11, cls=0.1)).worst.bad == 0
    assert found(CLS, visits(11, cls=0.1 + 1e-9)).worst.bad == 11


def test_another_target_is_judged_by_its_own_percentile():
    it = found(LCP, [visit(n, lcp=n / 100) for n in range(1, 101)], target="0.9")
    assert (it.verdict, it.worst.number) == ("pass", 0.9)


def test_what_is_no_vital_has_no_finding():
    assert finding("measure: latency, route: GET /dashboard, threshold: 1s", visits(20)) is None
