"""Two probes are compared request for request: what differs because of a change stops it, and chance does not."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.judge.regression.document import ExactFinding
from tailgate_loadtest.judge.regression.exact.counted import under_load
from tailgate_loadtest.judge.regression.exact.probed import compare
from tailgate_loadtest.measure.probe import PHASES, Account, Answered, BrokenOff, Phase, Probe
from tailgate_loadtest.run.server import QueryCounts

Change = Callable[[Answered, int], Answered | None]
"""What becomes of an answer, which is the so-manieth of its iteration; None: it was never asked for."""

ITERATIONS = 12
ROUTES = ("GET /list", "GET /one")


def probe(change: Change = lambda answer, _: answer, *, broken: Iterable[int] = (), **account: Any) -> Probe:
    """Twelve iterations of a list and one of it, twice over."""
    asked = [
        Answered(
            phase=phase,
            iteration=iteration,
            persona="Ada",
            route=route,
            status=200,
            wire=400 + iteration,
            body=2000 + 10 * iteration,
            encoding="br",
            queries=2,
            round_trips=3,
        )
        for phase in PHASES
        for iteration in range(ITERATIONS)
        for route in ROUTES
    ]
    changed = [change(answer, ROUTES.index(answer.route)) for answer in asked]
    return Probe(
        answers=tuple(answer for answer in changed if answer is not None),
        broken=tuple(
            BrokenOff(phase=phase, iteration=iteration, persona="Ada", broken_off="KeyError")
            for phase in PHASES
            for iteration in broken
        ),
        account=Account(**{"iterations": ITERATIONS, "cut_short": None, **account}),
    )


def one(change: Callable[[Answered], dict[str, Any]], of: Callable[[Answered], bool] = lambda _: True) -> Change:
    """Only the answers of ``GET /one`` are changed, and of these the ones that are meant."""
    return lambda answer, number: replace(answer, **change(answer)) if number == 1 and of(answer) else answer


def brief(finding: ExactFinding) -> tuple[Any, ...]:
    return (finding.route, finding.measure, finding.phase, finding.requests, finding.worse, finding.blocking)


def findings(change: Change, **more: Any) -> list[tuple[Any, ...]]:
    return [brief(finding) for finding in compare(probe(), probe(change), **more).findings]


def test_the_same_answers_leave_nothing_to_say():
    compared = compare(probe(), probe())
    assert (compared.findings, compared.remarks, compared.reasons) == ((), (), ())


def test_one_more_query_stops_the_change_and_is_told_once():
    more = one(lambda answer: {"queries": answer.queries + 1, "round_trips": answer.round_trips + 1})
    [finding] = compare(probe(), probe(more)).findings
    assert brief(finding) == ("GET /one", "queries", "warm", 12, True, True)
    assert (finding.base, finding.candidate, finding.of) == (2, 3, 12)
    assert finding.why == "3 instead of 2, as well when first asked"


def test_fewer_queries_are_shown_and_stop_nothing():
    fewer = one(lambda answer: {"queries": 1, "round_trips": 2})
    assert findings(fewer) == [("GET /one", "queries", "warm", 12, False, False)]


def test_more_round_trips_than_queries_explain_stop_the_change_by_themselves():
    assert findings(one(lambda _: {"round_trips": 5})) == [("GET /one", "round_trips", "warm", 12, True, True)]
    told = findings(one(lambda _: {"queries": 3, "round_trips": 6}))
    assert {finding[1] for finding in told} == {"queries", "round_trips"}


def test_one_more_query_of_a_single_parameter_stops_the_change_when_it_comes_again():
    more = one(lambda _: {"queries": 3}, lambda answer: answer.iteration == 7)
    assert findings(more) == [("GET /one", "queries", "warm", 1, True, True)]


@pytest.mark.parametrize("phase", PHASES)
def test_one_more_query_that_comes_but_once_is_shown_and_may_be_chance(phase: Phase):
    more = one(lambda _: {"queries": 3}, lambda answer: (answer.iteration, answer.phase) == (7, phase))
    [finding] = compare(probe(), probe(more)).findings
    assert brief(finding) == ("GET /one", "queries", phase, 1, True, False)
    assert "may be chance" in finding.why


def test_more_queries_of_most_requests_stop_the_change_though_they_come_in_one_phase_only():
    more = one(lambda _: {"queries": 3}, lambda answer: answer.phase == "cold" and answer.iteration % 2 == 0)
    assert findings(more) == [("GET /one", "queries", "cold", 6, True, True)]


def test_queries_that_move_from_one_request_to_another_are_not_worse():
    moved = one(
        lambda answer: {"queries": 3 if answer.iteration == 4 else 1}, lambda answer: answer.iteration in (4, 5)
    )
    assert findings(moved) == [("GET /one", "queries", "warm", 2, False, False)]


def test_a_failure_that_was_none_stops_the_change_and_nothing_else_is_said_of_it():
    failing = one(lambda _: {"status": 500, "error": "HTTP 500", "queries": 9, "wire": 9, "body": 9, "encoding": None})
    [finding] = compare(probe(), probe(failing)).findings
    assert brief(finding) == ("GET /one", "status", "warm", 12, True, True)
    assert (finding.base, finding.candidate) == (200, 500)
    assert finding.why.startswith("HTTP 500 instead of HTTP 200")


def test_a_status_of_400_is_a_failure_though_the_locustfile_likes_it():
    assert findings(one(lambda _: {"status": 404})) == [("GET /one", "status", "warm", 12, True, True)]


def test_what_the_locustfile_marks_as_failed_is_a_failure_whatever_its_status():
    marked = "marked as failed by the locustfile"
    [finding] = compare(probe(), probe(one(lambda _: {"error": marked}))).findings
    assert finding.blocking
    assert finding.why.startswith(f"{marked} instead of HTTP 200")


def test_no_answer_at_all_is_a_status_of_0():
    none = one(lambda _: {"status": None, "error": "TimedOut", "wire": None, "body": None})
    [finding] = compare(probe(), probe(none)).findings
    assert (finding.base, finding.candidate, finding.blocking) == (200, 0, True)


def test_another_status_that_is_no_failure_is_shown():
    assert findings(one(lambda _: {"status": 204})) == [("GET /one", "status", "warm", 12, False, False)]


def test_a_failure_that_is_gone_is_better():
    failing = probe(one(lambda _: {"status": 500, "error": "HTTP 500"}))
    assert [brief(each) for each in compare(failing, probe()).findings] == [
        ("GET /one", "status", "warm", 12, False, False)
    ]


def test_one_failure_in_the_place_of_another_is_shown():
    failing, other = (probe(one(lambda _, code=code: {"status": code, "error": f"HTTP {code}"})) for code in (500, 503))
    assert [brief(each) for each in compare(failing, other).findings] == [
        ("GET /one", "status", "warm", 12, False, False)
    ]


def test_a_failure_that_comes_but_once_is_shown():
    failing = one(
        lambda _: {"status": 503, "error": "HTTP 503"}, lambda each: (each.phase, each.iteration) == ("warm", 3)
    )
    assert findings(failing) == [("GET /one", "status", "warm", 1, True, False)]


@given(st.lists(st.integers(-16, 16), min_size=24, max_size=24))
def test_a_few_bytes_more_or_less_are_nothing(changes):
    scatter = iter(changes)

    def change(answer: Answered) -> dict[str, Any]:
        by = next(scatter)
        return {"body": answer.body + by, "wire": answer.wire + by}

    assert findings(one(change)) == []


def test_larger_answers_stop_the_change_beyond_the_tolerance_and_are_shown_within_it():
    [finding] = compare(probe(), probe(one(lambda answer: {"body": answer.body + 200}))).findings
    assert brief(finding) == ("GET /one", "bytes", "warm", 12, True, True)
    assert finding.why.startswith("2255 bytes before they are compressed instead of 2055, in the mean")
    [finding] = compare(probe(), probe(one(lambda answer: {"body": answer.body + 40}))).findings
    assert brief(finding) == ("GET /one", "bytes", "warm", 12, True, False)
    assert "up to 5% more is tolerated" in finding.why
    [finding] = compare(probe(), probe(one(lambda answer: {"body": answer.body + 200})), tolerance=0.2).findings
    assert not finding.blocking


def test_answers_that_are_no_longer_compressed_stop_the_change():
    plain = one(lambda answer: {"wire": answer.body, "encoding": None})
    [finding] = compare(probe(), probe(plain)).findings
    assert brief(finding) == ("GET /one", "bytes", "warm", 12, True, True)
    assert "not compressed instead of br" in finding.why
    assert (finding.base, finding.candidate) == (405.5, 2055)


def test_smaller_answers_are_better():
    assert findings(one(lambda answer: {"body": answer.body // 2, "wire": answer.wire // 2})) == [
        ("GET /one", "bytes", "warm", 12, False, False)
    ]


@pytest.mark.parametrize("phase", PHASES)
def test_bytes_of_one_phase_only_are_not_even_shown(phase: Phase):
    assert findings(one(lambda _: {"body": 9000}, lambda answer: answer.phase == phase)) == []


def test_bytes_of_one_request_among_many_are_not_shown_even_if_they_come_again():
    assert findings(one(lambda _: {"body": 9000}, lambda answer: answer.iteration == 7)) == []
    several = one(lambda _: {"body": 9000}, lambda answer: answer.iteration in (7, 8))
    assert findings(several) == [("GET /one", "bytes", "warm", 2, True, False)]


def test_services_that_tell_no_queries_are_compared_by_the_rest_and_that_is_said_once():
    def silent(answer: Answered, _: int) -> Answered:
        return replace(answer, queries=None, round_trips=None)

    both = compare(probe(silent), probe(silent))
    assert (both.findings, both.reasons) == ((), ())
    assert [remark.partition(" by ")[0] for remark in both.remarks] == ["neither service tells"]
    [remark] = compare(probe(), probe(silent)).remarks
    assert remark.startswith("the candidate does not tell")


SILENCES = {
    "everywhere": ({"queries": None, "round_trips": None}, ROUTES),
    "of one route": ({"queries": None, "round_trips": None}, ROUTES[1:]),
    "of queries": ({"queries": None}, ROUTES[1:]),
    "of round trips": ({"round_trips": None}, ROUTES[1:]),
}


@pytest.mark.parametrize("name", SILENCES)
def test_a_candidate_that_tells_no_more_what_the_base_tells_is_a_reason_not_to_pass(name: str):
    nothing, routes = SILENCES[name]
    silent = probe(lambda answer, _: replace(answer, **nothing) if answer.route in routes else answer)
    [reason] = compare(probe(), silent).reasons
    what = next(iter(nothing)).replace("_", " ")
    assert reason.startswith(f"the base tells by Server-Timing how many {what} a request makes, and the candidate does")
    assert f"any more, of {', '.join(routes)}: " in reason
    # What is told for the first time hides nothing, and what neither tells is no worse than before.
    assert compare(silent, probe()).reasons == compare(silent, silent).reasons == ()


def test_routes_that_fell_silent_are_named_as_far_as_one_reads():
    def many(answer: Answered, number: int) -> Answered:
        return replace(answer, route=f"GET /{answer.iteration % 6}") if number == 1 else answer

    def silent(answer: Answered, number: int) -> Answered:
        return replace(many(answer, number), queries=None)

    [reason] = compare(probe(many), probe(silent)).reasons
    assert "of GET /0, GET /1, GET /2, GET /3 and 3 more routes: " in reason


@pytest.mark.parametrize("told", [("cold", 3), ("warm", 7)])
def test_a_candidate_that_tells_now_and_then_has_not_fallen_silent(told: tuple[Phase, int]):
    """An answer that comes out of a cache may say nothing of queries, and has none."""
    quiet = one(lambda _: {"queries": None, "round_trips": None}, lambda each: (each.phase, each.iteration) != told)
    assert compare(probe(), probe(quiet)).reasons == ()


def test_a_failure_that_tells_nothing_is_a_failure_and_no_silence():
    failing = one(lambda _: {"status": 500, "error": "HTTP 500", "queries": None, "round_trips": None})
    compared = compare(probe(), probe(failing))
    assert [each.measure for each in compared.findings] == ["status"]
    assert compared.reasons == ()


def test_where_other_requests_follow_the_rest_of_that_iteration_is_left_out_and_that_is_a_finding():
    def other(answer: Answered, number: int) -> Answered | None:
        return replace(answer, route="GET /none", queries=9) if number == 1 and answer.iteration == 3 else answer

    compared = compare(probe(), probe(other))
    [finding] = compared.findings
    assert brief(finding) == ("GET /one", "requests", "warm", 1, False, False)
    assert "other requests follow" in finding.why
    assert compared.remarks[0].startswith("4 requests of 2 iterations are not compared")


def test_what_a_status_explains_is_no_finding_of_its_own():
    def failing(answer: Answered, number: int) -> Answered | None:
        return None if number == 1 else replace(answer, status=500, error="HTTP 500")

    compared = compare(probe(), probe(failing))
    assert [brief(each) for each in compared.findings] == [("GET /list", "status", "warm", 12, True, True)]
    assert compared.remarks[0].startswith("24 requests of 24 iterations are not compared")


def test_an_iteration_that_only_the_candidate_breaks_off_stops_the_change():
    def shorter(answer: Answered, number: int) -> Answered | None:
        return None if number == 1 and answer.iteration in (2, 5) else answer

    [finding] = compare(probe(), probe(shorter, broken=(2, 5))).findings
    assert brief(finding) == ("GET /one", "requests", "warm", 2, True, True)
    assert finding.why.startswith("broken off: KeyError")
    assert (finding.base, finding.candidate) == (2, 1)


def test_an_iteration_broken_off_after_its_last_request_is_seen_too():
    [finding] = compare(probe(), probe(broken=(2,))).findings
    assert brief(finding) == ("GET /one", "requests", "warm", 1, True, True)


def test_what_both_sides_break_off_is_the_locustfile_s():
    assert compare(probe(broken=range(12)), probe(broken=range(12))).findings == ()


def test_sides_that_were_not_started_for_it_have_first_requests_and_bytes_only_shown():
    cold = one(lambda _: {"queries": 3}, lambda answer: answer.phase == "cold")
    assert findings(cold, fresh=False) == [("GET /one", "queries", "cold", 12, True, False)]
    assert findings(one(lambda _: {"queries": 3}), fresh=False) == [("GET /one", "queries", "warm", 12, True, True)]
    larger = one(lambda _: {"body": 9000})
    assert findings(larger, fresh=False) == [("GET /one", "bytes", "warm", 12, True, False)]
    [remark] = compare(probe(), probe(), fresh=False).remarks
    assert remark.startswith("what is called cold")


def test_sides_of_which_one_has_asked_more_are_compared_as_far_as_both_have():
    def early(answer: Answered, _: int) -> Answered | None:
        return answer if answer.iteration < 5 else None

    assert compare(probe(), probe(early, iterations=5)).findings == ()


@pytest.mark.parametrize("cut", ["base", "candidate"])
def test_a_probe_that_was_cut_short_is_a_reason_not_to_pass(cut: str):
    sides = {"base": probe(), "candidate": probe(), cut: probe(cut_short="it was told to stop")}
    assert compare(**sides).reasons == (f"the serial probe of the {cut} was cut short: it was told to stop",)


def test_probes_with_nothing_in_them_are_a_reason_not_to_pass():
    nothing = probe(lambda *_: None)
    assert compare(nothing, nothing).reasons == tuple(
        f"the serial probe of the {side} has no answer in it" for side in ("base", "candidate")
    )


def test_a_base_that_only_fails_is_nothing_to_compare_with():
    failing = probe(lambda answer, _: replace(answer, status=None, error="ConnectionRefused"))
    [reason] = compare(failing, failing).reasons
    assert reason.startswith("every request of the serial probe of the base failed")


def test_sides_that_were_asked_nothing_alike_are_a_reason_not_to_pass():
    other = probe(lambda answer, _: replace(answer, route="GET /other"))
    assert "nothing that is the same" in compare(probe(), other).reasons[0]


def test_what_stops_the_change_comes_first():
    def mixed(answer: Answered, number: int) -> Answered:
        return replace(answer, queries=1) if number == 0 else replace(answer, queries=3)

    assert [finding.blocking for finding in compare(probe(), probe(mixed)).findings] == [True, False]


def counts(*queries: int) -> QueryCounts:
    edges = {float(edge): sum(n <= edge for n in queries) for edge in range(10)}
    return QueryCounts(requests=len(queries), queries=sum(queries), at_most=edges)


def test_queries_under_load_are_shown_beyond_the_tolerance_and_stop_nothing():
    base = {"GET /a": counts(*[2] * 100), "GET /b": counts(*[2] * 100), "GET /c": counts(*[2] * 100)}
    candidate = {
        "GET /a": counts(*[3] * 90),
        "GET /b": counts(*[2] * 97, *[3] * 3),
        "GET /c": counts(*[2] * 60, *[3] * 40),
        "GET /new": counts(9),
    }
    found = under_load(base, candidate, 0.05)
    assert [(each.route, each.worse, each.blocking, each.phase) for each in found] == [
        ("GET /a", True, False, "load"),
        ("GET /c", False, False, "load"),
    ]
    assert (found[0].base, found[0].candidate, found[0].of) == (2, 3, 90)
