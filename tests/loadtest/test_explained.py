"""What got worse comes with why: of queries that were counted alone, too."""

import pytest
from tailgate_loadtest.judge.regression.why.explained import Sides, explained

from tests.loadtest.comparisons import cell, exact
from tests.loadtest.test_why import BASE, SAID_CONTACT, many, parts, side

ROUTE = "GET /a"
ALL = f"all {SAID_CONTACT} (N+1)"
TIMES = {"messages": 15.0, "contact": 20.0, "pool": 1.0, "application": 5.0}


def known() -> Sides:
    base = side(BASE.splits and BASE.splits.p95, BASE.traces, queries=2.0)
    candidate = side(parts(database=35, pool=1, application=5, network=1), many(**TIMES, times=6), queries=7.0)
    return {ROUTE: base}, {ROUTE: candidate}


def test_a_route_whose_queries_alone_are_more_is_told_with_their_statement():
    finding = exact(route=ROUTE)
    _, (told,) = explained((), (finding,), known)
    assert told == finding.model_copy(update={"causes": (f"5 more queries a request (2 → 7), {ALL}",)})


def test_where_a_time_got_worse_as_well_its_causes_name_them_and_nothing_is_said_twice():
    finding = exact(route=ROUTE)
    (worse,), exacts = explained((cell(ROUTE, "p95", 0.38, 0.06),), (finding,), known)
    assert any(cause.endswith(ALL) for cause in worse.causes)
    assert exacts == (finding,)


@pytest.mark.parametrize("finding", [exact(worse=False), exact(measure="bytes")])
def test_where_nothing_got_worse_that_traces_know_of_none_are_read(finding):
    def unread() -> Sides:
        raise AssertionError("it was read")

    same = (cell(ROUTE, "p95", 0.0, 0.02),)
    assert explained(same, (finding,), unread) == (same, (finding,))


def test_a_route_of_which_one_side_knows_nothing_stays_as_it_is():
    worse, counted = (cell(ROUTE, "p95", 0.38, 0.06),), (exact(route="GET /b"),)
    assert explained(worse, counted, lambda: ({}, known()[1])) == (worse, counted)
