"""Bundles of two moments: what may be concluded of them, and what may not."""

import datetime as dt
import json
import math
import os
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.errors import BundleError, ComparisonError
from tailgate_loadtest.judge.regression.apart.compared import compare
from tailgate_loadtest.judge.regression.document import Cell, ComparisonDocument
from tailgate_loadtest.judge.regression.exact import counted
from tailgate_loadtest.judge.regression.statistics.welch import Shift, shift
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import Interval
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import Generator, StageRecord
from tailgate_loadtest.run.found import bundles
from tailgate_loadtest.run.server import QueryCounts
from tailgate_loadtest.shapes.sides import Side

from .conftest import counters, intervals, metrics, objectives

SHOP, CART = "GET /shop", "POST /cart"
MOMENTS = (0.97, 1.02, 1.0, 1.03, 0.98)
"""How fast the machine is from run to run."""
EDGES = (0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100)
"""Of the service's own histogram."""
_numbers = count(1)


def load(route: str = SHOP, scale: float = 1.0, seconds: int = 30, rate: int = 50, failed: int = 0) -> list[Interval]:
    """Half a minute of times around 50 ms, of which so many a second fail."""
    rng = np.random.default_rng(7)
    found = [
        Interval(n, route, Kind.RESPONSE, Histogram.of(0.05 * scale * rng.lognormal(0, 0.4, rate - failed)))
        for n in range(seconds)
        if rate > failed
    ]
    return [*found, *intervals(route, Kind.FAILED, 0.01, [failed] * seconds)]


@pytest.fixture
def run(bundle: Callable[..., Bundle]) -> Callable[..., Bundle]:
    """Writes a run of given intervals, made two hours after the one before it."""

    def run(found: Sequence[Interval], server: dict[str, Any] | None = None, **changes: Any) -> Bundle:
        number = next(_numbers)
        began = {"began": 1_700_000_000.0 + 7200 * number}
        # Of two logs that hold the same, one would be a copy: each has a line of its own.
        own = intervals("GET /run", Kind.SETUP, number / 1e3, [1])
        return bundle([*found, *own], server, f"run{number}", **{**began, **changes})

    return run


def side(run: Callable[..., Bundle], scale: float = 1.0, **changes: Any) -> list[Bundle]:
    """Five runs of one side."""
    return [run(load(scale=scale * moment), **changes) for moment in MOMENTS]


def compared(base: Sequence[Bundle], candidate: Sequence[Bundle]) -> ComparisonDocument:
    return compare(base, candidate, names=("before", "now"), today=dt.date(2026, 11, 21))


def cell(document: ComparisonDocument, measure: str, route: str = SHOP) -> Cell:
    return next(each for each in document.cells if (each.route, each.measure) == (route, measure))


def counts(page: dict[str, dict[int, int]]) -> dict[str, Any]:
    """server.json of a run whose routes made so many requests of so many queries."""
    return counters(start="", end=metrics(page, EDGES))


def test_runs_of_the_same_code_pass(run: Callable[..., Bundle]) -> None:
    """A machine that is now 3 % faster and now 3 % slower lets five runs a side pass at the default tolerance."""
    document = compared(side(run), side(run))
    assert (document.verdict, document.exit_code) == ("pass", 0), document.reasons
    assert cell(document, "p95").verdict == "pass"
    assert cell(document, "p95").ratio == pytest.approx(1, abs=0.01)


def test_a_slower_candidate_fails_and_its_route_is_named(run: Callable[..., Bundle]) -> None:
    document = compared(side(run), side(run, 1.3))
    assert (document.verdict, document.exit_code) == ("fail", 1)
    slower = cell(document, "p95")
    assert slower.ratio == pytest.approx(1.3, rel=0.01)
    assert slower.low is not None
    assert slower.high is not None
    assert slower.low < 1.3 < slower.high
    assert any(reason.startswith("GET /shop p95: +30 %") for reason in document.reasons)


def test_a_faster_candidate_passes(run: Callable[..., Bundle]) -> None:
    assert compared(side(run), side(run, 0.8)).exit_code == 0


def test_a_difference_within_the_scatter_of_the_runs_is_undecided(run: Callable[..., Bundle]) -> None:
    """8 % of which the runs of one side differ as much among themselves is neither a regression nor none."""
    base = [run(load(scale=each)) for each in (0.85, 1.0, 1.15)]
    candidate = [run(load(scale=1.08 * each)) for each in (0.85, 1.0, 1.15)]
    document = compared(base, candidate)
    assert document.exit_code == 3
    assert cell(document, "p95").visible is not None
    assert (cell(document, "p95").visible or 0) > 1.15


def test_what_is_tolerated_is_taken_from_the_bases_objectives(run: Callable[..., Bundle]) -> None:
    base, candidate = side(run), side(run, 1.3)
    gate = objectives(("all", "measure: availability", "0.9"), gate="tolerance: {relative: 0.5}").text
    for each in candidate:
        each.write_text("slo.yaml", gate)
    assert compared(base, candidate).exit_code == 1
    for each in base:
        each.write_text("slo.yaml", gate)
    assert compared(base, candidate).exit_code == 0


def test_a_regression_that_is_taken_on_knowingly_passes_until_its_day(run: Callable[..., Bundle]) -> None:
    base, candidate = side(run), side(run, 1.3)
    for until, code in (("2026-11-21", 0), ("2026-11-20", 1)):
        entry = f"{{route: {SHOP}, measure: latency, bound: 0.5, until: {until}, why: 'a new field'}}"
        text = objectives(("all", "measure: availability", "0.9"), gate=f"accept: [{entry}]").text
        for each in candidate:
            each.write_text("slo.yaml", text)
        document = compared(base, candidate)
        assert document.exit_code == code, document.reasons
        assert [each.holds for each in document.accepts] == [code == 0]


def test_what_no_test_has_sized_is_not_accepted(run: Callable[..., Bundle]) -> None:
    """The interval of one run against one knows only the doubt within the runs: nothing may rest on it."""
    base, candidate = run(load()), run(load(scale=1.1))
    kinds = ("latency", "availability")
    entries = [f"{{route: {SHOP}, measure: {kind}, bound: 5, until: 2030-01-01, why: a field}}" for kind in kinds]
    gate = f"accept: [{', '.join(entries)}]"
    candidate.write_text("slo.yaml", objectives(("all", "measure: availability", "0.9"), gate=gate).text)
    assert compared([base], [candidate]).exit_code == 3


def test_objectives_that_ask_for_less_than_before_stop_the_change(run: Callable[..., Bundle]) -> None:
    base, candidate = side(run), side(run)
    for each, target in [(each, "0.99") for each in base] + [(each, "0.9") for each in candidate]:
        each.write_text("slo.yaml", objectives(("all", "measure: availability", target)).text)
    document = compared(base, candidate)
    assert document.exit_code == 1
    assert document.reasons[0].startswith("all is loosened: the target was lowered from 99 % to 90 %")


def test_a_small_time_may_be_longer_by_the_absolute_tolerance(run: Callable[..., Bundle]) -> None:
    """A millisecond more is no regression, however much of a percentile of 3 ms it is."""
    base = [run(load(scale=0.06 * each)) for each in MOMENTS]
    candidate = [run(load(scale=0.07 * each)) for each in MOMENTS]
    document = compared(base, candidate)
    assert document.exit_code == 0, document.reasons


def test_one_run_against_one_is_never_called_slower(run: Callable[..., Bundle]) -> None:
    document = compared([run(load())], [run(load(scale=3))])
    assert (document.verdict, document.exit_code) == ("inconclusive", 3)
    shown = cell(document, "p95")
    assert shown.ratio == pytest.approx(3, rel=0.01)
    assert shown.low is not None
    assert shown.high is not None
    assert shown.low < 3 < shown.high
    assert "3 runs of each side, or `tailgate ab`" in shown.why
    assert all(each.verdict == "inconclusive" for each in document.cells)


def test_one_run_against_one_with_no_difference_does_not_pass(run: Callable[..., Bundle]) -> None:
    assert compared([run(load())], [run(load())]).exit_code == 3


def test_two_runs_against_many_are_too_few(run: Callable[..., Bundle]) -> None:
    document = compared(side(run), [run(load(scale=2)), run(load(scale=2))])
    assert document.exit_code == 3
    assert "5 runs against 2 cannot" in cell(document, "p95").why


def test_a_single_run_that_fails_everything_is_worse(run: Callable[..., Bundle]) -> None:
    document = compared([run(load())], [run(load(failed=50))])
    assert document.exit_code == 1
    assert cell(document, "failures").verdict == "fail"
    assert cell(document, "p95").why.startswith("in one run not a single request to it succeeded")


def test_a_rare_route_that_fails_throughout_is_worse(run: Callable[..., Bundle]) -> None:
    base = run([*load(), *load(CART, seconds=6, rate=2)])
    candidate = run([*load(), *load(CART, seconds=6, rate=2, failed=2)])
    document = compared([base], [candidate])
    assert document.exit_code == 1
    assert document.reasons[0].startswith("POST /cart failures: 1 of its requests fail now, 0 did before")


def test_more_failures_than_before_are_worse(run: Callable[..., Bundle]) -> None:
    base = [run(load(scale=each)) for each in MOMENTS]
    candidate = [run(load(scale=each, failed=3)) for each in MOMENTS]
    document = compared(base, candidate)
    assert cell(document, "failures").verdict == "fail"
    assert cell(document, "failures").ratio == pytest.approx(0.06)
    assert document.exit_code == 1


def test_errors_on_both_sides_are_no_answer(run: Callable[..., Bundle]) -> None:
    document = compared([run(load(failed=50)) for _ in MOMENTS], [run(load(failed=50)) for _ in MOMENTS])
    assert document.exit_code == 3
    assert cell(document, "p95").verdict == "inconclusive"


def test_a_route_that_only_one_side_has_does_not_pass(run: Callable[..., Bundle]) -> None:
    base = [run([*load(scale=each), *load(CART)]) for each in MOMENTS]
    document = compared(base, side(run))
    assert document.exit_code == 3
    assert cell(document, "p95", CART).why.startswith("no request to it was measured in 5 of 5 runs of the candidate")
    assert compared(side(run), base).exit_code == 3


def test_a_route_that_is_asked_for_now_and_then_holds_nothing_up(run: Callable[..., Bundle]) -> None:
    base, candidate = side(run), side(run)
    base.append(run([*load(), *load(CART, seconds=3, rate=1)]))
    candidate.append(run([*load(), *load(CART, seconds=2, rate=1)]))
    document = compared(base, candidate)
    assert document.exit_code == 0, document.reasons
    assert document.warnings == (f"too few requests in a run to be compared, and only shown: {CART}",)
    candidate.pop()
    assert compared(base, candidate).exit_code == 0


def test_no_samples_are_no_answer(run: Callable[..., Bundle]) -> None:
    document = compared(side(run), [run([]) for _ in MOMENTS])
    assert document.exit_code == 3
    assert any("it measured no request" in reason for reason in document.reasons)
    assert compared([run([])], [run([])]).exit_code == 3


def test_few_samples_are_no_answer(run: Callable[..., Bundle]) -> None:
    few = [run(load(seconds=5, rate=2)) for _ in MOMENTS]
    document = compared(few, [run(load(seconds=5, rate=2)) for _ in MOMENTS])
    assert document.exit_code == 3
    assert "no route has enough requests" in document.reasons[0]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"interrupted": "SIGINT"}, "it was ended by SIGINT"),
        ({"generator": Generator(reasons=("the engine was killed",))}, "its generator was not healthy"),
        ({"arrivals": {"uncharged": 3}}, "3 of 300 arrivals never came to a request"),
    ],
)
def test_an_unsound_run_is_left_out_and_nothing_passes_with_it(
    run: Callable[..., Bundle], changes: dict[str, Any], why: str
) -> None:
    """Else a candidate that breaks the generator would pass by its other runs."""
    document = compared(side(run), [*side(run), run(load(scale=5), **changes)])
    assert document.exit_code == 3
    assert [reason for reason in document.reasons if why in reason]
    assert cell(document, "p95").verdict == "pass"


def test_a_task_that_raised_is_a_doubt(run: Callable[..., Bundle]) -> None:
    """What it was to ask after that was never asked."""
    document = compared(side(run), side(run, exceptions={"KeyError": 2}))
    assert document.exit_code == 3
    assert "tasks of the locustfile raised KeyError 2 times" in document.reasons[0]


def test_what_is_worse_is_worse_beside_an_unsound_run(run: Callable[..., Bundle]) -> None:
    assert compared(side(run), [*side(run, 1.3), run(load(), interrupted="SIGTERM")]).exit_code == 1


def test_requests_without_an_end_are_unsound(run: Callable[..., Bundle]) -> None:
    lost = intervals(SHOP, Kind.LOST, 0, [5])
    document = compared(side(run), [run([*load(), *lost], routes=_lost(5))])
    assert document.exit_code == 3
    assert any("5 of its requests have no known end" in reason for reason in document.reasons)


def _lost(number: int) -> tuple[Any, ...]:
    from tailgate_loadtest.run.document import RouteRecord

    shop = RouteRecord(
        route=SHOP, requests=1500, failed=0, censored=0, lost=number, setup=0, rate=50, response=None, service=None
    )
    return (shop,)


def test_a_percentile_that_was_never_answered_does_not_pass(run: Callable[..., Bundle]) -> None:
    """In the candidate it is longer than its number; in the base there is nothing to measure a candidate by."""
    base = [run(load(scale=each)) for each in MOMENTS]
    hanging = [run([*load(scale=each), *intervals(SHOP, Kind.CENSORED, 5.0, [9] * 30)]) for each in MOMENTS]
    assert cell(compared(base, hanging), "p95").high is None
    assert compared(base, hanging).exit_code in (1, 3)
    document = compared(hanging, base)
    assert document.exit_code == 3
    assert "never answered" in cell(document, "p95").why


def test_a_copy_of_a_run_counts_once(run: Callable[..., Bundle], tmp_path: Path) -> None:
    """Three copies of one run would agree to the last digit, and prove anything."""
    import shutil

    base, one = side(run), run(load(scale=1.5))
    copies = [one, *(Bundle(Path(shutil.copytree(one.path, tmp_path / f"copy{n}"))) for n in range(3))]
    document = compared(base, copies)
    assert document.exit_code == 3
    assert sum("counts once" in warning for warning in document.warnings) == 3


def test_the_same_run_is_not_compared_with_itself(run: Callable[..., Bundle]) -> None:
    one = run(load())
    with pytest.raises(ComparisonError, match="are the same run"):
        compared([one], [one])


@pytest.mark.parametrize(
    ("plan", "what"),
    [
        ({"profile": "spike"}, "profile differs: steady against spike"),
        ({"model": "closed"}, "model differs: open against closed"),
        ({"locustfile": "other.py"}, "locustfile differs: locustfile.py against other.py"),
        (
            {"stages": [StageRecord(duration=30, start=20, end=20)]},
            "load differs: arrivals at 10/s against arrivals at 20",
        ),
    ],
)
def test_another_load_is_refused_naming_both(run: Callable[..., Bundle], plan: dict[str, Any], what: str) -> None:
    one, other = run(load()), run(load(), plan=plan)
    with pytest.raises(ComparisonError) as refused:
        compared([one], [other])
    assert what in str(refused.value)
    assert str(one.path) in str(refused.value)
    assert str(other.path) in str(refused.value)


def test_routes_without_anything_in_common_are_refused(run: Callable[..., Bundle]) -> None:
    with pytest.raises(ComparisonError, match=f"no route in common: {SHOP} against {CART}"):
        compared([run(load())], [run(load(CART))])


def test_a_side_of_two_is_not_compared_with_a_run_alone(run: Callable[..., Bundle], tmp_path: Path) -> None:
    """It got but a share of the arrivals."""
    (tmp_path / "one-ab" / "base").mkdir(parents=True)
    run(load()).path.rename(tmp_path / "one-ab" / "candidate")
    with pytest.raises(ComparisonError, match="one of them was loaded alone"):
        compared([run(load())], bundles(tmp_path / "one-ab", Side.CANDIDATE))


def test_a_search_for_the_highest_rate_is_refused(run: Callable[..., Bundle]) -> None:
    plan = {"steps": True}
    with pytest.raises(ComparisonError, match="searched for the highest rate"):
        compared([run(load(), plan=plan)], [run(load(), plan=plan)])


def test_other_differences_are_named(run: Callable[..., Bundle]) -> None:
    base = side(run, plan={"host": "http://old.test", "seed": 1}, environment={"variant": "sequential"})
    plan = {"host": "http://new.test", "seed": 2, "warmup": 5.0}
    document = compared(base, side(run, plan=plan, environment={"variant": "parallel"}, tool="0.2.0"))
    assert document.exit_code == 0, document.reasons
    assert set(document.differences) == {
        "host: http://old.test against http://new.test",
        "seed: 1 against 2",
        "warm-up: 0 s against 5 s",
        "variant: sequential against parallel",
        "tailgate: 0.1.0 against 0.2.0",
    }


def test_a_port_of_loopback_is_no_difference(run: Callable[..., Bundle]) -> None:
    base = side(run, plan={"host": "http://127.0.0.1:4000"})
    assert compared(base, side(run, plan={"host": "http://127.0.0.1:5000"})).differences == ()


def test_another_machine_is_not_told_from_the_change(run: Callable[..., Bundle]) -> None:
    document = compared(side(run, environment={"cores": 2}), side(run, 2.0, environment={"cores": 8}))
    assert document.exit_code == 3
    assert document.differences == ("cores: 2 against 8",)
    assert "cores: 2 against 8" in cell(document, "p95").why


def test_machines_that_both_sides_ran_on_are_in_the_scatter(run: Callable[..., Bundle]) -> None:
    base = [run(load(scale=each), environment={"cores": 2 + 2 * (n % 2)}) for n, each in enumerate(MOMENTS)]
    candidate = [run(load(scale=1.5 * each), environment={"cores": 2}) for each in MOMENTS]
    document = compared(base, candidate)
    assert document.exit_code == 1
    assert document.differences == ("cores: 2, 4 against 2",)


def test_runs_of_one_moment_count_as_one(run: Callable[..., Bundle]) -> None:
    """Five runs one after the other share what the moment brought: their scatter does not show it."""
    base = [run(load(scale=each), began=1e9 + 40 * n) for n, each in enumerate(MOMENTS)]
    candidate = [run(load(scale=1.08 * each), began=1e9 + 1000 + 40 * n) for n, each in enumerate(MOMENTS)]
    in_a_row = compared(base, candidate)
    assert in_a_row.exit_code == 3
    assert [warning.split(",")[0] for warning in in_a_row.warnings] == [
        "the 5 runs of the base were made at one moment",
        "the 5 runs of the candidate were made at one moment",
    ]
    turns = [
        [run(load(scale=scale * each), began=2e9 + 80 * n + 40 * late) for n, each in enumerate(MOMENTS)]
        for late, scale in ((0, 1.0), (1, 1.08))
    ]
    by_turns = compared(*turns)
    assert by_turns.warnings == ()
    narrow, wide = cell(by_turns, "p95"), cell(in_a_row, "p95")
    assert (narrow.low or 0) > (wide.low or 0)
    assert (narrow.high or 9) < (wide.high or 0)


def test_a_plain_regression_is_found_between_two_moments_as_well(run: Callable[..., Bundle]) -> None:
    base = [run(load(scale=each), began=1e9 + 40 * n) for n, each in enumerate(MOMENTS)]
    candidate = [run(load(scale=1.5 * each), began=1e9 + 1000 + 40 * n) for n, each in enumerate(MOMENTS)]
    assert compared(base, candidate).exit_code == 1


def test_a_query_more_is_found_between_two_single_runs(run: Callable[..., Bundle]) -> None:
    """It is counted: no second run is needed."""
    document = compared([run(load(), counts({SHOP: {7: 1500}}))], [run(load(), counts({SHOP: {8: 1500}}))])
    assert document.exit_code == 1
    (found,) = document.exact
    assert (found.route, found.base, found.candidate, found.worse, found.blocking) == (SHOP, 7, 8, True, True)
    assert "nine in ten of its requests run more than 7 now" in found.why


def test_queries_are_counted_whatever_the_generator_did(run: Callable[..., Bundle]) -> None:
    late = Generator(reasons=("it was late",))
    base, candidate = run(load(), counts({SHOP: {3: 1500}})), run(load(), counts({SHOP: {40: 1500}}), generator=late)
    document = compared([base], [candidate])
    assert document.exit_code == 1
    assert document.cells == ()


def test_fewer_queries_are_no_regression(run: Callable[..., Bundle]) -> None:
    document = compared([run(load(), counts({SHOP: {8: 1500}}))], [run(load(), counts({SHOP: {7: 1500}}))])
    assert document.exit_code == 3
    assert not document.exact[0].worse


def test_a_cache_that_missed_more_often_is_shown_and_not_called_worse(run: Callable[..., Bundle]) -> None:
    base = [run(load(scale=each), counts({SHOP: {3: 1400, 5: 100}})) for each in MOMENTS]
    candidate = [run(load(scale=each), counts({SHOP: {3: 1380, 5: 120}})) for each in MOMENTS]
    document = compared(base, candidate)
    assert document.exit_code == 0, document.reasons
    assert not document.exact[0].worse


def test_a_mean_that_rose_without_proof_does_not_pass(run: Callable[..., Bundle]) -> None:
    base = [run(load(scale=each), counts({SHOP: {3: 1500}})) for each in MOMENTS]
    candidate = [run(load(scale=each), counts({SHOP: {3: 1000, 8: 500}})) for each in MOMENTS]
    document = compared(base, candidate)
    assert document.exit_code == 3
    assert "`tailgate ab` asks both sides the same requests" in document.reasons[0]


def test_counts_that_one_side_lacks_are_a_doubt(run: Callable[..., Bundle]) -> None:
    base = [run(load(scale=each), counts({SHOP: {3: 1500}})) for each in MOMENTS]
    document = compared(base, side(run))
    assert document.exit_code == 3
    assert document.reasons == ("queries per request are not known of every run of the candidate",)


def test_other_data_is_another_number_of_queries(run: Callable[..., Bundle]) -> None:
    base = run(load(), counts({SHOP: {3: 1500}}), environment={"seed.messages": 10})
    candidate = run(load(), counts({SHOP: {40: 1500}}), environment={"seed.messages": 100})
    document = compared([base], [candidate])
    assert document.exit_code == 3
    assert not document.exact[0].worse


def _counts(requests: dict[int, int], edges: Sequence[int]) -> QueryCounts:
    at_most = {float(edge): sum(n for queries, n in requests.items() if queries <= edge) for edge in edges}
    total = sum(requests.values())
    return QueryCounts(
        requests=total,
        queries=sum(queries * n for queries, n in requests.items()),
        at_most={**at_most, math.inf: total},
    )


@given(
    requests=st.dictionaries(st.integers(0, 60), st.integers(1, 500), min_size=1, max_size=8),
    edges=st.lists(st.integers(0, 60), max_size=8),
    number=st.integers(0, 60),
)
def test_what_follows_from_a_histogram_of_queries_holds(
    requests: dict[int, int], edges: list[int], number: int
) -> None:
    """Whatever the requests ran, the share above a number lies within the bounds that edges and sum give."""
    low, high = counted.share_above(_counts(requests, edges), number)
    share = sum(n for queries, n in requests.items() if queries > number) / sum(requests.values())
    assert low - 1e-9 <= share <= high + 1e-9


@given(st.integers(0, 90), st.integers(1, 9), st.integers(100, 5000))
def test_a_query_more_in_every_request_is_always_proof(queries: int, more: int, requests: int) -> None:
    before, after = _counts({queries: requests}, EDGES), _counts({queries + more: requests}, EDGES)
    assert counted.proof(before, after) is not None
    assert counted.proof(after, before) is None
    assert counted.proof(before, before) is None


@given(requests=st.dictionaries(st.integers(0, 60), st.integers(1, 500), min_size=1, max_size=8))
def test_a_tenth_of_the_requests_is_no_proof(requests: dict[int, int]) -> None:
    """However a run's requests are spread, the same with another share of them as before proves nothing."""
    before = _counts(requests, EDGES)
    most = max(requests)
    after = _counts({**requests, most: requests[most] + sum(requests.values()) // 10}, EDGES)
    assert counted.proof(before, after) is None


def test_few_requests_prove_nothing() -> None:
    assert counted.proof(_counts({3: 19}, EDGES), _counts({30: 19}, EDGES)) is None


@pytest.mark.parametrize(
    ("runs", "moments"),
    [((5, 5), (5, 5)), ((5, 5), (1, 1)), ((8, 3), (8, 1)), ((3, 3), (1, 1)), ((6, 6), (2, 3))],
)
def test_sides_that_are_the_same_are_told_apart_as_rarely_as_said(
    runs: tuple[int, int], moments: tuple[int, int]
) -> None:
    """Of 12 cells, moved together by runs and, as much again, by moments: at most 1 % of all gates alarm."""
    rng = np.random.default_rng(3)
    gates, alarms, held = 600, 0, 0
    for _ in range(gates):
        sides = []
        for n, k in zip(runs, moments, strict=True):
            of_moment = np.resize(rng.normal(0, 0.04, (k, 1)), (n, 1))
            sides.append(of_moment + rng.normal(0, 0.03, (n, 1)) + rng.normal(0, 0.02, (n, 12)))
        found = [shift(sides[0][:, i], sides[1][:, i], 1e-9, moments) for i in range(12)]
        alarms += min(each.p for each in found) * 12 <= 0.01
        held += found[0].bound(0.95) >= 0
    assert alarms <= 0.015 * gates
    assert held >= 0.93 * gates


@pytest.mark.parametrize("runs", [3, 6])
def test_the_smallest_visible_difference_is_found_nine_times_in_ten(runs: int) -> None:
    rng, gates = np.random.default_rng(5), 3000
    known = Shift(0.0, 0.05 * math.sqrt(2 / runs), 2.0 * (runs - 1))
    difference = known.visible(0.001, 0.9)
    found = 0
    for _ in range(gates):
        base, candidate = rng.normal(0, 0.05, (2, runs))
        found += _students(base, candidate + difference) <= 0.001
    assert found / gates == pytest.approx(0.9, abs=0.02)


def _students(base: Any, candidate: Any) -> float:
    """With the degrees of freedom of sides that scatter alike, which ``visible`` was given."""
    one = shift(base, candidate, 1e-12, (len(base), len(candidate)))
    return Shift(one.estimate, one.error, len(base) + len(candidate) - 2.0).p


def test_runs_that_agree_to_the_last_digit_are_not_believed_too_much(run: Callable[..., Bundle]) -> None:
    """A histogram rounds: three runs may agree by chance, and a thousandth more proves nothing."""
    base, candidate = [run(load()) for _ in range(3)], [run(load(scale=1.0005)) for _ in range(3)]
    found = cell(compared(base, candidate), "p95")
    assert found.p is not None
    assert found.p > 0.01


def test_the_same_bundles_give_the_same_document(run: Callable[..., Bundle]) -> None:
    base, candidate = side(run), side(run, 1.1)
    assert compared(base, candidate) == compared(list(reversed(base)), candidate)


def test_a_document_survives_its_json(run: Callable[..., Bundle]) -> None:
    document = compared(side(run), side(run, 1.1))
    text = document.model_dump_json(by_alias=True)
    assert ComparisonDocument.model_validate_json(text) == document
    assert "NaN" not in text
    assert "Infinity" not in text


def test_a_log_cut_short_between_two_lines_is_refused(run: Callable[..., Bundle]) -> None:
    base, candidate = run(load()), run(load())
    lines = candidate.log.read_text().splitlines(keepends=True)
    candidate.log.write_text("".join(lines[:-5]))
    with pytest.raises(BundleError, match="a file was cut short"):
        compared([base], [candidate])


@pytest.mark.parametrize("lacking", ["base", "candidate"])
def test_objectives_that_are_gone_are_missed(run: Callable[..., Bundle], lacking: str) -> None:
    """Without the base's nobody knows what is tolerated, and without the candidate's what was loosened."""
    known = objectives(("all", "measure: availability", "0.9"))
    sides = {name: run(load(), plan={"slo_digest": known.digest}) for name in ("base", "candidate")}
    for name, each in sides.items():
        if name != lacking:
            each.write_text("slo.yaml", known.text)
    with pytest.raises(BundleError, match=r"slo\.yaml: is missing"):
        compared([sides["base"]], [sides["candidate"]])


def test_a_log_cut_short_within_a_line_is_refused(run: Callable[..., Bundle]) -> None:
    base, candidate = run(load()), run(load())
    candidate.log.write_bytes(candidate.log.read_bytes()[:-20])
    with pytest.raises(BundleError):
        compared([base], [candidate])


@pytest.mark.parametrize("name", ["run.json", "server.json", "latency.hlog"])
def test_an_empty_file_is_refused(run: Callable[..., Bundle], name: str) -> None:
    base, candidate = run(load()), run(load())
    (candidate.path / name).write_bytes(b"")
    with pytest.raises(BundleError, match=name):
        compared([base], [candidate])


@pytest.mark.parametrize("field", ["began", "seconds", "measured_from"])
def test_a_moment_that_is_no_number_is_refused(run: Callable[..., Bundle], field: str) -> None:
    base, candidate = run(load()), run(load())
    document = json.loads((candidate.path / "run.json").read_text())
    document[field] = math.nan
    (candidate.path / "run.json").write_text(json.dumps(document))
    with pytest.raises(BundleError, match=rf"run\.json: {field}: Input should be a finite number"):
        compared([base], [candidate])


def test_counters_that_are_no_numbers_are_refused(run: Callable[..., Bundle]) -> None:
    base = run(load(), counts({SHOP: {3: 1500}}))
    server = counts({SHOP: {3: 1500}})
    server["end"]["samples"] = [(name, labels, math.nan) for name, labels, _ in server["end"]["samples"]]
    candidate = run(load())
    (candidate.path / "server.json").write_text(json.dumps(server))
    with pytest.raises(BundleError, match=r"server\.json"):
        compared([base], [candidate])


def test_a_directory_leads_to_its_bundles_and_each_once(run: Callable[..., Bundle], tmp_path: Path) -> None:
    made = [run(load()), run(load())]
    (tmp_path / "latest").symlink_to(made[1].path.name)
    (tmp_path / "notes").mkdir()
    assert [each.path for each in bundles(tmp_path, Side.BASE)] == sorted(each.path for each in made)


def test_links_lead_to_bundles_elsewhere(run: Callable[..., Bundle], tmp_path: Path) -> None:
    made = run(load())
    (tmp_path / "chosen").mkdir()
    (tmp_path / "chosen" / "one").symlink_to(made.path)
    (tmp_path / "chosen" / "same").symlink_to(made.path)
    (tmp_path / "chosen" / "itself").symlink_to(tmp_path / "chosen")
    assert [each.path.name for each in bundles(tmp_path / "chosen", Side.BASE)] == ["one"]


def test_a_name_that_is_no_text_is_written_all_the_same(run: Callable[..., Bundle], tmp_path: Path) -> None:
    base, candidate = run(load()), run(load())
    odd = tmp_path / os.fsdecode(b"run-\xff")
    candidate.path.rename(odd)
    document = compared([base], [Bundle(odd)])
    assert document.candidate.bundles[0].endswith("run-?")
    assert document.model_dump_json()


def test_runs_that_scatter_beyond_all_measure_are_undecided(run: Callable[..., Bundle]) -> None:
    base = [run(load(scale=each)) for each in (1, 1, 1)]
    candidate = [run(load(scale=each)) for each in (1e-5, 1, 1e4)]
    document = compared(base, candidate)
    assert document.exit_code == 3
    assert json.dumps(document.model_dump(mode="json"), allow_nan=False)


def test_of_two_live_sides_a_side_gets_its_own(tmp_path: Path) -> None:
    for name in ("base", "candidate"):
        (tmp_path / "one-ab" / name).mkdir(parents=True)
        (tmp_path / "one-ab" / name / "run.json").write_text("{}")
    assert [each.path.name for each in bundles(tmp_path / "one-ab", Side.CANDIDATE)] == ["candidate"]
    assert [each.path.name for each in bundles(tmp_path, Side.BASE)] == ["base"]


def test_two_sides_that_were_killed_are_refused(tmp_path: Path) -> None:
    for name in ("base", "candidate"):
        (tmp_path / "one-ab" / name).mkdir(parents=True)
    with pytest.raises(BundleError, match="candidate: is no run bundle"):
        bundles(tmp_path, Side.CANDIDATE)


@pytest.mark.parametrize("name", ["latency.hlog", "server.json"])
def test_a_bundle_whose_run_was_killed_is_refused(run: Callable[..., Bundle], tmp_path: Path, name: str) -> None:
    run(load())
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed" / name).write_text("")
    with pytest.raises(BundleError, match="killed: is no run bundle"):
        bundles(tmp_path, Side.BASE)


def test_a_foreign_directory_holds_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    with pytest.raises(BundleError, match="holds no run bundle"):
        bundles(tmp_path, Side.BASE)
    with pytest.raises(BundleError, match="there is no such directory"):
        bundles(tmp_path / "nowhere", Side.BASE)
