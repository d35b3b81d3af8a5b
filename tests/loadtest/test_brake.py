"""The brake ends a load whose service fails, and only such a load; a search ends where it has found its answer."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.judge.verdict import judge_bundle
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run.brake import DEFAULT, MINIMUM, Brake, Climb, Ending, criteria, is_loopback
from tailgate_loadtest.run.document import Generator, Tick
from tailgate_loadtest.run.live import Beat, Live
from tailgate_loadtest.shapes.profile import Profile, Stage
from tailgate_slo import Gate
from tailgate_slo.model import Abort

from tests.loadtest.conftest import intervals, objectives, plan_of, steady
from tests.loadtest.test_live import times

ABORT = Abort(error_ratio=Decimal("0.2"), for_seconds=Decimal(10))


def brake(abort: Abort = ABORT, *, patience: float = 5, users: int = 500, until: float | None = None) -> Brake:
    return Brake(abort, patience=patience, users=users, until=until)


def ticks(seconds: list[tuple[float, float]], pending: list[float] | None = None, waiting: float = 0) -> list[Tick]:
    """A tick for each second of (requests that ended, of them failed), and arrivals under way at its end."""
    made, ended, failed = [], 0.0, 0.0
    for n, (more, bad) in enumerate(seconds):
        ended, failed = ended + more, failed + bad
        open_ = pending[n] if pending else 0.0
        gauges = {"planned": ended, "completed": ended, "started": ended + open_ - waiting, "waiting": waiting}
        made.append(Tick(second=n + 1, **gauges, users=5, requests=ended, failed=failed, lag=0))
    return made


def ending(brake: Brake, found: list[Tick]) -> tuple[float, Ending] | None:
    """The second in which it ends the load, and how."""
    for tick in found:
        if end := brake.look(tick):
            return tick.second, end
    return None


def test_a_service_that_fails_for_the_whole_window_is_left_alone() -> None:
    found = ending(brake(), ticks([(40, 0)] * 3 + [(40, 20)] * 30))
    assert found is not None
    second, end = found
    assert second == 13
    assert end.aborted
    assert end.why == (
        "the brake ended the load at 13 s: 200 of the 400 requests that ended within the last 10 s failed, 50 %, and"
        " at no time 20 % or less (errorRatio 0.2 for 10 s)"
    )


@pytest.mark.parametrize(
    "seconds",
    [
        [(40, 0)] * 60,
        [(40, 8)] * 60,  # at the ratio, not above
        [(40, 0)] * 5 + [(40, 40)] * 9 + [(40, 0)] * 30,  # an outage shorter than the window
        ([(40, 40)] * 9 + [(40, 0)]) * 5,  # outages that are each shorter
        [(1, 1)] + [(0, 0)] * 60,  # one failed request, and nothing else
        [(1, 1), (1, 0)] * 60,  # half of them, but fewer than can say anything
        [(0, 0)] * 60,  # nothing was asked
    ],
    ids=["good", "at-the-ratio", "outage", "outages", "one", "few", "idle"],
)
def test_a_load_goes_on_while_its_service_does(seconds) -> None:
    assert ending(brake(), ticks(seconds)) is None


def test_the_first_seconds_are_no_whole_window() -> None:
    assert ending(brake(), ticks([(40, 40)] * 9)) is None
    found = ending(brake(), ticks([(40, 40)] * 10))
    assert found is not None
    assert found[0] == 10


def test_a_slow_trickle_of_failures_is_seen_once_there_are_enough() -> None:
    found = ending(brake(), ticks([(2, 1)] * 30))
    assert found is not None
    assert found[0] == 10
    assert f"of the {MINIMUM} requests" in found[1].why


def test_a_service_that_answers_nothing_any_more_is_seen() -> None:
    waiting = [0.0] * 5 + [40.0 * n for n in range(1, 31)]
    found = ending(brake(), ticks([(40, 0)] * 5 + [(0, 0)] * 30, waiting))
    assert found is not None
    assert found[0] == 16  # since second 6 as many wait as tell something
    assert "no request ended within the last 10 s, and 440 arrivals were under way" in found[1].why


def test_arrivals_that_wait_for_a_user_wait_for_the_service() -> None:
    found = ending(brake(), ticks([(40, 0)] * 5 + [(0, 0)] * 30, [0.0] * 5 + [500.0] * 30, waiting=300))
    assert found is not None


@pytest.mark.parametrize(("patience", "end"), [(3, 15), (12, 17), (30, None)])
def test_an_answer_is_waited_for_as_long_as_the_objectives_allow(patience: float, end: float | None) -> None:
    found = ending(brake(patience=patience), ticks([(40, 0)] * 5 + [(0, 0)] * 20, [40.0] * 25))
    assert (found[0] if found else None) == end


@pytest.mark.parametrize(("users", "pending", "ends"), [(4, 4, True), (4, 3, False), (500, 19, False), (500, 20, True)])
def test_a_service_hangs_when_all_users_or_enough_of_them_do(users: int, pending: float, ends: bool) -> None:
    found = ending(brake(users=users), ticks([(40, 0)] * 5 + [(0, 0)] * 20, [pending] * 25))
    assert (found is not None) is ends


def test_when_all_arrivals_are_sent_there_is_nothing_to_end() -> None:
    assert ending(brake(until=10), ticks([(40, 40)] * 30)) is None
    assert ending(brake(until=11), ticks([(40, 40)] * 30)) is not None


@pytest.mark.parametrize("for_seconds", ["0.001", "0.5", "1", "2.5"])
def test_a_window_is_a_second_at_least(for_seconds: str) -> None:
    short = Abort(error_ratio=Decimal("0.2"), for_seconds=Decimal(for_seconds))
    assert ending(brake(short), ticks([(40, 0)] * 5)) is None
    assert ending(brake(short), ticks([(40, 40)] * 5)) is not None


@given(st.lists(st.tuples(st.integers(0, 100), st.floats(0, 0.2)), max_size=60))
def test_no_load_ends_whose_every_second_is_within_the_ratio(seconds) -> None:
    assert ending(brake(), ticks([(n, int(share * n)) for n, share in seconds])) is None


@given(st.lists(st.tuples(st.integers(MINIMUM, 100), st.floats(0.3, 1)), min_size=10, max_size=30))
def test_every_load_ends_in_time_whose_every_second_is_above(seconds) -> None:
    found = ending(brake(), ticks([(n, -(-n * share // 1)) for n, share in seconds]))
    assert found is not None
    assert found[0] == 10


def test_memory_holds_the_window_and_no_more() -> None:
    looking = brake(patience=30)
    for tick in ticks([(40, 0)] * 1000):
        looking.look(tick)
    assert len(looking._ticks) <= 32


@pytest.mark.parametrize("host", ["http://127.0.0.1:8000", "http://127.9.9.9", "http://[::1]:80", "http://localhost:1"])
def test_on_loopback_it_is_off_unless_the_gate_says_otherwise(host: str) -> None:
    assert is_loopback(host)
    assert criteria(Gate(), host) is None
    assert criteria(Gate(abort=ABORT), host) is ABORT


@pytest.mark.parametrize(
    "host",
    ["http://api.example", "https://10.0.0.1", "http://localhost.example", "http://[2001:db8::1]:80", "http://0.0.0.0"],
)
def test_beyond_it_is_on(host: str) -> None:
    assert criteria(Gate(), host) is DEFAULT
    assert criteria(Gate(abort=ABORT), host) is ABORT


def test_who_is_stopped_by_default_learns_where_to_change_it() -> None:
    found = ending(brake(DEFAULT), ticks([(40, 30)] * 20))
    assert found is not None
    assert "by default, since the host is not loopback; abort in a Gate sets another" in found[1].why


STAIRS = Profile(name="stairs", warmup=5, steps=True, stages=(Stage(duration=20, start=50, end=50),) * 3)
FAST = objectives(("fast", "measure: latency, route: GET /, threshold: 100ms", "0.95"))


def climb(slow: list[float], rate: int = 50) -> tuple[float, Ending] | None:
    """The second in which a search ends, the share of slow requests given for each second after the warm-up."""
    live, search = Live(FAST), Climb(STAIRS)
    for n in range(5):
        live.add(Beat(tick=ticks([(0, 0)] * (n + 1))[-1]))
        assert search.look(live) is None
    for n, share in enumerate(slow):
        bad = round(share * rate)
        counts = [("GET /", Kind.RESPONSE, times(1.0, bad)), ("GET /", Kind.RESPONSE, times(0.01, rate - bad))]
        live.add(Beat(tick=ticks([(0, 0)] * (n + 6))[-1], counts=counts))
        if end := search.look(live):
            return n + 6, end
    return None


def test_a_search_ends_in_the_middle_of_the_first_hopeless_step() -> None:
    found = climb([0.0] * 20 + [0.6] * 40)
    assert found is not None
    second, end = found
    assert second == 35
    assert not end.aborted
    assert end.why == (
        "the search was ended at 35 s: fast cannot be kept at 50 arrivals/s (300 of 500 requests were bad, 5 % may"
        " be), so no higher rate was tried"
    )


@pytest.mark.parametrize(
    "slow",
    [
        [0.0] * 60,
        [0.04] * 60,
        [0.6] + [0.0] * 19 + [0.0] * 40,  # a bad beginning that the rest of the step can make good
        [0.0] * 19 + [1.0] + [0.0] * 40,  # a bad end
        [0.0] * 20 + [0.09] * 10 + [0.0] * 30,  # missed so far, and still to be saved
    ],
    ids=["good", "within", "beginning", "end", "saved"],
)
def test_a_search_goes_on_while_the_step_can_still_be_held(slow) -> None:
    assert climb(slow) is None


def test_what_an_earlier_step_has_missed_is_not_the_next_ones() -> None:
    """Objectives are judged step by step: the sum over all steps says nothing."""
    assert climb([0.0] * 12 + [0.1] * 8 + [0.0] * 40) is None


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_a_hopeless_step_is_one_that_the_judge_finds_missed(share: float, bundle) -> None:
    """Half a step is enough for the judge, and its wider bounds agree."""
    rng = np.random.default_rng(1)
    slow = [float(s) for s in np.clip(rng.normal(share, share / 5, 40), 0, 1)]
    found = climb([0.0] * 20 + slow)
    assert found is not None
    second = int(found[0])
    bad = [round(s * 50) for s in slow][: second - 25]
    stage = {"duration": 20, "start": 50, "end": 50}
    made = bundle(
        [
            *intervals("GET /", Kind.RESPONSE, 0.01, [50] * 20, start=5),
            *intervals("GET /", Kind.RESPONSE, 0.01, [50 - n for n in bad], start=25),
            *intervals("GET /", Kind.RESPONSE, 1.0, bad, start=25),
        ],
        plan={"steps": True, "warmup": 5, "stages": [stage] * 3},
        seconds=second + 1.0,
        measured_from=5.0,
        measured_to=second + 1.0,
        ended=found[1].why,
    )
    verdict = judge_bundle(made, FAST)
    assert [step.verdict for step in verdict.steps] == ["pass", "fail"]
    assert verdict.rate_held == 50


@pytest.mark.parametrize(
    ("changes", "verdict", "code", "first"),
    [
        ({}, "fail", 1, "the brake did it"),
        ({"interrupted": "SIGTERM"}, "interrupted", 143, "ended by SIGTERM"),
        ({"generator": Generator(reasons=("it was late",))}, "inconclusive", 3, "it was late"),
        ({"arrivals": {"uncharged": 5}}, "fail", 1, "the brake did it"),
    ],
    ids=["alone", "interrupted", "generator", "lacking"],
)
@pytest.mark.parametrize("judged", [True, False], ids=["objectives", "none"])
def test_an_aborted_run_fails_unless_it_was_interrupted_or_its_generator_unfit(
    bundle, changes, verdict, code, first, judged
) -> None:
    good = intervals("GET /", Kind.RESPONSE, 0.01, [10] * 30)
    made = bundle(good, aborted="the brake did it", **changes)
    found = judge_bundle(made, FAST if judged else None)
    assert (found.verdict, found.exit_code, found.reasons[0]) == (verdict, code, first)


def test_an_aborted_run_without_a_judged_request_fails_all_the_same(bundle) -> None:
    found = judge_bundle(bundle([], aborted="the brake did it"), FAST)
    assert (found.exit_code, found.reasons) == (1, ("the brake did it",))


def test_a_plan_has_the_brake_of_its_gate(tmp_path) -> None:
    wanted = objectives(("up", "measure: availability", "0.9"), gate="abort: {errorRatio: 0.2, for: 10s}")
    beyond = {"host": "http://api.example", "text": ""}
    here = {"host": "http://127.0.0.1:1", "text": ""}
    assert Brake.of(plan_of(tmp_path, **here)) is None
    assert Brake.of(plan_of(tmp_path, **beyond)) is not None
    for each in (here, beyond):
        found = ending(
            Brake.of(plan_of(tmp_path, **each, objectives=wanted, load=steady(40, 60))), ticks([(40, 20)] * 30)
        )
        assert found is not None
        assert found[0] == 10
