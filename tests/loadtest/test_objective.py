"""One objective against a stretch of a run."""

from decimal import Decimal

import pytest
from tailgate_loadtest.judge.document import Finding
from tailgate_loadtest.judge.objective import Evidence, judge
from tailgate_loadtest.measure.hlog import LatencyLog
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run.server import QueryCounts
from tailgate_slo import SLO, Gate

from tests.loadtest.conftest import intervals, objectives

FAST = "measure: latency, route: GET /a, threshold: 500ms"
UP = "measure: availability"
FEW = "measure: queries, route: GET /a, threshold: 4"


def found(measure, target, *parts, queries=None, minimum=100, end=60.0) -> Finding:
    """The finding on one objective over a minute of the parts."""
    known = objectives(("it", measure, target), gate=f"minimumSamples: {minimum}")
    log = LatencyLog(interval for part in parts for interval in part)
    evidence = Evidence(log=log, queries=queries or {}, queries_missing="nobody counted", start=0.0, end=end)
    finding = judge(known.slos[0], known.gate("any"), evidence)
    assert finding is not None
    return finding


def good(seconds=0.1, counts=(10,) * 60, route="GET /a"):
    return intervals(route, Kind.RESPONSE, seconds, counts)


def test_an_objective_is_kept_when_even_the_upper_bound_is_within():
    finding = found(FAST, "0.95", good(), good(0.9, [0] * 58 + [1, 1]))
    assert finding.verdict == "pass"
    assert (finding.samples, finding.bad) == (602, 2)
    assert finding.bad_low < finding.bad_share < finding.bad_high <= 0.05
    assert finding.low <= finding.number <= finding.high < 0.5
    assert finding.number == pytest.approx(0.1, rel=1e-3)
    assert finding.unit == "seconds"
    assert "2 of 602 requests" in finding.why


def test_an_objective_is_missed_when_even_the_lower_bound_is_beyond():
    finding = found(FAST, "0.95", good(counts=[8] * 60), good(0.9, [2] * 60))
    assert finding.verdict == "fail"
    assert finding.bad_low > 0.05
    assert 0.5 < finding.low <= finding.number
    assert not finding.missing


def test_an_objective_in_between_is_undecided_and_says_what_would_help():
    finding = found(FAST, "0.95", good(), good(0.9, [0, 1] * 16))
    assert finding.verdict == "inconclusive"
    assert finding.bad_low <= 0.05 < finding.bad_high
    assert finding.low <= 0.5 < finding.high
    assert "a longer run" in finding.why
    short = found(FAST, "0.95", good(counts=[1] * 58), minimum=1)
    assert short.verdict == "inconclusive"
    assert "at least 59 samples are needed" in short.why


def test_a_burst_leaves_undecided_what_the_same_number_spread_out_decides():
    spread = found(FAST, "0.95", good(), good(0.9, [1, 0, 0] * 6 + [0] * 42))
    burst = found(FAST, "0.95", good(), good(0.9, [6, 6, 6] + [0] * 57))
    assert spread.bad == 6
    assert spread.verdict == "pass"
    assert burst.verdict == "inconclusive"


def test_too_few_samples_decide_for_nobody_but_against():
    assert found(FAST, "0.95", good(counts=[1] * 99)).verdict == "inconclusive"
    assert "at least 100" in found(FAST, "0.95", good(counts=[1] * 60)).why
    assert found(FAST, "0.95", good(0.9, counts=[1] * 60)).verdict == "fail"


def test_requests_without_a_good_answer_are_bad_for_latency_and_availability():
    failed = intervals("GET /a", Kind.FAILED, 0.001, [1] * 60)
    hanging = intervals("GET /a", Kind.CENSORED, 7.0, [1] * 60)
    for measure in (FAST, UP):
        finding = found(measure, "0.9", good(), failed, hanging)
        assert (finding.samples, finding.bad, finding.verdict) == (720, 120, "fail")
    available = found(UP, "0.9", good(), failed, hanging)
    assert available.unit == "share"
    assert available.low < available.number < available.high
    assert available.number == pytest.approx(600 / 720)


def test_a_percentile_among_the_unanswered_is_at_least_what_these_waited():
    hanging = intervals("GET /a", Kind.CENSORED, 7.0, [1] * 60)
    finding = found(FAST, "0.95", good(), hanging)
    assert finding.at_least
    assert finding.number == pytest.approx(7, rel=1e-3)
    assert finding.high is None
    assert not found(FAST, "0.9", good(), hanging).at_least
    only_failed = found(FAST, "0.95", intervals("GET /a", Kind.FAILED, 0.001, [5] * 60))
    assert (only_failed.verdict, only_failed.number, only_failed.at_least) == ("fail", None, True)


def test_set_up_is_not_judged():
    assert found(UP, "0.9", good(), intervals("GET /login", Kind.SETUP, 9.0, [5] * 60)).samples == 600


def test_availability_takes_all_routes_together():
    assert found(UP, "0.9", good(), good(route="GET /b")).samples == 1200
    one = found("measure: availability, route: GET /b", "0.9", good(), good(route="GET /b"))
    assert one.samples == 600


def test_a_route_without_requests_is_missing_and_the_nearest_is_named():
    finding = found(FAST, "0.95", good(route="GET /aa"))
    assert (finding.verdict, finding.missing, finding.samples) == ("inconclusive", True, 0)
    assert finding.why == "no request to GET /a was measured; did you mean GET /aa?"
    assert found(UP, "0.9").why == "no request was measured"


def test_what_lies_outside_the_stretch_is_not_judged():
    assert found(FAST, "0.95", good(), end=30.0).samples == 300


def counts(within, of, queries=1000):
    return QueryCounts(requests=of, queries=queries, at_most={2.0: within, 4.0: within, 8.0: of, float("inf"): of})


@pytest.mark.parametrize(("within", "verdict"), [(1000, "pass"), (990, "pass"), (989, "fail")])
def test_queries_are_counted_exactly(within, verdict):
    finding = found(FEW, "0.99", queries={"GET /a": counts(within, 1000)})
    assert finding.verdict == verdict
    assert finding.exact
    assert finding.bad_low == finding.bad_high == finding.bad_share == (1000 - within) / 1000
    assert finding.number == (2 if within >= 990 else 8)
    assert finding.unit == "queries"


def test_one_request_decides_queries():
    assert found(FEW, "0.99", queries={"GET /a": counts(1, 1)}).verdict == "pass"


def test_queries_that_cannot_be_known_are_undecided_and_not_missing():
    lost = found(FEW, "0.99")
    assert (lost.verdict, lost.missing, lost.why) == ("inconclusive", False, "nobody counted")
    budget = "measure: queries, route: GET /a, threshold: 3"
    edgeless = found(budget, "0.99", queries={"GET /a": counts(9, 9)})
    assert (edgeless.verdict, edgeless.missing) == ("inconclusive", False)
    assert "no edge at 3; start it with this objectives file" in edgeless.why
    hung = found(FEW, "0.99", intervals("GET /a", Kind.CENSORED, 30.0, [5]), queries={"GET /aa": counts(9, 9)})
    assert (hung.verdict, hung.missing) == ("inconclusive", False)
    assert hung.why.startswith("5 requests were due, and the service came to the end of none")
    other = found(FEW, "0.99", queries={"GET /aa": counts(9, 9)})
    assert other.missing
    assert "did you mean GET /aa?" in other.why


def test_what_no_run_can_answer_has_no_finding():
    evidence = Evidence(log=LatencyLog([]), queries={}, queries_missing="", start=0.0, end=1.0)
    slo = SLO(
        name="x", display_name="x", description="", service="s", target=Decimal("0.9"), period_days=28, measure=None
    )
    assert judge(slo, Gate(), evidence) is None
    vital = objectives(("lcp", "measure: vital, vital: lcp, threshold: 2s", "0.75"))
    assert judge(vital.slos[0], Gate(), evidence) is None


def lost(counts, route="GET /a"):
    return intervals(route, Kind.LOST, 0.0, counts)


def test_what_a_lost_worker_took_with_it_decides_nothing_where_the_rest_is_enough():
    finding = found(FAST, "0.95", good(), lost([2]))
    assert finding.verdict == "pass"
    assert (finding.samples, finding.bad) == (600, 0)
    assert finding.bad_high > found(FAST, "0.95", good()).bad_high
    assert "2 more, of a lost worker" in finding.why
    missed = found(FAST, "0.95", good(counts=[8] * 60), good(0.9, [4] * 60), lost([20]))
    assert missed.verdict == "fail"


@pytest.mark.parametrize("measure", [FAST, "measure: availability, route: GET /a"])
def test_what_a_lost_worker_took_with_it_lets_nothing_pass_that_it_could_have_missed(measure):
    assert found(measure, "0.95", good()).verdict == "pass"
    finding = found(measure, "0.95", good(), lost([10] * 6))
    assert finding.verdict == "inconclusive"
    assert finding.bad_low == pytest.approx(0, abs=1e-9)
    assert finding.bad_high > 60 / 660


def test_what_a_lost_worker_took_with_it_lets_nothing_fail_that_it_could_have_kept():
    missed = good(counts=[9] * 60), good(0.9, [1] * 60)
    assert found(FAST, "0.95", *missed).verdict == "fail"
    finding = found(FAST, "0.95", *missed, lost([10] * 60))
    assert finding.verdict == "inconclusive"
