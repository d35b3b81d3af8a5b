"""The generator watches itself, and one that gets a tenth of a core decides nothing."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import gevent
import psutil
import pytest
from tailgate_loadtest.engine.diagnosis import assess
from tailgate_loadtest.engine.health import Health
from tailgate_loadtest.engine.machine import Machine

from tests.loadtest.conftest import OBJECTIVE, Api

SCRIPT = Path(sys.executable).with_name("tailgate")

BUSY = """
    import hashlib
    from locust import FastHttpUser, task

    class Someone(FastHttpUser):
        @task
        def look(self):
            hashlib.pbkdf2_hmac("sha256", b"a", b"b", 5000)  # some milliseconds of work
            self.client.get("/fast")
"""
PROFILE = """\
apiVersion: tailgate/v1
kind: Profile
name: short
stages: [{duration: 2s, rate: 60}]
arrivals: constant
users: 50
"""


@pytest.fixture
def health() -> Health:
    health = Health()
    health.start()
    return health


def test_late_arrivals_are_counted_and_the_worst_is_told_once(health):
    for seconds in (0.0, -0.001, 0.25, 0.1):
        health.late(seconds)
    assert health.latest_lag() == 0.25
    assert health.latest_lag() == 0.0
    assert sum(count for _, count in health.readings()["lag"]) == 4
    assert assess([health.readings()])["lag_max"] == pytest.approx(0.25, rel=0.001)


def test_a_loop_that_stands_still_is_seen(health):
    gevent.sleep(0.03)
    time.sleep(0.3)  # nobody else runs meanwhile
    gevent.sleep(0.03)
    readings = health.readings()
    assert readings["longest_stall"] > 0.25
    assert 0.25 < readings["stalled"] <= readings["seconds"]


def test_processor_time_counts_from_the_start(health):
    while time.process_time() - health._cpu < 0.1:
        sum(range(10_000))
    assert health.readings()["cpu"] == pytest.approx(0.1, abs=0.1)


def test_requests_that_failed_for_want_of_something_are_counted_apart_from_others(health):
    for number in (errno.EADDRNOTAVAIL, errno.EMFILE, errno.EMFILE, errno.ECONNREFUSED):
        health.failed(OSError(number, os.strerror(number)))
    assert health.readings()["refused"] == {"ports": 1, "files": 2}


def test_a_peak_between_two_looks_is_kept(health):
    """Files that were open at one look are in the reading when they have long been closed."""
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(Path(os.devnull).open())
        most = Machine().open_files()
        health._look()
    assert health.readings()["open_files"] >= most > Machine().open_files()


def test_whether_the_service_is_on_this_machine_is_a_reading():
    for target, here in (("http://127.0.0.1:1", True), ("http://192.0.2.1", False), (None, None)):
        health = Health(target)
        health.start()
        gevent.wait(timeout=0.1)
        assert health.readings()["target_here"] is here


def test_readings_are_plain_json_and_only_ever_grow(health):
    health.late(0.001)
    before = health.readings()
    assert json.loads(json.dumps(before)) == before
    health.late(0.002)
    after = health.readings()
    assert sum(count for _, count in after["lag"]) == 2
    assert after["seconds"] > before["seconds"]


def test_a_system_that_tells_nothing_is_watched_all_the_same(tmp_path):
    health = Health(system=Machine(tmp_path))
    health.start()
    gevent.sleep(0.03)
    health.late(0.0)
    readings = health.readings()
    assert {readings[name] for name in ("waited", "throttled", "machine", "steal", "open_files")} == {None}
    assert assess([readings])["lag_max"] < 0.001


@contextmanager
def stopped_most_of_the_time(processes: list[psutil.Process]) -> Iterator[None]:
    """They run for 10 ms of every 100: stopped and continued by signals, as anybody may his own processes."""
    over = threading.Event()

    def signal_all(number: int) -> None:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def hold() -> None:
        while not over.is_set():
            signal_all(signal.SIGSTOP)
            over.wait(0.09)
            signal_all(signal.SIGCONT)
            time.sleep(0.01)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


GROUPS = Path("/sys/fs/cgroup/cpu")


@contextmanager
def held_by_a_quota(processes: list[psutil.Process]) -> Iterator[None]:
    """They are put into a control group that may use 10 ms of every 100."""
    group = GROUPS / f"tailgate-test-{processes[0].pid}"
    group.mkdir()
    try:
        (group / "cpu.cfs_period_us").write_text("100000")
        (group / "cpu.cfs_quota_us").write_text("10000")
        for process in processes:
            (group / "cgroup.procs").write_text(str(process.pid))
        yield
    finally:
        (group / "cpu.cfs_quota_us").write_text("-1")
        for left in (group / "cgroup.procs").read_text().split():
            (GROUPS / "cgroup.procs").write_text(left)
        group.rmdir()


# Only root may make control groups, and only where the first version is mounted to be written to.
LIMITS = [stopped_most_of_the_time]
if os.access(GROUPS / "cpu.cfs_quota_us", os.W_OK):
    LIMITS.append(held_by_a_quota)


def engines(parent: int) -> list[psutil.Process]:
    """The processes that put the load on."""
    started = psutil.Process(parent).children(recursive=True)
    return [process for process in started if "tailgate_loadtest.engine" in process.cmdline()]


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.__name__)
@pytest.mark.parametrize("load", [["--profile", "short.yaml"], ["-u", "4", "-t", "3s"]], ids=["open", "closed"])
def test_a_generator_that_gets_a_tenth_of_a_core_decides_nothing(
    api: Api,
    tmp_path: Path,
    limit: Callable[[list[psutil.Process]], AbstractContextManager[None]],
    load: list[str],
) -> None:
    """The service is quick all the while, one objective is missed and the other kept: neither is the verdict."""
    (tmp_path / "locustfile.py").write_text("\n".join(line[4:] for line in BUSY.splitlines()))
    (tmp_path / "short.yaml").write_text(PROFILE)
    rows = (("fast", "measure: latency, route: GET /fast, threshold: 1ms"), ("up", "measure: availability"))
    texts = [OBJECTIVE.format(name=name, measure=measure, target="0.9") for name, measure in rows]
    gate = "apiVersion: tailgate/v1\nkind: Gate\nmetadata: {name: all}\nspec: {minimumSamples: 20}\n"
    (tmp_path / "slo.yaml").write_text("---\n".join([*texts, gate]))
    begun = threading.Event()
    api.on_request = lambda _: begun.set()
    run = subprocess.Popen(
        [SCRIPT, "run", "--host", api.url, "-f", "locustfile.py", "--slo", "slo.yaml", *load],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        while not begun.wait(0.1):
            assert run.poll() is None, run.communicate()[0]
        with limit(engines(run.pid)):
            said, _ = run.communicate(timeout=120)
    finally:
        run.kill()
        run.wait()
    assert run.returncode == 3, said
    verdict = json.loads((tmp_path / "runs" / "latest" / "verdict.json").read_text())
    assert verdict["verdict"] == "inconclusive"
    generator = json.loads((tmp_path / "runs" / "latest" / "run.json").read_text())["generator"]
    assert re.search(r"\(limit \d+ %.*: (--processes \d+ would do|.*--tolerate \w+=SHARE)", generator["reasons"][0])
    assert any("stood still" in reason and "(limit 1 %)" in reason for reason in generator["reasons"])
    assert generator["cpu"] < 0.3
    if limit is held_by_a_quota:
        assert any("held back by a quota of 0.1 cores" in reason for reason in generator["reasons"])
