"""What is taken on knowingly, how far, and until when."""

from datetime import date
from decimal import Decimal

import pytest
import tailgate_slo
from tailgate_loadtest.judge.regression.terms.accept import accept
from tailgate_loadtest.judge.regression.terms.loosened import Loosening
from tailgate_slo.model import Accept

from tests.loadtest.comparisons import cell, exact
from tests.loadtest.test_loosened import gate, latency

TODAY = date(2026, 5, 28)
ROUTE = "GET /api/conversations"


def entry(**changes) -> Accept:
    return Accept(
        **{
            "route": ROUTE,
            "measure": "latency",
            "bound": Decimal("0.5"),
            "until": date(2026, 6, 30),
            "why": "signed uploads",
        }
        | changes
    )


def test_a_regression_within_the_bound_passes_and_says_why_and_until_when() -> None:
    worse = cell(ROUTE, "p95", 0.38, 0.06)
    found = accept([entry()], TODAY, cells=[worse])
    (accepted,) = found.cells
    assert worse.verdict == "fail"
    assert (accepted.verdict, accepted.accepted) == ("pass", "signed uploads")
    assert "taken on until 2026-06-30" in accepted.why
    assert found.entries[0].covers == ("p95",)


def test_a_regression_beyond_the_bound_still_fails() -> None:
    found = accept([entry(bound=Decimal("0.2"))], TODAY, cells=[cell(ROUTE, "p95", 0.38, 0.06)])
    assert found.cells[0].verdict == "fail"
    assert found.cells[0].accepted is None
    assert found.entries[0].covers == ()


def test_a_regression_that_may_be_beyond_the_bound_is_undecided() -> None:
    found = accept([entry(bound=Decimal("0.4"))], TODAY, cells=[cell(ROUTE, "p95", 0.38, 0.06)])
    assert found.cells[0].verdict == "inconclusive"
    assert "it may be more than is taken on" in found.cells[0].why


def test_an_undecided_cell_within_the_bound_passes() -> None:
    found = accept([entry()], TODAY, cells=[cell(ROUTE, "p95", 0.02, 0.09)])
    assert found.cells[0].verdict == "pass"


def test_what_passes_by_itself_needs_no_entry() -> None:
    fine = cell(ROUTE, "p95")
    found = accept([entry()], TODAY, cells=[fine])
    assert found.cells == (fine,)
    assert found.entries[0].covers == ()


@pytest.mark.parametrize(
    "unlike",
    [{"route": "GET /other"}, {"measure": "queries"}, {"measure": "availability"}, {"until": date(2026, 5, 27)}],
)
def test_an_entry_of_another_route_or_measure_or_of_the_past_covers_nothing(unlike) -> None:
    found = accept([entry(**unlike)], TODAY, cells=[cell(ROUTE, "p95", 0.38, 0.06)], exact=[exact(measure="bytes")])
    assert found.cells[0].verdict == "fail"
    assert found.exact[0].accepted is None


def test_an_expired_entry_is_shown_as_such_and_its_last_day_still_holds() -> None:
    old, last = entry(until=date(2026, 5, 27)), entry(until=TODAY)
    found = accept([old, last], TODAY, cells=[cell(ROUTE, "p95", 0.38, 0.06)])
    assert [each.holds for each in found.entries] == [False, True]
    assert found.entries[0].until == "2026-05-27"
    assert found.cells[0].verdict == "pass"


def test_of_two_entries_that_fit_the_larger_bound_counts() -> None:
    small, large = entry(bound=Decimal("0.1")), entry(bound=Decimal("0.9"), why="large")
    assert accept([small, large], TODAY, cells=[cell(ROUTE, "p95", 0.38, 0.06)]).cells[0].accepted == "large"


def test_failures_are_accepted_by_their_share() -> None:
    worse = cell(ROUTE, "failures", 0.02, 0.002)
    assert accept([entry(measure="availability", bound=Decimal("0.03"))], TODAY, cells=[worse]).cells[0].accepted
    assert not accept([entry(measure="availability", bound=Decimal("0.01"))], TODAY, cells=[worse]).cells[0].accepted


def test_a_cell_without_a_number_cannot_be_taken_on() -> None:
    empty = cell(ROUTE, "p95", verdict="inconclusive", ratio=None, low=None, high=None)
    assert accept([entry(bound=Decimal(99))], TODAY, cells=[empty]).cells == (empty,)


@pytest.mark.parametrize("measure", ["p50", "p95", "p99"])
def test_a_cell_whose_size_is_not_in_doubt_is_not_taken_on_by_its_size(measure) -> None:
    """Its interval ends within what is tolerated; but it may pause now and then, and how long nobody knows."""
    pausing = cell(ROUTE, measure, 0.0, 0.02, verdict="inconclusive")
    found = accept([entry(bound=Decimal(9))], TODAY, cells=[pausing])
    assert found.cells == (pausing,)
    assert found.entries[0].covers == ()


def test_an_entry_takes_on_no_more_of_the_slowest_than_its_bound_does() -> None:
    asked = []

    def slowest(worse, bound):
        asked.append((worse.measure, bound))
        return "too many are far slower" if worse.measure == "p95" else None

    worse = [cell(ROUTE, measure, 0.38, 0.06) for measure in ("p50", "p95")]
    found = accept([entry()], TODAY, cells=worse, slowest=slowest)
    assert [each.verdict for each in found.cells] == ["pass", "inconclusive"]
    assert found.cells[1].why.endswith("taken on until 2026-06-30, but too many are far slower")
    assert found.entries[0].covers == ("p50",)
    assert asked == [("p50", Decimal("0.5")), ("p95", Decimal("0.5"))]


def test_a_cell_with_an_open_interval_cannot_be_taken_on() -> None:
    open_end = cell(ROUTE, "p95", 0.1, verdict="inconclusive", high=None)
    assert accept([entry()], TODAY, cells=[open_end]).cells[0].verdict == "inconclusive"


@pytest.mark.parametrize(
    ("bound", "base", "candidate", "covered"),
    [("1.5", 2, 5, True), ("1.4", 2, 5, False), ("1", 0, 1, True), ("0.9", 0, 1, False)],
)
def test_queries_are_accepted_as_a_fraction_of_the_base_and_of_one_where_that_has_none(
    bound, base, candidate, covered
) -> None:
    taken = entry(measure="queries", bound=Decimal(bound))
    found = accept([taken], TODAY, exact=[exact(base=base, candidate=candidate)])
    assert (found.exact[0].accepted is not None) is covered
    assert found.entries[0].covers == (("queries, cold",) if covered else ())


@pytest.mark.parametrize(("measure", "base", "candidate"), [("status", 200, 500), ("requests", 3, 2)])
def test_what_is_answered_otherwise_is_accepted_by_the_share_of_requests(measure, base, candidate) -> None:
    differs = exact(measure=measure, base=base, candidate=candidate, requests=4, of=40)
    assert accept([entry(measure="availability", bound=Decimal("0.1"))], TODAY, exact=[differs]).exact[0].accepted
    assert not accept([entry(measure="availability", bound=Decimal("0.09"))], TODAY, exact=[differs]).exact[0].accepted


def test_a_finding_that_is_only_shown_needs_no_entry() -> None:
    taken = entry(measure="queries", bound=Decimal(9))
    found = accept([taken], TODAY, exact=[exact(blocking=False), exact(worse=False)])
    assert [each.accepted for each in found.exact] == [None, None]
    assert found.entries[0].covers == ()


def loosening(**changes) -> Loosening:
    return Loosening(
        **{"objective": "orders", "route": ROUTE, "kind": "latency", "by": Decimal("0.2"), "what": "raised"} | changes
    )


@pytest.mark.parametrize(
    ("changes", "taken", "covered"),
    [
        ({}, {"bound": Decimal("0.2")}, True),
        ({}, {"bound": Decimal("0.19")}, False),
        ({"by": Decimal(1)}, {"bound": Decimal(1)}, True),
        ({}, {"route": "GET /other"}, False),
        ({}, {"measure": "queries"}, False),
        ({"route": None}, {}, False),
        ({"route": None}, {"route": "*"}, True),
        ({"route": None, "kind": None}, {"route": "*", "measure": "queries"}, True),
        ({}, {"route": "*"}, False),
        ({"kind": "vital", "route": "/dashboard"}, {"route": "*", "measure": "vital"}, True),
    ],
)
def test_a_loosened_objective_is_covered_by_an_entry_of_its_route_and_measure(changes, taken, covered) -> None:
    found = accept([entry(**taken)], TODAY, loosened=[loosening(**changes)])
    assert (found.loosened[0].accepted is not None) is covered
    assert found.entries[0].covers == (("orders",) if covered else ())


def test_an_objectives_file_can_name_what_concerns_no_single_route_and_bytes() -> None:
    entries = "{route: '*', measure: bytes, bound: 1, until: 2030-01-31, why: images}"
    file = tailgate_slo.parse((latency() + gate(f"accept: [{entries}]")).encode(), "slo.yaml")
    (found,) = file.gate("load").accept
    assert (found.route, found.measure) == ("*", "bytes")


def test_a_route_with_a_star_in_it_is_still_no_route_without_a_method() -> None:
    text = latency() + gate("accept: [{route: '**', measure: latency, bound: 1, until: 2030-01-31, why: x}]")
    with pytest.raises(tailgate_slo.SloError, match="not a route"):
        tailgate_slo.parse(text.encode(), "slo.yaml")
