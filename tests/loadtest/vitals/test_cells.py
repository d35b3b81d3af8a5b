"""What visits tell of each measure, page by page and lane by lane."""

import pytest
from tailgate_loadtest.judge.vitals.cells import Sample, Subject, cells, rating
from tailgate_slo.vitals import VITAL_BOUNDS

from tests.loadtest.vitals.made import failed, visit, visits

LCP, INP, PANELS = Subject(vital="lcp"), Subject(vital="inp"), Subject(timing="panels_complete")


def cell(made, subject, page="/dashboard", lane="desktop"):
    found = [
        each
        for each in cells(made)
        if (each.page, each.lane, each.vital, each.timing) == (page, lane, subject.vital, subject.timing)
    ]
    assert len(found) == 1
    return found[0]


def test_a_cell_has_its_percentile_its_interval_and_its_rating():
    found = cell([visit(n, lcp=n / 10) for n in range(1, 21)], LCP)
    assert (found.samples, found.failed, found.missing) == (20, 0, 0)
    assert (found.low, found.number, found.high) == (1.2, 1.5, 1.9)
    assert (found.rating, found.at_least) == ("good", False)


def test_each_page_and_lane_has_every_vital_and_the_moments_that_its_page_marks():
    made = [
        *visits(2, timings={"panels_complete": 1.5}),
        *visits(2, start=3, lane="phone"),
        *visits(2, start=5, visit="inbox", page="/inbox", timings={"list_shown": 0.4, "drawn": 0.1}),
    ]
    found = [(each.page, each.lane, each.vital or each.timing) for each in cells(made)]
    vitals = ["lcp", "inp", "cls", "fcp", "ttfb"]
    assert found == [
        *(("/dashboard", "desktop", name) for name in [*vitals, "panels_complete"]),
        *(("/dashboard", "phone", name) for name in [*vitals, "panels_complete"]),
        *(("/inbox", "desktop", name) for name in [*vitals, "drawn", "list_shown"]),
    ]
    unmarked = cell(made, PANELS, lane="phone")
    assert (unmarked.samples, unmarked.missing, unmarked.number, unmarked.rating) == (0, 2, None, None)
    assert unmarked.why_missing == "the page marked no such moment"


def test_the_order_in_which_visits_ended_changes_nothing():
    made = [visit(n, lcp=n / 10, page=f"/{n % 3}") for n in range(1, 13)]
    assert cells(made) == cells(made[::-1])


def test_visits_that_failed_are_worse_than_any_other():
    found = cell([*visits(12), *failed(8, start=13)], LCP)
    assert (found.samples, found.failed) == (20, 8)
    assert (found.number, found.at_least, found.high) == (1.0, True, None)
    assert found.rating == "poor"
    few = cell([*visits(18), *failed(2, start=19)], LCP)
    assert (few.number, few.at_least, few.rating) == (1.0, False, "good")
    assert few.high is None  # of twenty, the nineteenth is the bound


def test_visits_that_failed_on_their_way_to_a_page_are_among_those_of_each_page_of_their_lane():
    lost = failed(8, start=13, page=None)
    made = [*visits(12), *lost, *visits(2, start=21, page="/inbox"), *visits(3, start=23, lane="phone")]
    found = cell(made, LCP)
    assert (found.samples, found.failed, found.at_least, found.rating) == (20, 8, True, "poor")
    assert (cell(made, LCP, page="/inbox").samples, cell(made, LCP, lane="phone").failed) == (10, 0)


def test_of_visits_that_all_failed_nothing_is_known_but_that():
    found = cell(failed(3), LCP)
    assert (found.number, found.low, found.high, found.at_least, found.rating) == (None, None, None, True, "poor")


def test_what_a_failed_visit_told_before_it_failed_decides_nothing():
    assert Sample.of([visit(1, failed="later", lcp=0.1)], LCP).told == ()


def test_missing_visits_widen_the_interval_to_both_sides_and_move_nothing():
    told = [visit(n, inp=n / 100) for n in range(1, 21)]
    whole = cell(told, INP)
    found = cell([*told, *visits(2, start=21, missing=["inp"])], INP)
    assert (found.samples, found.missing, found.why_missing) == (20, 2, "no interaction")
    assert found.number == whole.number
    assert found.low is not None
    assert whole.low is not None
    assert found.low < whole.low
    assert found.high is None
    assert whole.high is not None


def test_of_a_page_the_forty_moments_that_most_visits_mark_have_cells_however_many_names_there_are():
    own = {n: {f"own_{n}_{each}": 0.1 for each in range(40)} for n in range(1, 58)}
    made = [visit(n, timings={**names, "shown": 0.4}) for n, names in own.items()]
    found = cells(made)
    assert len(found) == 45
    first = sorted(name for names in own.values() for name in names)[:39]
    assert [each.timing for each in found[5:]] == [*first, "shown"]
    assert (found[-1].samples, found[-1].missing) == (57, 0)


def test_few_visits_leave_the_interval_open():
    found = cell(visits(2), LCP)
    assert (found.number, found.low, found.high) == (1.0, None, None)


def test_the_element_of_lcp_is_the_one_that_it_was_most_often():
    made = [
        *visits(1, lcp_element="h1"),
        *visits(3, start=2, lcp_element="#panels > div"),
        *visits(1, start=5),
    ]
    assert cell(made, LCP).element == "#panels > div"
    assert cell(made, Subject(vital="fcp")).element is None


def test_a_visit_that_came_to_no_page_has_no_cell():
    assert cells(failed(2, page=None)) == ()


@pytest.mark.parametrize("vital", VITAL_BOUNDS)
def test_a_value_at_a_bound_is_on_its_better_side(vital):
    bounds = VITAL_BOUNDS[vital]
    good, poor = float(bounds.good), float(bounds.poor)
    assert rating(vital, good) == "good"
    assert rating(vital, good + 1e-9) == rating(vital, poor) == "needs-improvement"
    assert rating(vital, poor + 1e-9) == "poor"
