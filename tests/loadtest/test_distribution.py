"""A load put on by several processes together: the same counts as by one, and what is lost is said."""

import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tailgate_loadtest.errors import EngineError
from tailgate_loadtest.run.engine import EngineProcess
from tailgate_loadtest.shapes.orders import Crew, Enlistment, Swarm

from tests.loadtest.conftest import carry_out, plan_of, steady
from tests.loadtest.test_engine import asked, check_log_agrees, routes

SOMEONE = """
    from locust import FastHttpUser, task

    class Someone(FastHttpUser):
        @task
        def look(self):
            self.client.get("/fast")
            self.client.get("/save")
"""


def crew(processes: int, **more) -> Crew:
    return Crew(**{"processes": processes, "expect": processes, "host": "127.0.0.1", "port": 0, "patience": 60, **more})


def workers_of(parent: int) -> list[psutil.Process]:
    """The worker processes under an engine that this process has started."""
    return [
        process
        for process in psutil.Process(parent).children(recursive=True)
        if "tailgate_loadtest.engine" in process.cmdline() and process.ppid() != parent
    ]


def at(seconds: float, act: Callable[[], None]) -> Callable:
    """An ``on_tick`` that acts once, when the load is that old."""
    done = threading.Event()

    def look(tick) -> None:
        if tick.second >= seconds and not done.is_set():
            done.set()
            act()

    return look


def test_several_processes_carry_every_arrival_once(run, api):
    bundle = run(SOMEONE, steady(60, 2), crew=crew(3))
    document = bundle.read_run()
    arrivals = document.arrivals
    assert arrivals.planned == arrivals.arrived == arrivals.started == arrivals.completed == arrivals.judged == 120
    assert asked(bundle) == dict(api.requests) == {"GET /fast": 120, "GET /save": 120}
    assert arrivals.lost == 0
    assert document.generator.workers == 3
    assert document.timeline[-1].planned == pytest.approx(120, abs=1)
    check_log_agrees(bundle)


def test_users_that_take_turns_are_shared_out_by_locust(run, api):
    bundle = run(
        """
        from locust import FastHttpUser, constant, task

        class Someone(FastHttpUser):
            wait_time = constant(0.05)

            def on_start(self):
                self.client.get("/login")

            @task
            def look(self):
                self.client.get("/fast")
        """,
        Swarm(users=6, spawn_rate=100, run_time=2),
        crew=crew(2),
    )
    assert bundle.read_run().arrivals.most_users == 6
    assert asked(bundle) == dict(api.requests)
    assert routes(bundle)["GET /login"].setup == 6
    assert routes(bundle)["GET /fast"].requests > 60
    check_log_agrees(bundle)


def test_a_shape_in_the_locustfile_is_followed_by_all(run, api):
    bundle = run(
        """
        from locust import FastHttpUser, LoadTestShape, constant, task

        class Someone(FastHttpUser):
            wait_time = constant(0.05)

            @task
            def look(self):
                self.client.get("/fast")

        class Stairs(LoadTestShape):
            def tick(self):
                return (4, 100) if self.get_run_time() < 2 else None
        """,
        Swarm(users=1, spawn_rate=1, run_time=None),
        crew=crew(2),
    )
    assert bundle.read_run().arrivals.most_users == 4
    assert asked(bundle) == dict(api.requests)
    check_log_agrees(bundle)


def test_a_worker_that_is_killed_is_at_most_an_interval_of_loss_and_the_others_carry_on(api, tmp_path):
    """Of 90 arrivals a second a third is its; it is killed at 2 s of 5 s, and missed at once."""

    def kill() -> None:
        workers_of(os.getpid())[0].kill()

    plan = plan_of(tmp_path, api.url, SOMEONE, steady(90, 5), crew=crew(3))
    bundle = carry_out(plan, on_tick=at(2, kill))
    document = bundle.read_run()
    arrivals = document.arrivals
    # Its unreported second, and what was due until the others took over.
    assert 0 < arrivals.lost <= 90 / 3 * 2.5
    assert arrivals.completed + arrivals.lost == arrivals.planned == 450
    assert any("the end of" in warning and "took over" in warning for warning in document.warnings)
    assert document.generator.reasons == ()
    assert {route.lost for route in document.routes} == {arrivals.lost}
    counted = sum(asked(bundle).values())
    assert counted == 2 * arrivals.completed
    assert counted <= api.requests.total() <= counted + 2 * arrivals.lost
    check_log_agrees(bundle)


def test_a_worker_that_falls_silent_is_given_up_and_never_counted_twice(api, tmp_path):
    """It comes to itself, and reports, while the load still goes on."""
    stopped: list[psutil.Process] = []

    def halt() -> None:
        stopped.append(workers_of(os.getpid())[0])
        stopped[0].suspend()

    halting, resuming = at(1, halt), at(8, lambda: stopped[0].resume())

    def look(tick) -> None:
        halting(tick)
        resuming(tick)

    plan = plan_of(tmp_path, api.url, SOMEONE, steady(60, 9), crew=crew(2))
    document = carry_out(plan, on_tick=look).read_run()
    assert any("fell silent" in warning for warning in document.warnings)
    # It reported until the first second, and was given up five seconds later.
    assert 30 * 4 < document.arrivals.lost < 30 * 8
    assert document.arrivals.completed + document.arrivals.lost == 540
    assert not stopped[0].is_running()


def test_without_any_worker_left_no_verdict_is_sound(api, tmp_path):
    def kill() -> None:
        for worker in workers_of(os.getpid()):
            worker.kill()

    plan = plan_of(tmp_path, api.url, SOMEONE, steady(40, 4), crew=crew(2))
    document = carry_out(plan, on_tick=at(2, kill)).read_run()
    assert any("no other was left" in reason for reason in document.generator.reasons)
    assert document.arrivals.completed + document.arrivals.lost == 160


def test_users_of_a_worker_that_is_killed_leave_no_sound_verdict(api, tmp_path):
    def kill() -> None:
        workers_of(os.getpid())[0].kill()

    load = Swarm(users=6, spawn_rate=100, run_time=3)
    document = carry_out(plan_of(tmp_path, api.url, SOMEONE, load, crew=crew(2)), on_tick=at(1, kill)).read_run()
    assert any("what its users did is not known" in reason for reason in document.generator.reasons)


def test_a_signal_ends_all_and_leaves_a_complete_bundle(api, tmp_path):
    plan = plan_of(tmp_path, api.url, SOMEONE, steady(60, 60), crew=crew(2))
    bundle = carry_out(plan, on_tick=at(1, lambda: os.kill(os.getpid(), signal.SIGINT)))
    document = bundle.read_run()
    assert document.interrupted == "SIGINT"
    assert document.seconds < 8
    assert asked(bundle) == dict(api.requests)
    assert not workers_of(os.getpid())
    check_log_agrees(bundle)


def test_workers_come_from_elsewhere_with_the_key_and_the_same_locustfile(api, tmp_path):
    """A master that starts none, and two workers of other parents; who has another key or file gets nowhere."""
    plan = plan_of(tmp_path, api.url, SOMEONE, steady(60, 2), crew=crew(0, expect=2, port=free_port()), crew_key="k")
    other = tmp_path / "other.py"
    other.write_text(plan.locustfile.read_text() + "\n# changed\n")
    said: dict[str, str] = {}

    def enlist(name: str, locustfile: Path, key: str) -> None:
        enlistment = Enlistment(host="127.0.0.1", port=plan.crew.port, locustfile=str(locustfile), key=key)
        try:
            with EngineProcess(enlistment) as engine:
                list(engine.ticks())
                engine.finish()
            said[name] = "done"
        except EngineError as error:
            said[name] = str(error)

    helpers = [
        threading.Thread(target=enlist, args=each)
        for each in (("a", plan.locustfile, "k"), ("b", plan.locustfile, "k"), ("c", other, "k"))
    ]
    for helper in helpers:
        helper.start()
    bundle = carry_out(plan)
    for helper in helpers:
        helper.join()
    assert bundle.read_run().arrivals.completed == 120
    assert asked(bundle) == dict(api.requests)
    assert (said["a"], said["b"]) == ("done", "done")
    assert "not the same as the master's" in said["c"]


def test_workers_that_never_come_are_an_error_that_counts_them(api, tmp_path):
    plan = plan_of(tmp_path, api.url, SOMEONE, crew=crew(1, expect=2, patience=4))
    with pytest.raises(EngineError, match="only 1 of 2 workers came within 4 s"):
        carry_out(plan)
    assert not workers_of(os.getpid())


def test_a_locustfile_that_workers_cannot_run_is_an_error_before_the_load(api, tmp_path):
    text = """
        import os
        from locust import HttpUser, task
        from locust import events

        @events.init.add_listener
        def check(environment, runner, **_):
            if type(runner).__name__ == "WorkerRunner":
                raise SystemExit("not here")

        class Someone(HttpUser):
            @task
            def look(self):
                self.client.get("/")
    """
    with pytest.raises(EngineError, match="not here"):
        carry_out(plan_of(tmp_path, api.url, text, crew=crew(1)))


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
