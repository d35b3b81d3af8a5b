"""How a run stands while it lasts: whatever order the beats come in, the counts are those of the log."""

from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.judge.objective import Evidence, judge
from tailgate_loadtest.measure import buckets
from tailgate_loadtest.measure.hlog import LatencyLog
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run.document import Arrivals, Tick
from tailgate_loadtest.run.live import Beat, Live, Standing, State
from tailgate_slo import Gate

from tests.loadtest.conftest import intervals, objectives

HOME = "GET /home"
FAST = ("fast", f"measure: latency, route: {HOME}, threshold: 100ms", "0.95")
UP = ("up", "measure: availability", "0.9")


def tick(second: float, **more: float) -> Tick:
    fields = ("planned", "started", "completed", "waiting", "users", "requests", "failed", "lag")
    return Tick(**{**dict.fromkeys(fields, 0.0), "second": second, **more})


def times(seconds: float, n: int) -> list[tuple[int, int]]:
    return [(buckets.index(round(seconds * 1e9)), n)]


def beat(second: int, *counts: tuple[str, Kind, list[tuple[int, int]]], **more: float) -> Beat:
    return Beat(tick=tick(second, **more), counts=counts)


def states(live: Live) -> dict[str, str]:
    return {standing.slo.name: standing.state for standing in live.standings()}


def test_an_objective_is_without_samples_then_undecided_then_kept_or_missed() -> None:
    live = Live(objectives(FAST, UP))
    assert states(live) == {"fast": "no samples", "up": "no samples"}
    live.add(beat(1, (HOME, Kind.RESPONSE, times(0.01, 10))))
    assert states(live) == {"fast": "undecided", "up": "undecided"}
    live.add(beat(2, (HOME, Kind.RESPONSE, times(0.01, 200))))
    assert states(live) == {"fast": "kept", "up": "kept"}
    live.add(beat(3, (HOME, Kind.RESPONSE, times(0.2, 100))))
    assert states(live) == {"fast": "missed", "up": "kept"}
    live.add(beat(4, (HOME, Kind.FAILED, times(0.01, 60)), (HOME, Kind.CENSORED, times(5, 60))))
    assert states(live) == {"fast": "missed", "up": "missed"}


def test_another_routes_requests_count_only_where_all_routes_do() -> None:
    live = Live(objectives(FAST, UP))
    live.add(beat(1, ("GET /other", Kind.FAILED, times(0.01, 50))))
    assert states(live) == {"fast": "no samples", "up": "missed"}


def test_few_good_samples_keep_nothing_that_the_gate_would_not() -> None:
    live = Live(objectives(UP), Gate(minimum_samples=500))
    live.add(beat(1, (HOME, Kind.RESPONSE, times(0.01, 499))))
    assert states(live) == {"up": "undecided"}
    live.add(beat(2, (HOME, Kind.RESPONSE, times(0.01, 1))))
    assert states(live) == {"up": "kept"}


def test_what_a_run_cannot_see_while_it_lasts_is_no_standing() -> None:
    found = objectives(UP, ("few", f"measure: queries, route: {HOME}, threshold: 4", "0.9"))
    assert [standing.slo.name for standing in Live(found).standings()] == ["up"]


counted = st.lists(
    st.tuples(
        st.sampled_from([HOME, "GET /other"]),
        st.sampled_from([Kind.RESPONSE, Kind.FAILED, Kind.CENSORED]),
        st.lists(st.tuples(st.integers(0, buckets.LAST), st.integers(1, 1000)), max_size=5),
    ),
    max_size=20,
)


@given(counts=counted, cuts=st.lists(st.integers(0, 20)), seed=st.randoms())
def test_the_counts_are_the_same_however_they_are_split_and_ordered(counts, cuts, seed) -> None:
    whole, parts = Live(objectives(FAST, UP)), Live(objectives(FAST, UP))
    whole.add(beat(1, *counts))
    shuffled = list(counts)
    seed.shuffle(shuffled)
    edges = [0, *sorted(cuts), len(counts)]
    for second, (first, last) in enumerate(pairwise(edges), start=1):
        parts.add(beat(second, *shuffled[first:last]))
    left, right = whole.snapshot(), parts.snapshot()
    assert left is not None
    assert right is not None
    assert left.routes == right.routes
    assert left.standings == right.standings


@pytest.mark.parametrize("slow", [0, 1, 7, 12, 30])
def test_good_and_bad_are_counted_as_the_judge_counts_them(slow: int) -> None:
    found = [
        *intervals(HOME, Kind.RESPONSE, 0.05, [20] * 10),
        *intervals(HOME, Kind.RESPONSE, 0.1004, [slow]),  # a hair past the threshold
        *intervals(HOME, Kind.RESPONSE, 0.1, [5]),
        *intervals(HOME, Kind.FAILED, 0.01, [3]),
        *intervals(HOME, Kind.CENSORED, 5, [2]),
    ]
    wanted, live = objectives(FAST, UP), Live(objectives(FAST, UP))
    for each in found:
        live.add(beat(each.second + 1, (HOME, each.kind, list(each.histogram.counts.items()))))
    evidence = Evidence(log=LatencyLog(found), queries={}, queries_missing="", start=0, end=10)
    for slo, standing in zip(wanted.slos, live.standings(), strict=True):
        finding = judge(slo, Gate(), evidence)
        assert finding is not None
        assert (standing.samples, standing.bad) == (finding.samples, finding.bad)


@given(bad=st.integers(0, 400), more=st.integers(0, 4000))
def test_more_good_requests_never_turn_kept_into_missed(bad: int, more: int) -> None:
    def state(samples: int) -> State:
        return Standing(slo=objectives(UP).slos[0], samples=samples, bad=bad, minimum=0).state

    order = [State.MISSED, State.UNDECIDED, State.KEPT]
    if bad:
        assert order.index(state(bad + more)) <= order.index(state(bad + more + 10))


def test_the_bounds_are_wrong_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)
    slo = objectives(("up", "measure: availability", "0.9")).slos[0]
    drawn = rng.binomial(300, float(1 - slo.target), 4000)  # exactly at the target: neither word is right
    found = [Standing(slo=slo, samples=300, bad=int(k), minimum=0).state for k in drawn]
    assert found.count(State.KEPT) / len(found) <= 0.055
    assert found.count(State.MISSED) / len(found) <= 0.055


def test_when_the_load_is_over_the_log_has_the_last_word() -> None:
    live = Live(objectives(FAST, UP))
    live.add(beat(1, (HOME, Kind.RESPONSE, times(0.01, 10)), started=10, completed=9))
    log = LatencyLog([*intervals(HOME, Kind.RESPONSE, 0.01, [12]), *intervals(HOME, Kind.CENSORED, 5, [3])])
    fields = dict.fromkeys(Arrivals.model_fields, 0)
    live.settle(log, Arrivals(**{**fields, "started": 15, "completed": 12, "unstarted": 2}))
    now = live.snapshot()
    assert now is not None
    assert (now.routes[HOME].response.total, now.routes[HOME].censored) == (12, 3)
    assert [(s.samples, s.bad) for s in now.standings] == [(15, 3), (15, 3)]
    assert (now.tick.started, now.tick.completed, now.tick.waiting) == (15, 12, 2)


def test_the_rate_is_that_of_the_last_seconds() -> None:
    live = Live()
    assert live.rate() == (0.0, 0.0)
    live.add(beat(1, started=50, planned=60))
    assert live.rate() == (50.0, 60.0)
    for second in range(2, 20):
        live.add(beat(second, started=50 + 10 * (second - 1), planned=60 + 20 * (second - 1)))
    assert live.rate() == (10.0, 20.0)


def test_a_message_of_the_engine_is_a_beat() -> None:
    message = {
        "tick": tick(1).model_dump(),
        "counts": [[HOME, "response", [[5, 2], [9, 1]]], [HOME, "failed", [[3, 4]]]],
        "notes": ["worker a was lost"],
    }
    live = Live(objectives(UP))
    live.add(Beat.of(message))
    (standing,) = live.standings()
    assert (standing.samples, standing.bad, standing.slo.target) == (7, 4, Decimal("0.9"))
    assert live.notes == ["worker a was lost"]
