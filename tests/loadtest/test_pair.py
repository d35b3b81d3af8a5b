"""Two sides under one load: each request reaches the side that its arrival was given to, and is counted there."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tailgate_loadtest.errors import EngineError, TargetUnreachableError
from tailgate_loadtest.judge.verdict import judge_bundle
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run.brake import Ending
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.comparison import Comparison
from tailgate_loadtest.run.document import Tick
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.run.live import Live
from tailgate_loadtest.run.pair import conduct_pair
from tailgate_loadtest.run.plan import Plan
from tailgate_loadtest.run.recording import Recording
from tailgate_loadtest.run.server import ServerCounters
from tailgate_loadtest.shapes.profile import Profile
from tailgate_loadtest.shapes.sides import SIDES, Design, Side
from tailgate_otel.names import ENV_TARGETS, HEADER_RUN_SECRET

from tests.loadtest.conftest import Api, objectives, plan_of, steady

Sides = dict[Side, Api]
Pair = Callable[..., dict[Side, Bundle]]

LOOK = """
    from locust import FastHttpUser, task

    class Someone(FastHttpUser):
        @task
        def look(self):
            self.client.get("/fast")
"""
OWN_CLIENT = """
    from locust import task
    from tailgate_loadtest.engine.http import LoadUser

    class Someone(LoadUser):
        @task
        def look(self):
            self.client.get("/fast")
            self.client.get("/error")
"""
DESIGN = Design(seconds=8, warmup=0, seed=4, block=1)
"""Four seconds for both, then by turns of a second."""


@pytest.fixture
def apis() -> Iterator[Sides]:
    """Two little APIs."""
    with ExitStack() as stack:
        yield {side: stack.enter_context(Api()) for side in SIDES}


@pytest.fixture
def pair(apis: Sides, tmp_path: Path) -> Pair:
    """Loads both with a locustfile's text; ``sides`` has what of the plan is otherwise on a side."""

    def pair(
        text: str,
        load: Profile | None = None,
        *,
        sides: dict[Side, dict[str, Any]] | None = None,
        design: Design = DESIGN,
        on_tick: Callable[[Side, Tick], None] = lambda side, tick: None,
        look: Callable[[float], Ending | None] = lambda second: None,
        on_end: Callable[[Ending | None], object] = lambda ending: None,
    ) -> dict[Side, Bundle]:
        comparison, recordings = Comparison.create(tmp_path, "none"), {}
        for side in SIDES:
            own = {"host": apis[side].url, **(sides or {}).get(side, {})}
            plan: Plan = plan_of(tmp_path, text=text, load=load or steady(40, design.seconds), **own)
            recordings[side] = Recording(
                plan=plan, bundle=comparison.bundle(side), id=f"pair-{side}", live=Live(), server=ServerCounters(None)
            )
        with Interruption() as interruption:
            on_end(conduct_pair(recordings, design, interruption, on_tick=on_tick, look=look, after_load=lambda: None))
        return {side: comparison.bundle(side) for side in SIDES}

    return pair


@pytest.mark.parametrize("text", [LOOK, OWN_CLIENT], ids=["another's client", "own client"])
def test_every_request_is_counted_on_the_side_that_it_reached(pair: Pair, apis: Sides, text: str) -> None:
    bundles = pair(text)
    for side, bundle in bundles.items():
        counted = {record.route: record.requests for record in bundle.read_run().routes}
        assert counted == dict(apis[side].requests)
        judge_bundle(bundle, None)
    arrivals = [bundles[side].read_run().arrivals for side in SIDES]
    assert sum(each.arrived for each in arrivals) == 8 * 40
    assert all(each.completed == each.arrived for each in arrivals)


def test_in_a_turn_only_one_side_is_loaded_and_otherwise_both(pair: Pair) -> None:
    bundles = pair(LOOK)
    told = {side: bundle.read_log().seconds(None, Kind.RESPONSE) for side, bundle in bundles.items()}
    for segment in DESIGN.segments:
        for second in range(segment.start, segment.end):
            loaded = {side for side in SIDES if second in told[side]}
            assert loaded == ({segment.to} if segment.to else set(SIDES)), segment
    turns = sum(told[turn.to][turn.start].total for turn in DESIGN.segments if turn.to)
    assert turns == 4 * 40


def test_what_is_planned_of_each_side_is_what_its_turns_come_to(pair: Pair) -> None:
    last: dict[Side, Tick] = {}
    pair(LOOK, on_tick=last.__setitem__)
    assert {side: round(tick.planned) for side, tick in last.items()} == dict.fromkeys(SIDES, 4 * 20 + 2 * 40)


def test_each_side_has_its_own_targets_and_secret(pair: Pair, apis: Sides, tmp_path: Path) -> None:
    text = f"""
        import os
        from pathlib import Path
        from locust import FastHttpUser, events, task

        MINE = ""

        @events.init.add_listener
        def read(**_):
            global MINE
            MINE += Path(os.environ["{ENV_TARGETS}"]).read_text()

        class Someone(FastHttpUser):
            @task
            def look(self):
                self.client.get("/" + MINE, name="/look")
    """
    sides = {}
    for side in SIDES:
        targets = tmp_path / f"{side}.txt"
        targets.write_text(side)
        sides[side] = {"targets": targets, "run_secret": f"secret-of-{side}"}
    pair(text, steady(20, 2), design=Design(seconds=2, warmup=0, seed=1), sides=sides)
    for side, api in apis.items():
        assert set(api.requests) == {f"GET /{side}"}
        assert {request.headers[HEADER_RUN_SECRET] for request in api.asked} == {f"secret-of-{side}"}


def test_a_task_that_raises_counts_where_it_was(pair: Pair, apis: Sides) -> None:
    text = f"""
        from locust import FastHttpUser, task

        class Someone(FastHttpUser):
            @task
            def look(self):
                self.client.get("/fast")
                if self.host == "{apis[Side.CANDIDATE].url}":
                    raise ValueError
    """
    bundles = pair(text, steady(20, 2), design=Design(seconds=2, warmup=0, seed=1))
    told = {side: bundle.read_run().exceptions for side, bundle in bundles.items()}
    assert told[Side.BASE] == {}
    assert set(told[Side.CANDIDATE]) == {"ValueError"}


def test_who_hears_of_requests_hears_of_each_once_and_those_of_nobody_are_told_by_their_address(
    pair: Pair, apis: Sides, tmp_path: Path
) -> None:
    heard = tmp_path / "heard.txt"
    text = f"""
        import gevent
        from locust import FastHttpUser, events, task

        class Someone(FastHttpUser):
            @task
            def look(self):
                self.client.get("/fast")
                gevent.spawn(
                    self.environment.events.request.fire, request_type="RPC", name="aside", response_time=1,
                    response_length=0, exception=None, context={{}}, url=self.host + "/aside",
                ).join()

        @events.quitting.add_listener
        def write(environment, **_):
            with open({str(heard)!r}, "w") as file:
                file.write(str(environment.stats.total.num_requests))
    """
    bundles = pair(text, steady(20, 2), design=Design(seconds=2, warmup=0, seed=1))
    for side, bundle in bundles.items():
        counted = {record.route: record.requests for record in bundle.read_run().routes}
        assert counted == {"GET /fast": apis[side].requests["GET /fast"], "RPC aside": counted["GET /fast"]}
    assert heard.read_text() == "80"


def test_the_load_ends_when_what_was_seen_is_enough(pair: Pair) -> None:
    bundles = pair(
        LOOK,
        steady(40, 60),
        design=Design(seconds=60, warmup=0, seed=1),
        look=lambda second: Ending(why="decided", aborted=False) if second >= 2 else None,
    )
    for bundle in bundles.values():
        document = bundle.read_run()
        assert document.ended == "decided"
        assert document.seconds < 10
        assert document.generator.reasons == ()


def test_the_brake_of_one_side_ends_the_load_of_both_and_says_which_gave_out(pair: Pair, apis: Sides) -> None:
    text = f"""
        from locust import FastHttpUser, task

        class Someone(FastHttpUser):
            @task
            def look(self):
                self.client.get("/error" if self.host == "{apis[Side.CANDIDATE].url}" else "/fast")
    """
    braked = objectives(("up", "measure: availability", "0.9"), gate="abort: {errorRatio: 0.5, for: 1s}")
    endings: list[Ending | None] = []
    design = Design(seconds=60, warmup=0, seed=1)
    sides = {side: {"objectives": braked} for side in SIDES}
    bundles = pair(text, steady(80, 60), sides=sides, design=design, on_end=endings.append)
    (ending,) = endings
    assert ending is not None
    assert ending.gave_out == (Side.CANDIDATE,)
    assert ending.why.startswith("candidate: the brake ended the load")
    assert {bundle.read_run().aborted for bundle in bundles.values()} == {ending.why}


def test_a_signal_leaves_both_bundles_whole_and_marked(pair: Pair, apis: Sides) -> None:
    def interrupt(side: Side, tick: Tick) -> None:
        if side is Side.CANDIDATE and tick.second == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    bundles = pair(LOOK, steady(40, 60), design=Design(seconds=60, warmup=0, seed=1), on_tick=interrupt)
    for side, bundle in bundles.items():
        document = bundle.read_run()
        assert document.interrupted == "SIGTERM"
        assert document.routes[0].requests == apis[side].requests["GET /fast"]


def test_a_side_at_which_nothing_answers_is_named_before_any_load(pair: Pair, apis: Sides) -> None:
    gone = {Side.CANDIDATE: {"host": "http://127.0.0.1:1"}}
    with pytest.raises(
        TargetUnreachableError,
        match=r"nothing answers at http://127\.0\.0\.1:1 .*; see whether the candidate still runs",
    ):
        pair(LOOK, sides=gone)
    assert not apis[Side.BASE].requests


def test_a_locustfile_that_cannot_be_run_is_named_as_ever(pair: Pair) -> None:
    with pytest.raises(EngineError, match="has no user class"):
        pair("x = 1")
