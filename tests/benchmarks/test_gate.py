"""Gates that are made of recorded ones: they are what was recorded, and judged as the gate itself judges."""

import json
from collections.abc import Sequence
from decimal import Decimal
from functools import cache

import numpy as np
import pytest
from tailgate_loadtest.judge.regression.statistics.pairs import Cut, Paired, cut
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.shapes.sides import Design
from tailgate_slo.model import Tolerance

from benchmarks import figures as figures_module
from benchmarks.figures import of_share
from benchmarks.gate.__main__ import KINDS, long_enough
from benchmarks.gate.cycles import Windows, cycles, exchanged, joined
from benchmarks.gate.judged import Judged, Said, said_of
from benchmarks.gate.quick import said_of_windows
from benchmarks.gate.real import Gate, Setting, recorded
from benchmarks.gate.resampled import POOLS, Pool, all_judged, judged, pools
from benchmarks.gate.tail import longer_tail
from benchmarks.gate.told import figures, of_pools, table
from benchmarks.rivals import RIVALS
from benchmarks.simulated import Change, Machine, Route, Scene, logs

PLAIN, WIDER, WIDE = Tolerance(), Tolerance(relative=Decimal("0.3")), Tolerance(relative=Decimal(9))
WORSE = "GET /a"


@cache
def gate(slower: float = 1.0, seed: int = 1, rare: float = 1.0) -> Gate:
    """Ten cycles of three routes: one that may be slower, another, and a rare one that may be so as well."""
    design = Design(seconds=175, warmup=15, seed=seed)
    routes = {WORSE: Route(rate=60, spread=0.2), "GET /b": Route(rate=30), "GET /rare": Route(rate=0.5)}
    changes = {WORSE: Change(slower=slower), "GET /rare": Change(slower=rare)}
    scene = Scene(routes=routes, changes=changes, machine=Machine(drift=0.1, stalls=0.0))
    base, candidate = logs(scene, design, np.random.default_rng(seed))
    return Gate(design=design, base=base, candidate=candidate, generator={})


def routes_of(one: Gate) -> list[str]:
    return sorted({*one.base.routes, *one.candidate.routes})


def of_two(slower: float) -> list[Pool]:
    """Gates of 96 s, made of two that were recorded of sides that are said to be the same."""
    return pools("same", 0, [("", gate(slower, seed)) for seed in (1, 2)], POOLS, 100.0, PLAIN)


def said(verdict: str, *worse: tuple[str, str], at: float = 48.0, elsewhere: Sequence[str] = ()) -> Said:
    return Said(verdict=verdict, at=at, worse=frozenset(worse), elsewhere=frozenset(elsewhere))


def assert_alike(one: Cut, other: Cut) -> None:
    for mine, others in ((one.duet, other.duet), (one.turns, other.turns)):
        assert_equal(mine.latency, others.latency)
        assert_equal(mine.failures, others.failures)


def assert_equal(one: Paired, other: Paired) -> None:
    for mine, others in ((one.values, other.values), (one.base, other.base), (one.candidate, other.candidate)):
        np.testing.assert_array_equal(mine, others)


def whole(one: Gate) -> Windows:
    return joined(cycles(one, routes_of(one)))


def test_all_cycles_in_their_order_are_the_gate_that_was_recorded():
    one = gate(1.1)
    assert len(cycles(one, routes_of(one))) == 10
    for route, windows in whole(one).items():
        assert_alike(windows, cut(one.base, one.candidate, route, one.design, one.design.seconds))


def test_what_is_left_of_a_cycle_at_the_end_is_none():
    one = gate()
    longer = Design(seconds=181, warmup=15, seed=1)
    again = Gate(design=longer, base=one.base, candidate=one.candidate, generator={})
    assert len(cycles(again, [WORSE])) == 10
    assert_alike(joined(cycles(again, [WORSE]))[WORSE], whole(one)[WORSE])


def test_of_a_route_that_a_gate_lacks_there_are_windows_without_requests():
    lacking = joined(cycles(gate(), ["GET /elsewhere"]))["GET /elsewhere"]
    present = whole(gate())[WORSE]
    assert len(lacking.turns.latency.base) == len(present.turns.latency.base)
    assert not lacking.turns.failures.base.any()


def test_sides_that_are_exchanged_are_the_other_one_s():
    one = gate(1.1)
    windows = exchanged(whole(one))
    for route, each in windows.items():
        turns = cut(one.base, one.candidate, route, one.design, one.design.seconds).turns.latency
        np.testing.assert_array_equal(each.turns.latency.base, turns.candidate)
    for route, each in exchanged(windows).items():
        assert_alike(each, whole(one)[route])


@pytest.mark.parametrize(
    ("slower", "tolerance"), [(1.0, PLAIN), (1.0, WIDE), (1.06, PLAIN), (1.1, PLAIN), (1.6, PLAIN)]
)
def test_the_quick_verdict_is_the_gate_s(slower, tolerance):
    one = gate(slower)
    assert said_of_windows(whole(one), one.design, tolerance) == said_of(one, tolerance)


def test_the_quick_verdict_waits_for_a_rare_route_that_looks_worse_as_the_gate_does():
    plain, rare = gate(), gate(rare=5.0)
    waited = said_of(rare, WIDER)
    assert (said_of(plain, WIDER).at, waited.verdict, waited.at) == (80, "pass", 160)
    assert said_of_windows(whole(rare), rare.design, WIDER) == waited


@cache
def kept() -> dict[str, Gate]:
    """The first gate of each kind that the repository keeps."""
    file = min(figures_module._RECORDED.glob("gate-*.jsonl"))
    lines = (line for line in file.read_text(encoding="utf-8").splitlines() if line.partition('", ')[0].endswith(" 0"))
    return {key: recorded(found) for key, found in map(json.loads, lines)}


@pytest.mark.parametrize(
    ("kind", "verdict", "at"), [("same", "pass", 48), ("slower20", "fail", 80), ("delayed", "pass", None)]
)
def test_of_real_gates_as_well_and_it_is_the_right_one(kind, verdict, at):
    one = kept()[f"{kind} 0"]
    found = said_of(one, PLAIN)
    assert found.verdict == verdict
    assert at is None or found.at == at
    assert found.routes <= {"GET /api/contacts/by-phone"}
    assert said_of_windows(whole(one), one.design, PLAIN) == found


def test_sides_of_which_one_is_always_slower_are_no_false_peace():
    """A coin for each cycle would have made them alike. By one for each gate half of them have the slower candidate."""
    every = [each for pool in of_two(1.1) for each in judged(pool)]
    alarms = [each for _, each in every if each.verdict == "fail"]
    assert len(every) / 4 < len(alarms) < 3 * len(every) / 4
    assert {route for each in alarms for route in each.routes} == {WORSE}


def test_pools_come_to_the_same_in_whichever_process():
    several = of_two(1.0)[:4]
    assert list(all_judged(several, 2)) == [judged(pool) for pool in several]


def test_no_two_pools_are_made_alike_and_of_no_gate_there_is_none():
    seeds = {pool.seed for number in (0, 1) for pool in pools("any", number, [("", gate())], POOLS, 64, PLAIN)}
    assert len(seeds) == 2 * POOLS
    assert not pools("any", 0, [], POOLS, 64, PLAIN)
    assert not pools("any", 0, [("", gate())], 0, 64, PLAIN)


def test_a_gate_is_made_of_gates_in_which_the_same_route_is_worse():
    gates = [(WORSE, gate(1.6, 1)), ("GET /b", gate(1.0, 2))]
    every = [each for pool in pools("slower", 0, gates, 2 * POOLS, 64, PLAIN) for each in judged(pool)]
    assert {route for route, _ in every} == {WORSE, "GET /b"}
    assert all((route == WORSE) == (each.verdict == "fail") for route, each in every)


def test_what_differs_from_pool_to_pool_widens_an_interval_that_counts_each_gate():
    several = [[True] * 100] * 10 + [[False] * 100] * 10
    exact = of_share("any", [hit for pool in several for hit in pool], 0.5)
    assert (exact.low, exact.high) == pytest.approx((0.478, 0.522), abs=1e-3)
    found = of_pools("any", several, 0.5, "<=")
    assert (found.low, found.value, found.high) == (0.0, 0.5, 1.0)


@pytest.mark.parametrize("several", [[[True, False, True]], [[True, False], [False, True], []], [[], []]])
def test_where_pools_do_not_differ_the_interval_is_the_exact_one(several):
    exact = of_share("any", [hit for pool in several for hit in pool], 0.5, ">=")
    assert repr(of_pools("any", several, 0.5, ">=")) == repr(exact)


def test_a_delay_of_few_is_found_where_the_p99_of_its_route_fails():
    gates: Judged = [
        (WORSE, said("fail", (WORSE, "p99"), (WORSE, "p95"))),
        (WORSE, said("fail", (WORSE, "p95"))),
        (WORSE, said("fail", ("GET /b", "p99"))),
        (WORSE, said("pass")),
    ]
    (found,) = figures("resampled", "delayed", [gates])
    assert (found.name, found.value) == ("gate_resampled_delayed_found", 0.25)


@pytest.mark.parametrize(("seconds", "enough"), [(95, {"same", "slower10", "slower20"}), (615, set(KINDS))])
def test_a_real_gate_that_is_over_in_two_minutes_breaks_nothing_that_is_promised_of_ten(seconds, enough):
    setting = Setting(seconds=seconds, warmup=15, block=2, rate=60.0, db_rtt=0.05)
    assert {kind for kind in KINDS if long_enough(kind, setting)} == enough


def test_a_tail_is_longer_by_what_it_is_told_and_nothing_else_is():
    before = gate()
    after = longer_tail(before, WORSE, 0.1)
    for q, factor in ((0.5, 1.0), (0.95, 1.1), (0.99, 1.1)):
        was, now = (each.candidate.whole(WORSE, Kind.RESPONSE).quantile(q) for each in (before, after))
        assert now / was == pytest.approx(factor, rel=2e-3)
    others = [route for route in before.candidate.all_routes if route != WORSE]
    assert others
    for route in others:
        assert after.candidate.whole(route, Kind.RESPONSE) == before.candidate.whole(route, Kind.RESPONSE)
    assert after.base is before.base


def test_a_longer_tail_is_found_where_any_measure_of_its_route_fails():
    gates: Judged = [(WORSE, said("fail", (WORSE, "p95"))), (WORSE, said("fail", ("GET /b", "p95")))]
    (found,) = figures("resampled", "tail10", [gates])
    assert (found.name, found.value, found.met) == ("gate_resampled_tail10_found", 0.5, False)


def test_what_is_named_is_counted_among_alarms_alone():
    gates: Judged = [
        (WORSE, said("fail", (WORSE, "p50"))),
        (WORSE, said("fail", (WORSE, "p50"), ("GET /b", "p50"))),
        (WORSE, said("fail", ("GET /b", "p50"))),
        (WORSE, said("inconclusive")),
    ]
    values = {each.name: each.value for each in figures("real", "slower10", [gates[:2], gates[2:]])}
    assert values == {
        "gate_real_slower10_found": 0.75,
        "gate_real_slower10_named": pytest.approx(2 / 3),
        "gate_real_slower10_others_named": pytest.approx(2 / 3),
    }
    assert len(figures("real", "slower10", [gates[3:]])) == 1


def test_the_table_has_a_line_of_each_kind_real_or_resampled_with_the_rivals():
    first = next(iter(RIVALS))
    same: Judged = [("", said("pass")), ("", said("pass", elsewhere=[first], at=80.0))]
    lines = table({"same": same, "slower10": []}, {"same": [same, same]}).splitlines()
    assert lines[0].split(" | ")[7:] == [*list(RIVALS)[:-1], f"{list(RIVALS)[-1]} |"]
    assert lines[2] == "| real | same | 2 | 100.0 % | 0.0 % | 0.0 % | 64 | 50.0 % | 0.0 % | 0.0 % | 0.0 % |"
    assert lines[3].startswith("| resampled | same | 4 of 2 | 100.0 % |")
    assert not lines[4]
