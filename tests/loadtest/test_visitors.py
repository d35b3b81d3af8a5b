"""Browsers beside a load begin with it, end with its judged part, and leave with it whatever ends it."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any, Self

import pytest
from tailgate_loadtest.errors import BrowserError
from tailgate_loadtest.run.document import Tick
from tailgate_loadtest.run.visitors import Visitors

from tests.loadtest.conftest import carry_out, objectives, plan_of, steady
from tests.loadtest.vitals.made import account, visits

LOOK = """
    from locust import FastHttpUser, task

    class Someone(FastHttpUser):
        @task
        def look(self):
            self.client.get("/fast")
"""


def tick(second: float) -> Tick:
    fields = ("planned", "started", "completed", "waiting", "users", "requests", "failed", "lag")
    return Tick(second=second, **dict.fromkeys(fields, 0.0))


class Told:
    """What browsers are told, in the place of any: those that visit really are in the tests of the command."""

    def __init__(self, *, lasting: bool = False) -> None:
        self.calls: list[str] = []
        self.began = 0.0
        self.directory: Path | None = None
        self.ended = threading.Event()
        self.lasting = lasting

    def __call__(self, directory: Path) -> Any:
        self.directory = directory
        return self

    def __enter__(self) -> Self:
        self.calls.append("enter")
        return self

    def __exit__(self, *_: object) -> None:
        self.calls.append("exit")

    def begin(self, began: float) -> None:
        self.calls.append("begin")
        self.began = began

    def finish(self) -> None:
        self.calls.append("finish")
        if not self.lasting:
            self.ended.set()

    def cut(self, number: int) -> None:
        self.calls.append(f"cut {signal.Signals(number).name}")
        self.ended.set()

    def wait(self) -> bool:
        self.calls.append("wait")
        return self.ended.wait()

    def account(self) -> Any:
        return account(visits(3), warnings=("the machine was busy",))


def test_visits_begin_with_the_first_second_and_end_with_the_judged_part(tmp_path):
    told = Told()
    with Visitors(told, tmp_path, 3.0) as visitors:
        for second in (1, 2, 3, 4):
            visitors.hear(tick(second))
            assert ("finish" in told.calls) == (second >= 3)
        visitors.wait()
    assert told.calls == ["enter", "begin", "finish", "wait", "exit"]
    assert told.directory == tmp_path
    assert 0 < told.began < time.time()
    found = visitors.account()
    assert found is not None
    assert found.ended == 3


def test_where_nobody_knows_how_long_a_load_lasts_visits_end_with_it(tmp_path):
    told = Told()
    with Visitors(told, tmp_path, None) as visitors:
        visitors.hear(tick(1))
        visitors.hear(tick(999))
        assert "finish" not in told.calls
        visitors.wait()
    assert told.calls == ["enter", "begin", "finish", "wait", "exit"]


def test_a_load_that_never_began_is_not_waited_for(tmp_path):
    told = Told()
    with Visitors(told, tmp_path, 3.0) as visitors:
        visitors.wait()
    assert "wait" not in told.calls
    assert told.calls[-1] == "exit"


def test_without_browsers_there_is_nothing_to_do_and_nothing_to_tell(tmp_path):
    with Visitors(None, tmp_path, 3.0) as visitors:
        visitors.hear(tick(5))
        visitors.cut(signal.SIGINT)
        visitors.wait()
    assert visitors.account() is None


def test_a_run_keeps_what_its_browsers_tell_and_warns_of_what_they_warn_of(api, tmp_path):
    told = Told()
    made = carry_out(plan_of(tmp_path, api.url, LOOK, steady(40, 2)), browsers=told)
    assert told.calls == ["enter", "begin", "finish", "wait", "exit"]
    assert told.directory == made.path
    run = made.read_run()
    assert abs(told.began - run.began) < 1
    assert run.browsers == told.account()
    assert "browsers: the machine was busy" in run.warnings


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_visits_that_outlast_the_load(api, tmp_path, number):
    """The load is over; its last visits are waited for when the signal comes."""
    told = Told(lasting=True)

    def interrupt() -> None:
        while "wait" not in told.calls:
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=interrupt)
    thread.start()
    made = carry_out(plan_of(tmp_path, api.url, LOOK, steady(40, 1)), browsers=told)
    thread.join()
    assert told.calls[-2:] == [f"cut {number.name}", "exit"]
    assert made.read_run().interrupted == number.name


def test_a_service_that_fails_is_not_visited_any_longer(api, tmp_path):
    told = Told(lasting=True)
    strict = objectives(("up", "measure: availability", "0.9"), gate="abort: {errorRatio: 0.2, for: 1s}")
    failing = LOOK.replace("/fast", "/error")
    made = carry_out(plan_of(tmp_path, api.url, failing, steady(40, 60), objectives=strict), browsers=told)
    assert made.read_run().aborted
    assert "cut SIGTERM" in told.calls


def test_browsers_that_do_not_start_leave_no_bundle(api, tmp_path):
    class Refusing(Told):
        def __enter__(self) -> Self:
            raise BrowserError("no Chromium is found")

    with pytest.raises(BrowserError, match="no Chromium"):
        carry_out(plan_of(tmp_path, api.url, LOOK, steady(40, 60)), browsers=Refusing())
    assert not list(tmp_path.glob("*/run.json"))
    assert api.requests.total() == 0
