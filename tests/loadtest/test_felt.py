"""What browsers measured beside a load, among the findings of its run."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tailgate_loadtest.browser.recording import Recording, Visit
from tailgate_loadtest.errors import BundleError
from tailgate_loadtest.judge.document import VerdictDocument
from tailgate_loadtest.judge.felt import judged_visits
from tailgate_loadtest.judge.verdict import judge_bundle
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import StageRecord
from tailgate_slo import Objectives

from tests.loadtest.conftest import intervals, objectives
from tests.loadtest.vitals.made import account, failed, visits

LOADED = intervals("GET /a", Kind.RESPONSE, 0.1, [10] * 30)
SLOW = intervals("GET /a", Kind.RESPONSE, 0.9, [10] * 30)
LATENCY = ("latency", "measure: latency, route: GET /a, threshold: 500ms", "0.95")
LCP = ("lcp", "measure: vital, vital: lcp, route: /dashboard, threshold: 2s", "0.75")
PANELS = ("panels", "measure: vital, timing: panels_complete, route: /dashboard, threshold: 2s", "0.75")
INBOX = ("inbox", "measure: vital, vital: lcp, route: /inbox, threshold: 2s", "0.75")

Visited = Callable[..., Bundle]


@pytest.fixture
def visited(bundle: Callable[..., Bundle]) -> Visited:
    """Writes a bundle of a load and of visits beside it."""

    def visited(made: Sequence[Visit], found: Sequence[Any] = LOADED, **changes: Any) -> Bundle:
        told = changes.pop("account", {})
        written = bundle(found, browsers=account(made, **told), **changes)
        with Recording(written.path) as recording:
            for each in made:
                recording.write(each)
        return written

    return visited


def outcomes(verdict: VerdictDocument) -> dict[str, str]:
    return {finding.name: finding.verdict for finding in verdict.objectives}


def asked(*rows: tuple[str, str, str]) -> Objectives:
    return objectives(*rows)


def test_objectives_of_visited_pages_are_judged_beside_the_others(visited: Visited):
    verdict = judge_bundle(
        visited(visits(20, timings={"panels_complete": 1.2}, began=12.0)), asked(LATENCY, LCP, PANELS)
    )
    assert outcomes(verdict) == {"latency": "pass", "lcp": "pass", "panels": "pass"}
    assert (verdict.verdict, verdict.exit_code, verdict.score, verdict.skipped) == ("pass", 0, 100, ())
    lcp, panels = verdict.objectives[1:]
    assert (lcp.measure, lcp.route, lcp.unit, lcp.vital, lcp.timing) == ("vital", "/dashboard", "seconds", "lcp", None)
    assert (lcp.samples, lcp.number, lcp.threshold, lcp.target) == (20, 1.0, 2.0, 0.75)
    assert (panels.vital, panels.timing, panels.number) == (None, "panels_complete", 1.2)


def test_a_page_that_is_too_slow_fails_the_run_and_is_named_with_its_percentile(visited: Visited):
    verdict = judge_bundle(visited(visits(20, lcp=3.0)), asked(LATENCY, LCP))
    assert (verdict.verdict, verdict.exit_code) == ("fail", 1)
    assert verdict.reasons[0].startswith("lcp: p75 is 3000 ms [3000 ms, 3000 ms]; 20 of 20 visits were bad")


def test_each_lane_keeps_an_objective_by_itself(visited: Visited):
    made = [*visits(20), *visits(20, start=21, lane="phone 4g cpu/4", lcp=3.0)]
    verdict = judge_bundle(visited(made), asked(LCP))
    (finding,) = verdict.objectives
    assert finding.verdict == "fail"
    assert [(lane.lane, lane.verdict) for lane in finding.lanes] == [("phone 4g cpu/4", "fail"), ("desktop", "pass")]
    assert (finding.number, finding.samples) == (3.0, 20)
    assert "phone 4g cpu/4" in finding.why


def test_objectives_of_pages_that_nobody_visited_are_left_out(visited: Visited):
    verdict = judge_bundle(visited(visits(20)), asked(LATENCY, LCP, INBOX))
    assert outcomes(verdict) == {"latency": "pass", "lcp": "pass"}
    assert (verdict.verdict, verdict.skipped) == ("pass", ("inbox",))


def test_a_run_without_browsers_leaves_vitals_out_as_ever(bundle):
    verdict = judge_bundle(bundle(LOADED), asked(LATENCY, LCP))
    assert (verdict.verdict, verdict.skipped) == ("pass", ("lcp",))


def test_too_few_visits_decide_nothing(visited: Visited):
    verdict = judge_bundle(visited(visits(5)), asked(LATENCY, LCP))
    assert (verdict.verdict, verdict.exit_code) == ("inconclusive", 3)
    assert "at least 11 visits are needed" in verdict.reasons[0]


def test_visits_that_began_while_the_load_warmed_up_are_kept_and_not_judged(visited: Visited):
    made = [*visits(10, began=2.0, lcp=9.0), *visits(20, start=11, began=8.0)]
    written = visited(made, measured_from=5.0)
    assert len(judged_visits(written, written.read_run())) == 20
    verdict = judge_bundle(written, asked(LCP))
    assert (verdict.verdict, verdict.objectives[0].samples) == ("pass", 20)


def test_visits_that_never_came_to_a_page_let_nothing_pass(visited: Visited):
    verdict = judge_bundle(visited(failed(6, page=None, why="login: nobody knows the key")), asked(LATENCY, LCP))
    assert (verdict.verdict, verdict.exit_code) == ("inconclusive", 3)
    assert "login: nobody knows the key" in verdict.reasons[0]


def test_browsers_that_died_decide_nothing_and_come_before_a_miss(visited: Visited):
    made = visited(visits(20), SLOW, account={"died": "it was killed"})
    verdict = judge_bundle(made, asked(LATENCY, LCP))
    assert (verdict.verdict, verdict.exit_code) == ("inconclusive", 3)
    assert "it was killed" in verdict.reasons[0]


def test_an_interrupted_run_is_that_whatever_its_visits_were(visited: Visited):
    made = visited(visits(3), account={"interrupted": "SIGINT", "cut": 1}, interrupted="SIGINT")
    verdict = judge_bundle(made, asked(LATENCY, LCP))
    assert (verdict.verdict, verdict.exit_code) == ("interrupted", 130)


def test_without_objectives_a_failed_visit_fails_a_run_as_a_failed_request_does(visited: Visited):
    assert judge_bundle(visited(visits(4)), None).verdict == "unjudged"
    verdict = judge_bundle(visited([*visits(4), *failed(1, start=5)], path="failed"), None)
    assert (verdict.verdict, verdict.exit_code) == ("fail", 1)
    assert verdict.reasons == ("1 of 5 visits failed; no objectives were given to judge by",)


def test_a_search_for_the_highest_rate_judges_no_visits(visited: Visited):
    steps = {"steps": True, "stages": [StageRecord(duration=30, start=10, end=10)]}
    verdict = judge_bundle(visited(visits(20, lcp=9.0), plan=steps), asked(LATENCY, LCP))
    assert (verdict.verdict, verdict.rate_held, verdict.skipped) == ("pass", 10, ("lcp",))


def test_the_same_bundle_gives_the_same_verdict(visited: Visited):
    made = visited([*visits(20), *failed(2, start=21)])
    judge_bundle(made, asked(LATENCY, LCP))
    first = (made.path / "verdict.json").read_bytes()
    judge_bundle(made, asked(LATENCY, LCP))
    assert (made.path / "verdict.json").read_bytes() == first


def test_a_run_says_in_its_own_file_what_its_browsers_did_and_older_files_need_not(visited: Visited):
    made = visited(visits(3))
    assert made.read_run().browsers == account(visits(3))
    raw = json.loads((made.path / "run.json").read_text())
    del raw["browsers"]
    made.write_json("run.json", raw)
    assert made.read_run().browsers is None


def test_visits_that_are_gone_from_a_bundle_are_an_error_that_names_the_file(visited: Visited):
    made = visited(visits(3))
    made.visits.unlink()
    with pytest.raises(BundleError, match=r"visits\.jsonl: cannot be read"):
        judge_bundle(made, asked(LCP))
