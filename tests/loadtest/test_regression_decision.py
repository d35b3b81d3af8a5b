"""What all cells come to: every verdict, and every way of having no answer, which never passes."""

import re
from decimal import Decimal

import numpy as np
import pytest
from tailgate_loadtest.judge.regression import cells
from tailgate_loadtest.judge.regression.decision import answered, conclude, judge, slowest
from tailgate_loadtest.judge.regression.measured import gather
from tailgate_loadtest.judge.regression.statistics.looks import Looks
from tailgate_loadtest.judge.regression.statistics.pairs import cut
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import Interval, LatencyLog
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.shapes.sides import Design
from tailgate_slo.model import Tolerance

from benchmarks.simulated import Change, Machine, Route, Scene, logs

BUDGET = 300
LOOKS = Looks(budget=BUDGET, first=95, every=40)
CALM = Machine(drift=0.05, stalls=0.0)
ROUTES = {"GET /fast": Route(rate=60, spread=0.2), "GET /slow": Route(rate=60, median=0.1, spread=0.2)}
WIDE = Tolerance(relative=Decimal("0.15"))


def design(seed=1):
    return Design(seconds=BUDGET, warmup=15, seed=seed, block=5)


def gate(changes=None, routes=ROUTES, seed=1):
    scene = Scene(routes=routes, changes=changes or {}, machine=CALM)
    return logs(scene, design(seed), np.random.default_rng(seed))


def judged(base, candidate, until=BUDGET, tolerance=WIDE, looks=LOOKS):
    return judge(base, candidate, design(), looks, tolerance, until=until)


def without(log, keep):
    """The log with only those intervals that are to be kept, and of the kind that ``keep`` says."""
    intervals = []
    for route in log.all_routes:
        for kind in Kind:
            for second, histogram in log.seconds(route, kind).items():
                if kept := keep(route, kind):
                    intervals.append(Interval(second, route, kept, histogram))
    return LatencyLog(intervals)


@pytest.fixture(scope="module")
def same():
    return gate()


def cell(judgement, route, measure):
    (found,) = [each for each in judgement.cells if (each.route, each.measure) == (route, measure)]
    return found


def test_sides_that_are_the_same_pass(same):
    found = judged(*same)
    assert found.verdict == "pass"
    assert all(each.verdict == "pass" for each in found.cells if each.blocking)
    assert found.look.at == BUDGET


def test_a_slower_route_fails_by_name_and_no_other_does():
    found = judged(*gate({"GET /slow": Change(slower=1.3)}))
    assert found.verdict == "fail"
    assert all(reason.startswith("GET /slow p") for reason in found.reasons)
    p95 = cell(found, "GET /slow", "p95")
    assert p95.ratio == pytest.approx(1.3, abs=0.05)
    assert 1.15 < p95.low < p95.ratio < p95.high
    assert p95.p_adjusted <= 0.008
    assert p95.tolerance == pytest.approx(1.15)


def test_what_is_slower_by_less_than_is_tolerated_does_not_fail():
    assert judged(*gate({"GET /slow": Change(slower=1.05)})).verdict == "pass"


def test_a_tail_alone_fails_by_the_tail():
    routes = {"GET /slow": Route(rate=120, median=0.1, spread=0.2)}
    found = judged(*gate({"GET /slow": Change(delayed=0.03, delay=0.3)}, routes))
    assert cell(found, "GET /slow", "p99").verdict == "fail"
    assert cell(found, "GET /slow", "p50").verdict == "pass"


def test_failures_are_a_measure_of_their_own():
    found = judged(*gate({"GET /fast": Change(failing=0.03)}))
    assert found.verdict == "fail"
    assert [reason.split(":")[0] for reason in found.reasons] == ["GET /fast failures"]
    assert cell(found, "GET /fast", "failures").ratio == pytest.approx(0.03, abs=0.015)


def test_no_failure_among_few_requests_shows_little():
    failures = cell(judged(*gate(routes={"GET /some": Route(rate=2)})), "GET /some", "failures")
    assert failures.verdict == "pass"
    assert failures.high == pytest.approx(1 - 0.04 ** (1 / failures.samples_candidate))
    assert failures.tolerance == pytest.approx(16 / min(failures.samples_base, failures.samples_candidate))
    assert failures.visible > failures.tolerance


def test_failures_that_both_sides_have_pass():
    routes = {"GET /fast": Route(rate=60, spread=0.2, failing=0.001)}
    assert judged(*gate(routes=routes)).verdict == "pass"


def test_a_large_regression_is_found_early():
    base, candidate = gate({"GET /slow": Change(slower=1.6)})
    found = judged(base, candidate, until=140)
    assert (found.verdict, found.look.at) == ("fail", 135)


def test_the_same_logs_give_the_same_verdict(same):
    assert judged(*same) == judged(*same)


def test_what_comes_after_the_look_does_not_count():
    base, candidate = gate({"GET /slow": Change(slower=1.6)})
    early = without(candidate, lambda route, kind: kind)
    for second in range(140, BUDGET):
        for route in early.routes:
            early._seconds[route, Kind.RESPONSE].pop(second, None)
    assert judged(base, candidate, until=135).cells == judged(base, early, until=135).cells


def test_before_the_first_look_nothing_is_judged(same):
    found = judged(*same, until=60)
    assert (found.verdict, found.look, found.cells) == ("inconclusive", None, ())
    assert "the first look is at 95 s" in found.reasons[0]


def test_two_logs_without_anything_are_no_pass():
    found = judged(LatencyLog([]), LatencyLog([]))
    assert found.verdict == "inconclusive"
    assert "no request was measured" in found.reasons[0]


@pytest.mark.parametrize("missing", ["base", "candidate"])
def test_an_empty_log_of_one_side_is_no_pass(same, missing):
    sides = dict(zip(("base", "candidate"), same, strict=True)) | {missing: LatencyLog([])}
    found = judged(**sides)
    assert found.verdict == "inconclusive"
    assert any(f"the {missing} had no request" in reason for reason in found.reasons)


def test_a_route_that_one_side_does_not_have_is_named_with_a_cure(same):
    base, candidate = same
    found = judged(base, without(candidate, lambda route, kind: kind if route != "GET /fast" else None))
    assert found.verdict == "inconclusive"
    assert all(reason.startswith("GET /fast ") for reason in found.reasons)
    assert "see whether both sides have the route" in found.reasons[0]


def test_a_candidate_all_of_whose_requests_fail_is_worse(same):
    base, candidate = same
    broken = {Kind.RESPONSE: Kind.FAILED}
    found = judged(base, without(candidate, lambda route, kind: broken.get(kind, kind)))
    assert found.verdict == "fail"
    assert {reason.split(":")[0] for reason in found.reasons} == {"GET /fast failures", "GET /slow failures"}
    assert "failed: there are no times to compare" in cell(found, "GET /fast", "p95").why


def test_requests_that_all_fail_on_both_sides_are_no_pass(same):
    broken = {Kind.RESPONSE: Kind.FAILED}
    found = judged(*(without(side, lambda route, kind: broken.get(kind, kind)) for side in same))
    assert found.verdict == "inconclusive"
    assert "failed, on both sides" in found.reasons[0]


def test_a_rare_route_that_answers_nothing_any_more_is_no_pass():
    routes = ROUTES | {"GET /rare": Route(rate=0.15)}
    base, candidate = gate(routes=routes)
    broken = {Kind.RESPONSE: Kind.FAILED}
    found = judged(base, without(candidate, lambda r, kind: broken.get(kind, kind) if r == "GET /rare" else kind))
    assert found.verdict != "pass"
    assert any(reason.startswith("GET /rare failures") for reason in found.reasons)


def lacking(missing, rate):
    """The verdict where one side has none of a rare route."""
    sides = dict(zip(("base", "candidate"), gate(routes=ROUTES | {"GET /rare": Route(rate=rate)}), strict=True))
    sides[missing] = without(sides[missing], lambda route, kind: None if route == "GET /rare" else kind)
    return judged(**sides)


@pytest.mark.parametrize("missing", ["base", "candidate"])
def test_a_rare_route_that_one_side_has_again_and_again_and_the_other_never_is_no_pass(missing):
    found = lacking(missing, 0.3)
    assert found.verdict == "inconclusive"
    (reason,) = found.reasons
    assert reason.startswith(f"GET /rare failures: the {missing} had no request of it")
    assert not answered(found.cells)


@pytest.mark.parametrize("missing", ["base", "candidate"])
def test_a_route_so_rare_that_one_side_may_have_none_by_chance_stops_nothing(missing):
    found = lacking(missing, 0.03)
    assert found.verdict == "pass"
    assert "GET /rare" in found.warnings[0]
    assert f"the {missing} had no request of it" in cell(found, "GET /rare", "failures").why


def test_a_candidate_that_answers_nothing_any_more_is_worse(same):
    base, candidate = same
    hung = {Kind.RESPONSE: Kind.CENSORED}
    found = judged(base, without(candidate, lambda route, kind: hung.get(kind, kind)))
    assert found.verdict == "fail"


def test_requests_never_answered_on_both_sides_are_no_pass(same):
    hung = {Kind.RESPONSE: Kind.CENSORED}
    found = judged(*(without(side, lambda route, kind: hung.get(kind, kind)) for side in same))
    assert found.verdict == "inconclusive"
    assert "no times to compare" in found.reasons[0]


def test_a_percentile_that_reaches_what_was_never_answered_on_both_sides_is_no_pass(same):
    def strained(log):
        late = (Interval(second, "GET /fast", Kind.CENSORED, Histogram.of([9.0] * 9)) for second in range(BUDGET))
        own = [
            Interval(second, "GET /fast", Kind.RESPONSE, histogram)
            for second, histogram in log.seconds("GET /fast", Kind.RESPONSE).items()
        ]
        return LatencyLog([*own, *late])

    found = judged(*map(strained, same))
    assert found.verdict == "inconclusive"
    assert "never answered on both sides" in cell(found, "GET /fast", "p95").why


def test_requests_nobody_knows_the_end_of_are_no_pass(same):
    base, candidate = same
    lost = without(candidate, lambda route, kind: kind)
    lost._seconds["GET /fast", Kind.LOST][50] = Histogram.of([0.0, 0.0])
    found = judged(base, lost)
    assert found.verdict == "inconclusive"
    assert "nobody knows how 2 requests ended" in found.reasons[0]
    assert {cell(found, "GET /fast", measure).ratio for measure in ("p50", "failures")} == {None}


def test_times_of_nothing_are_no_pass(same):
    def still(log):
        return LatencyLog(
            Interval(second, route, Kind.RESPONSE, Histogram({0: histogram.total}))
            for route in log.routes
            for second, histogram in log.seconds(route, Kind.RESPONSE).items()
        )

    found = judged(*map(still, same))
    assert found.verdict == "inconclusive"
    assert "took no time at all" in found.reasons[0]


def test_a_route_too_rare_is_shown_and_warned_of_but_stops_nothing():
    found = judged(*gate(routes=ROUTES | {"GET /rare": Route(rate=0.1)}))
    assert found.verdict == "pass"
    assert not any(each.blocking for each in found.cells if each.route == "GET /rare")
    assert "GET /rare" in found.warnings[0]
    assert "needs" in cell(found, "GET /rare", "p95").why
    assert {each.p_adjusted for each in found.cells if not each.blocking} == {1.0}


def test_of_many_rare_routes_some_are_named_and_the_others_counted():
    found = judged(*gate(routes=ROUTES | {f"GET /rare/{n}": Route(rate=0.1) for n in range(1, 9)}))
    assert found.verdict == "pass"
    (warning,) = found.warnings
    assert warning.endswith("GET /rare/5, GET /rare/6 and 2 more; load them longer, or give them more of the mix")


def test_a_route_too_rare_for_a_pass_still_fails_when_it_is_worse_beyond_doubt():
    routes = ROUTES | {"GET /rare": Route(rate=1.0, spread=0.2)}
    found = judged(*gate(routes=routes, changes={"GET /rare": Change(slower=8.0)}))
    worse = cell(found, "GET /rare", "p50")
    assert (found.verdict, worse.verdict, worse.blocking) == ("fail", "fail", True)
    assert {each.route for each in found.cells if each.verdict == "fail"} == {"GET /rare"}
    same = judged(*gate(routes=routes))
    assert same.verdict == "pass"
    assert not cell(same, "GET /rare", "p50").blocking


def test_while_a_rare_route_looks_worse_no_look_before_the_last_passes():
    routes = ROUTES | {"GET /rare": Route(rate=1.0, spread=0.2)}
    base, candidate = gate(routes=routes, changes={"GET /rare": Change(slower=1.25)})
    early = judged(base, candidate, until=135)
    assert early.verdict == "inconclusive"
    assert {reason.partition(" p")[0] for reason in early.reasons} == {"GET /rare"}
    assert "perhaps worse, though rare" in early.reasons[0]
    last = judged(base, candidate)
    assert last.verdict != "inconclusive"
    assert all(each.verdict == "fail" for each in last.cells if each.blocking and each.route == "GET /rare")
    assert judged(*gate(routes=routes), until=135).verdict == "pass"


def test_how_many_rare_routes_there_are_changes_nothing_for_the_others():
    def joined(one, other):
        return LatencyLog(
            Interval(second, route, kind, histogram)
            for log in (one, other)
            for route in log.all_routes
            for kind in Kind
            for second, histogram in log.seconds(route, kind).items()
        )

    alone = gate(changes={"GET /slow": Change(slower=1.05)})
    rare = gate(routes={f"GET /{number}": Route(rate=0.1) for number in range(30)})
    before, after = judged(*alone), judged(*map(joined, alone, rare))
    assert cell(before, "GET /slow", "p50").p_adjusted < 0.01
    assert [each for each in after.cells if each.blocking] == [each for each in before.cells if each.blocking]


def test_where_every_route_is_too_rare_nothing_passes():
    found = judged(*gate(routes={"GET /rare": Route(rate=0.1)}))
    assert found.verdict == "inconclusive"
    assert "no route has enough requests" in found.reasons[0]


def test_a_percentile_with_few_requests_beyond_it_stops_nothing():
    found = judged(*gate(routes={"GET /some": Route(rate=20, spread=0.1)}))
    assert [each.blocking for each in found.cells] == [True, True, False, True]


def test_a_load_without_turns_is_no_pass():
    short = Design(seconds=40, warmup=15, seed=1)
    base, candidate = logs(Scene(routes=ROUTES, machine=CALM), short, np.random.default_rng(1))
    found = judge(base, candidate, short, Looks(budget=40, first=30, every=40), WIDE, until=40)
    assert found.verdict == "inconclusive"


def test_noise_that_hides_everything_is_inconclusive_and_says_what_would_have_been_seen():
    scene = Scene(routes={"GET /wild": Route(rate=20, spread=1.5)}, machine=Machine(drift=0.6, stalls=0.05))
    found = judge(*logs(scene, design(), np.random.default_rng(3)), design(), LOOKS, Tolerance(), until=BUDGET)
    assert found.verdict == "inconclusive"
    assert cell(found, "GET /wild", "p95").visible > 1.3


def test_a_ratio_that_may_be_chance_does_not_fail_however_large():
    large = []
    for seed in range(6):
        scene = Scene(routes={"GET /wild": Route(rate=20, spread=1.0)}, machine=Machine(drift=0.8))
        sides = logs(scene, design(seed), np.random.default_rng(seed))
        found = judge(*sides, design(seed), LOOKS, Tolerance(), until=BUDGET)
        large += [each for each in found.cells if each.blocking and each.ratio > each.tolerance]
    assert large
    assert {each.verdict for each in large} == {"inconclusive"}


def test_on_a_machine_that_drifts_and_stalls_sides_that_are_the_same_hardly_ever_fail():
    """Of 40 gates at 1 %, three would fail once in a hundred times."""
    scene = Scene(routes={"GET /one": Route(rate=30), "GET /two": Route(rate=30)})
    verdicts = []
    for seed in range(40):
        sides = logs(scene, design(seed), np.random.default_rng(seed))
        verdicts.append(judge(*sides, design(seed), LOOKS, Tolerance(), until=BUDGET).verdict)
    assert verdicts.count("fail") <= 2


def passes(scene, route, measure, seed):
    """Whether a cell of a gate passes, in which no other has a say; the others are not even worked out."""
    base, candidate = logs(scene, design(seed), np.random.default_rng(seed))
    found = gather(route, measure, cut(base, candidate, route, design(seed), BUDGET), WIDE, 1.0)
    return cells.judge(found, LOOKS.look(BUDGET), None, LOOKS.alpha, BUDGET).verdict == "pass"


def test_what_is_worse_by_the_tolerance_hardly_ever_passes_though_half_of_it_is_hidden_side_by_side():
    """Of 60 gates at 5 %, eight would pass once in a hundred times."""
    scene = Scene(
        routes={"GET /one": Route(rate=60, spread=0.2)},
        changes={"GET /one": Change(slower=1.15)},
        machine=Machine(drift=0.1, stalls=0.0, understated=2.0),
    )
    assert sum(passes(scene, "GET /one", "p50", seed) for seed in range(60)) <= 7


def pausing(every, pause, seed):
    changes = {"GET /slow": Change(pauses=1 / every, pause=pause)}
    return logs(Scene(routes=ROUTES, changes=changes, machine=CALM), design(), np.random.default_rng(seed))


@pytest.mark.parametrize(("every", "pause"), [(30, 3.0), (20, 1.5), (6, 0.5)])
def test_a_candidate_that_pauses_now_and_then_does_not_pass(every, pause):
    """Most windows know nothing of it; three gates of each kind, each with other pauses."""
    for seed in range(3):
        found = judged(*pausing(every, pause, seed))
        assert cell(found, "GET /slow", "p95").verdict != "pass"
        assert found.verdict != "pass"


def test_a_tail_that_may_be_too_long_is_why_it_does_not_pass():
    cells = [cell(judged(*pausing(50, 2.2, seed)), "GET /slow", "p95") for seed in range(3)]
    (one,) = [each.why for each in cells if "slowest" in each.why][:1]
    assert re.search(
        r"among the slowest 5 %, beyond [\d.]+ ms, the candidate may have [\d.]+ times as many, and 1.5 are", one
    )


def test_a_slowdown_that_is_taken_on_leaves_the_same_share_among_the_slowest_and_one_that_pauses_besides_does_not():
    bound = Decimal("0.3")
    slower = Change(slower=1.2)
    pausing = Change(slower=1.2, pauses=1 / 20, pause=1.5)

    def far_slower(change):
        base, candidate = gate({"GET /slow": change})
        p95 = cell(judged(base, candidate), "GET /slow", "p95")
        return slowest(base, candidate, design(), LOOKS.look(BUDGET), p95, bound)

    assert far_slower(slower) is None
    assert "the candidate may have" in far_slower(pausing)


def test_the_absolute_bound_tolerates_more_of_what_is_fast():
    fast = {"GET /fast": Route(rate=60, median=0.004, spread=0.2)}
    found = judged(*gate({"GET /fast": Change(slower=1.2)}, fast), tolerance=Tolerance())
    assert cell(found, "GET /fast", "p50").tolerance == pytest.approx(1.5, abs=0.05)
    assert found.verdict == "pass"


def test_what_is_proven_worse_stays_so_whatever_else_is_missing():
    base, candidate = gate({"GET /slow": Change(slower=1.5)})
    found = judged(base, without(candidate, lambda route, kind: kind if route != "GET /fast" else None))
    assert found.verdict == "fail"


def test_no_cells_are_no_pass():
    assert conclude(())[0] == "inconclusive"
