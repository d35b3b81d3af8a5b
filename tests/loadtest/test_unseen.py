"""What a comparison had no eyes for is told, and what it had eyes for is not."""

from collections.abc import Iterable

import pytest
from tailgate_loadtest.judge.regression.document import Cell
from tailgate_loadtest.judge.regression.unseen import unseen

from tests.loadtest.comparisons import cell, objective

BLIND = "not compared request for request, so one query more would not be seen: {}; give them more of the mix"


def cells(routes: Iterable[str]) -> list[Cell]:
    return [cell(route, measure) for route in routes for measure in ("p50", "failures")]


def test_of_what_was_asked_and_measured_nothing_is_told():
    assert unseen(cells(["GET /a", "GET /b"]), {"GET /a", "GET /b", "GET /c"}, [objective()]) == []


def test_each_route_that_was_not_asked_one_by_one_is_named_once():
    assert unseen(cells(["GET /b", "GET /a", "GET /c"]), {"GET /c"}, []) == [BLIND.format("GET /a, GET /b")]


def test_of_many_only_the_first_are_named():
    (said,) = unseen(cells(f"GET /{number}" for number in range(9)), (), [])
    assert said == BLIND.format(", ".join(f"GET /{number}" for number in range(6)) + " and 3 more")


@pytest.mark.parametrize("kind", ["WS", "SSE"])
def test_what_comes_over_a_stream_is_not_asked_and_that_it_is_opened_is(kind):
    told = unseen(cells([f"{kind} /live connect", f"{kind} /live delivery", f"{kind} /live close"]), (), [])
    assert told == [BLIND.format(f"{kind} /live connect")]


def test_objectives_of_which_nothing_was_measured_are_named():
    missing = [objective(name=name, verdict="inconclusive", missing=True) for name in ("cart", "basket")]
    assert unseen(cells(["GET /a"]), {"GET /a"}, [objective(), *missing]) == [
        "objectives of which nothing was measured: cart, basket; see whether a task asks for it"
    ]


def test_a_comparison_that_saw_nothing_says_so_by_itself():
    assert unseen([], (), [objective(missing=True)]) == []
