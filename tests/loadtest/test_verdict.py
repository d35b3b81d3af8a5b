"""What a bundle's findings come to, in the order of the exit codes."""

import re

import pytest
from tailgate_loadtest.errors import BundleError
from tailgate_loadtest.judge.verdict import judge_bundle, read_verdict
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run.document import Generator, StageRecord

from tests.loadtest.conftest import counters, intervals, metrics, objectives

LATENCY = ("latency", "measure: latency, route: GET /a, threshold: 500ms", "0.95")
UP = ("up", "measure: availability", "0.95")
QUERIES = ("queries", "measure: queries, route: GET /a, threshold: 4", "0.99")
OTHER = ("other", "measure: latency, route: GET /ab, threshold: 500ms", "0.95")

GOOD = intervals("GET /a", Kind.RESPONSE, 0.1, [10] * 30)
SLOW = intervals("GET /a", Kind.RESPONSE, 0.9, [10] * 30)
FAILING = intervals("GET /a", Kind.FAILED, 0.1, [5] * 30)
SOME_SLOW = [*GOOD, *intervals("GET /a", Kind.RESPONSE, 0.9, [1, 0] * 10)]


def test_a_run_that_keeps_every_objective_passes(bundle):
    verdict = judge_bundle(bundle(GOOD), objectives(LATENCY, UP))
    assert (verdict.verdict, verdict.exit_code, verdict.score) == ("pass", 0, 100)
    assert [f.name for f in verdict.objectives] == ["latency", "up"]
    assert verdict.reasons == ("all 2 objectives are kept",)


def test_a_clear_miss_fails_and_is_named(bundle):
    verdict = judge_bundle(bundle(SLOW), objectives(UP, LATENCY))
    assert (verdict.verdict, verdict.exit_code) == ("fail", 1)
    assert len(verdict.reasons) == 1
    named = r"latency: p\d+ is [\d.]+ ms \[[\d.]+ ms, [\d.]+ ms\]; 300 of 300 requests were bad: "
    assert re.match(named, verdict.reasons[0])
    assert verdict.score == 50


def test_an_undecided_objective_makes_the_run_inconclusive(bundle):
    verdict = judge_bundle(bundle(SOME_SLOW), objectives(LATENCY, UP))
    assert (verdict.verdict, verdict.exit_code) == ("inconclusive", 3)
    assert verdict.reasons[0].startswith("latency: ")


def test_a_miss_comes_before_what_is_undecided(bundle):
    verdict = judge_bundle(bundle([*SOME_SLOW, *FAILING]), objectives(("close", LATENCY[1], "0.66"), UP))
    assert {f.name: f.verdict for f in verdict.objectives} == {"close": "inconclusive", "up": "fail"}
    assert verdict.exit_code == 1


def test_too_few_samples_are_inconclusive(bundle):
    verdict = judge_bundle(bundle(GOOD), objectives(LATENCY, gate="minimumSamples: 301"))
    assert verdict.exit_code == 3
    assert "300 samples; the gate asks for at least 301" in verdict.reasons[0]


def test_a_route_that_got_no_requests_comes_before_a_miss(bundle):
    verdict = judge_bundle(bundle(SLOW), objectives(LATENCY, OTHER))
    assert (verdict.verdict, verdict.exit_code) == ("inconclusive", 3)
    assert verdict.reasons == ("other: no request to GET /ab was measured; did you mean GET /a?",)


def test_a_route_whose_requests_all_hung_hides_no_miss(bundle):
    other = ("queries", "measure: queries, route: GET /b, threshold: 4", "0.99")
    counted = counters(start=metrics({"GET /a": {2: 5}}), end=metrics({"GET /a": {2: 300}}))
    verdict = judge_bundle(
        bundle([*SLOW, *intervals("GET /b", Kind.CENSORED, 30.0, [5])], counted), objectives(LATENCY, other)
    )
    assert {f.name: f.verdict for f in verdict.objectives} == {"latency": "fail", "queries": "inconclusive"}
    assert verdict.exit_code == 1


def test_an_unhealthy_generator_comes_before_a_miss(bundle):
    verdict = judge_bundle(bundle(SLOW, generator=Generator(reasons=("it was late",))), objectives(LATENCY))
    assert (verdict.verdict, verdict.exit_code, verdict.reasons) == ("inconclusive", 3, ("it was late",))


@pytest.mark.parametrize(("signal", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_an_interruption_comes_before_all(bundle, signal, code):
    made = bundle(SLOW, generator=Generator(reasons=("it was late",)), interrupted=signal)
    verdict = judge_bundle(made, objectives(LATENCY, OTHER))
    assert (verdict.verdict, verdict.exit_code) == ("interrupted", code)
    assert signal in verdict.reasons[0]


def test_lost_counters_leave_queries_undecided_and_a_miss_is_still_a_miss(bundle):
    lost = counters(start=metrics({"GET /a": {2: 5}}))
    verdict = judge_bundle(bundle([*GOOD, *FAILING], lost), objectives(QUERIES, UP))
    assert {f.name: f.verdict for f in verdict.objectives} == {"queries": "inconclusive", "up": "fail"}
    assert verdict.exit_code == 1
    alone = judge_bundle(bundle(GOOD, lost, "again"), objectives(QUERIES, UP))
    assert alone.exit_code == 3
    assert "could not be read at the end" in alone.reasons[0]


def test_no_counters_say_how_to_get_them(bundle):
    assert "give its metrics page by --metrics" in judge_bundle(bundle(GOOD), objectives(QUERIES)).reasons[0]
    silent = bundle(GOOD, counters(start="", end=""), "silent")
    assert "counts no queries per request" in judge_bundle(silent, objectives(QUERIES)).reasons[0]


def test_queries_are_judged_over_the_measured_part(bundle):
    server = counters(
        start=metrics({"GET /a": {9: 1}}),
        measured=metrics({"GET /a": {9: 50}}),
        end=metrics({"GET /a": {9: 50, 3: 300}}),
    )
    verdict = judge_bundle(bundle(GOOD, server), objectives(QUERIES))
    assert (verdict.exit_code, verdict.objectives[0].samples, verdict.objectives[0].bad) == (0, 300, 0)


def test_counters_that_began_anew_count_from_there(bundle):
    server = counters(start=metrics({"GET /a": {9: 500}}), end=metrics({"GET /a": {3: 200}}))
    finding = judge_bundle(bundle(GOOD, server), objectives(QUERIES)).objectives[0]
    assert (finding.verdict, finding.samples, finding.bad) == ("pass", 200, 0)


def test_without_objectives_a_failed_request_alone_fails_a_run(bundle):
    clean = judge_bundle(bundle(SLOW), None)
    assert (clean.verdict, clean.exit_code, clean.score, clean.slo) == ("unjudged", 0, None, None)
    for n, kind in enumerate((Kind.FAILED, Kind.CENSORED)):
        one = judge_bundle(bundle([*GOOD, *intervals("GET /a", kind, 0.1, [1])], path=f"{n}"), None)
        assert (one.verdict, one.exit_code) == ("fail", 1)
        assert one.reasons[0].startswith("1 of 301 requests failed")


def test_arrivals_that_nobody_can_charge_to_a_route_let_nothing_pass(bundle):
    for n, known in enumerate((None, objectives(UP))):
        verdict = judge_bundle(bundle(GOOD, arrivals={"uncharged": 40}, path=f"{n}"), known)
        assert (verdict.verdict, verdict.exit_code) == ("inconclusive", 3)
        assert verdict.reasons[0].startswith("40 of 300 arrivals never came to a request")


def test_a_task_that_raised_lets_nothing_pass(bundle):
    raised = {"exceptions": {"KeyError": 7}}
    judged = judge_bundle(bundle(GOOD, **raised, path="judged"), objectives(UP))
    assert (judged.verdict, judged.exit_code) == ("inconclusive", 3)
    assert "KeyError 7 times" in judged.reasons[0]
    unjudged = judge_bundle(bundle(GOOD, **raised, path="unjudged"), None)
    assert (unjudged.verdict, unjudged.exit_code) == ("fail", 1)


@pytest.mark.parametrize("known", [None, objectives(UP)])
def test_a_run_without_a_request_is_inconclusive(bundle, known):
    assert judge_bundle(bundle([]), known).exit_code == 3


def test_objectives_that_no_run_can_answer_are_no_pass(bundle):
    verdict = judge_bundle(bundle(GOOD), objectives(("lcp", "measure: vital, vital: lcp, threshold: 2s", "0.75")))
    assert (verdict.exit_code, verdict.skipped) == (3, ("lcp",))


def test_requests_due_while_the_load_drains_are_judged(bundle):
    """An arrival at the end has later requests, and it would not do to look away from these."""
    late = intervals("GET /a", Kind.CENSORED, 5.0, [200], start=31)
    verdict = judge_bundle(bundle([*GOOD, *late], seconds=36.0), objectives(LATENCY))
    assert (verdict.exit_code, verdict.objectives[0].samples, verdict.objectives[0].bad) == (1, 500, 200)


def stairs(bundle, *seconds: float, late=(), **changes):
    """A staircase of 10 s at 10/s, 20/s and so on, each step as slow as given; then 5 s of drain."""
    found = [
        each
        for n, slow in enumerate(seconds)
        for each in intervals("GET /a", Kind.RESPONSE, slow, [10 * (n + 1)] * 10, start=5 + 10 * n)
    ]
    stages = [StageRecord(duration=10, start=10 * (n + 1), end=10 * (n + 1)) for n in range(len(seconds))]
    length = 5.0 + 10 * len(seconds)
    changes = {"measured_from": 5.0, "measured_to": length, "seconds": length + 5, **changes}
    return bundle([*found, *late], plan={"steps": True, "stages": stages, "warmup": 5}, **changes)


def test_a_staircase_tells_the_highest_rate_held(bundle):
    verdict = judge_bundle(stairs(bundle, 0.1, 0.1, 0.1, 0.9, 0.1), objectives(LATENCY, UP))
    assert (verdict.verdict, verdict.exit_code, verdict.rate_held) == ("pass", 0, 30)
    assert [(s.rate, s.verdict) for s in verdict.steps] == [(10, "pass"), (20, "pass"), (30, "pass"), (40, "fail")]
    assert verdict.steps[3].why == "latency"
    assert verdict.objectives[0].samples == 300


def test_a_staircase_whose_first_step_breaks_fails(bundle):
    verdict = judge_bundle(stairs(bundle, 0.9, 0.9), objectives(LATENCY))
    assert (verdict.exit_code, verdict.rate_held, len(verdict.steps)) == (1, None, 1)


def test_a_staircase_that_nothing_decides_is_inconclusive(bundle):
    verdict = judge_bundle(stairs(bundle, 0.1, 0.1), objectives(LATENCY, gate="minimumSamples: 1000"))
    assert (verdict.exit_code, verdict.rate_held) == (3, None)
    assert [s.verdict for s in verdict.steps] == ["inconclusive", "inconclusive"]


def test_a_step_that_was_hardly_begun_is_no_step(bundle):
    verdict = judge_bundle(stairs(bundle, 0.1, 0.1, measured_to=18.0, seconds=18.0), objectives(LATENCY))
    assert [s.rate for s in verdict.steps] == [10]


def test_the_last_step_keeps_what_was_due_while_it_drained(bundle):
    late = intervals("GET /a", Kind.CENSORED, 5.0, [200], start=27)
    made = stairs(bundle, 0.1, 0.1, late=late, seconds=35.0)
    verdict = judge_bundle(made, objectives(LATENCY))
    assert [s.verdict for s in verdict.steps] == ["pass", "fail"]


def test_the_same_bundle_is_judged_the_same_to_the_byte(bundle):
    made = bundle(SOME_SLOW, counters(start=metrics({}), end=metrics({"GET /a": {3: 300}})))
    judge_bundle(made, objectives(LATENCY, UP, QUERIES))
    first = (made.path / "verdict.json").read_bytes()
    judge_bundle(made, objectives(LATENCY, UP, QUERIES))
    assert (made.path / "verdict.json").read_bytes() == first
    assert read_verdict(made).exit_code == 3


@pytest.mark.row("C11")
def test_weights_move_the_score_and_not_the_verdict(bundle):
    known = objectives(LATENCY, UP, gate="weights: {up: 3}, keys: [up], minimumSamples: 100")
    verdict = judge_bundle(bundle(SLOW), known)
    assert (verdict.score, verdict.exit_code) == (75, 1)
    assert [(f.weight, f.key) for f in verdict.objectives] == [(1, False), (3, True)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("run.json", "{", "is not JSON"),
        ("run.json", "[" * 100_000, "is not JSON"),
        ("run.json", '{"schema": "tailgate/run/v2"}', "'tailgate/run/v2': written by a newer tailgate"),
        ("run.json", '{"schema": "tailgate/run/v1"}', "run.json: id: Field required"),
        ("server.json", '{"schema": 5}', "has schema 5: not a tailgate/server/v1 document"),
        ("server.json", '{"schema": "tailgate/server/v1", "start": {}, "end": {"samples": 1}}', "a sample is damaged"),
        ("latency.hlog", "Tag=", "latency.hlog:1: "),
    ],
)
def test_a_damaged_bundle_is_refused_by_the_name_of_the_file(bundle, name, content, message):
    made = bundle(GOOD)
    (made.path / name).write_text(content)
    with pytest.raises(BundleError, match=message):
        judge_bundle(made, objectives(LATENCY, QUERIES))


@pytest.mark.parametrize("kind", [Kind.RESPONSE, Kind.FAILED, Kind.CENSORED, Kind.LOST])
def test_a_log_that_was_cut_short_between_two_lines_is_not_judged_by_what_is_left(bundle, kind):
    made = bundle([*GOOD, *intervals("GET /a", kind, 0.1, [7], start=30)])
    lines = made.log.read_text().splitlines(keepends=True)
    made.log.write_text("".join(lines[:-1]))
    with pytest.raises(BundleError, match=r"latency\.hlog: has 300 requests to GET /a, and run\.json 307"):
        judge_bundle(made, objectives(LATENCY, UP))


def test_a_damaged_verdict_is_refused(bundle):
    made = bundle(GOOD)
    with pytest.raises(BundleError, match=r"verdict.json: cannot be read"):
        read_verdict(made)
    judge_bundle(made, None)
    (made.path / "verdict.json").write_text('{"schema": "tailgate/verdict/v1", "run": 5}')
    with pytest.raises(BundleError, match="judge it again"):
        read_verdict(made)
