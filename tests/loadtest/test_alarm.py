"""The alarm wakes at a moment, never before it, and leaves nothing behind."""

import time
from pathlib import Path

import gevent
import pytest
from tailgate_loadtest.engine import alarm
from tailgate_loadtest.engine.alarm import Alarm


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(params=["by the system's clock", "by gevent's"])
def waking(request, monkeypatch):
    if request.param == "by gevent's":
        monkeypatch.setattr(alarm, "_timer_file", lambda: None)
    with Alarm() as made:
        yield made


def test_it_wakes_at_each_moment_and_never_before(waking):
    for ahead in (0.0, 0.0004, 0.003, -1.0, 0.02, 0.0001):
        until = time.perf_counter() + ahead
        waking.wait(until)
        # gevent counts from when its loop woke last, which is a hair before now.
        assert time.perf_counter() >= until - 0.001 * (waking._file is None)


def test_others_run_while_it_waits(waking):
    ran = []
    other = gevent.spawn(ran.append, 1)
    waking.wait(time.perf_counter() + 0.01)
    assert ran == [1]
    other = gevent.spawn(ran.append, 2)
    waking.wait(time.perf_counter() - 1)
    assert ran == [1, 2]
    other.join()


def test_who_is_killed_while_it_waits_leaves_no_file_open():
    gevent.get_hub()
    before = open_files()

    def sleep():
        with Alarm() as made:
            made.wait(time.perf_counter() + 60)

    sleepers = [gevent.spawn(sleep) for _ in range(5)]
    gevent.sleep(0.01)
    assert open_files() == before + 5
    gevent.killall(sleepers)
    assert open_files() == before
