"""A run from beginning to end, and every way in which it may end before."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest
import tailgate_slo
from tailgate_loadtest.errors import BundleError, EngineError, PlanError, TargetUnreachableError
from tailgate_loadtest.judge.verdict import judge_bundle
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run import engine
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.conduct import check_reachable
from tailgate_loadtest.run.plan import Plan
from tailgate_loadtest.shapes.profile import find

from tests.loadtest.conftest import OBJECTIVE, carry_out, objectives, plan_of, steady

LOOK = """
    from locust import FastHttpUser, task

    class Someone(FastHttpUser):
        @task
        def look(self):
            self.client.get("/fast")
"""


def engine_of(parent: int) -> psutil.Process:
    """The engine that a process started."""
    children = psutil.Process(parent).children()
    return next(child for child in children if "tailgate_loadtest.engine" in child.cmdline())


def at_tick(second: int, act):
    """Acts once, when the load has lasted so many seconds."""

    def on_tick(tick) -> None:
        if tick.second == second:
            act()

    return on_tick


def complete(bundle: Bundle) -> None:
    """Every file of a bundle is there, agrees with the others, and can be judged."""
    names = {path.name for path in bundle.path.iterdir()}
    assert {"run.json", "latency.hlog", "server.json", "traces.jsonl"} <= names
    document, log = bundle.read_run(), bundle.read_log()
    assert sum(record.requests for record in document.routes) == sum(
        log.whole(None, kind).total for kind in (Kind.RESPONSE, Kind.FAILED, Kind.CENSORED)
    )
    judge_bundle(bundle, None)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_load_and_leaves_a_complete_bundle_that_says_so(api, tmp_path, number, code):
    plan = plan_of(tmp_path, api.url, LOOK, steady(40, 60))
    bundle = carry_out(plan, on_tick=at_tick(1, lambda: os.kill(os.getpid(), number)))
    document = bundle.read_run()
    complete(bundle)
    assert document.interrupted == number.name
    assert document.seconds < 10
    assert document.measured_to == document.seconds
    assert document.generator.reasons == ()
    assert document.routes[0].requests == api.requests["GET /fast"] >= 35
    assert judge_bundle(bundle, objectives(("up", "measure: availability", "0.9"))).exit_code == code


def test_an_engine_that_somebody_else_ends_leaves_all_it_measured_and_no_verdict(api, tmp_path):
    plan = plan_of(tmp_path, api.url, LOOK, steady(40, 60))
    bundle = carry_out(plan, on_tick=at_tick(1, lambda: engine_of(os.getpid()).terminate()))
    document = bundle.read_run()
    complete(bundle)
    assert document.interrupted is None
    assert document.routes[0].requests == document.arrivals.arrived == api.requests["GET /fast"]
    assert document.arrivals.completed == document.arrivals.arrived
    assert "told to stop" in document.generator.reasons[0]
    assert judge_bundle(bundle, None).exit_code == 3


def test_an_engine_that_is_killed_leaves_a_bundle_with_the_reason(api, tmp_path):
    """Its last line is half written, as a kill leaves it."""

    def kill() -> None:
        started = engine_of(os.getpid())
        started.kill()
        while started.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            time.sleep(0.01)
        (log,) = tmp_path.glob("*/latency.hlog")
        with log.open("a") as file:
            file.write("Tag=response%20GET%20%2Ffast,3.000,1.000,9.1,HISTFAAAACh4nJ")

    plan = plan_of(tmp_path, api.url, LOOK, steady(40, 60))
    bundle = carry_out(plan, on_tick=at_tick(5, kill))
    document = bundle.read_run()
    complete(bundle)
    assert document.generator.reasons[0].startswith("the engine died (exit code -9)")
    assert document.routes[0].requests >= 30  # the seconds that were written before
    assert len(document.timeline) == 5
    assert document.arrivals.started >= 150
    assert judge_bundle(bundle, None).exit_code == 3


HANGING = """
    import itertools

    from gevent import monkey
    from locust import FastHttpUser, task

    looks, sleep = itertools.count(), monkey.get_original("time", "sleep")

    class Someone(FastHttpUser):
        @task
        def look(self):
            self.client.get("/fast")
            if next(looks) > 30:
                sleep(1000)  # and nobody else runs
"""


def test_an_engine_that_hangs_is_killed_when_it_is_told_to_stop(api, tmp_path):
    def stop_when_it_hangs() -> None:
        # The engine says nothing any more, so nothing but a signal from elsewhere can come.
        subprocess.Popen([sys.executable, "-c", f"import os, time; time.sleep(1); os.kill({os.getpid()}, 15)"])

    bundle = carry_out(plan_of(tmp_path, api.url, HANGING, steady(20, 60)), on_tick=at_tick(1, stop_when_it_hangs))
    complete(bundle)
    document = bundle.read_run()
    assert document.interrupted == "SIGTERM"
    assert document.generator.reasons[0].startswith("the engine hung and was killed")


def test_an_engine_that_says_nothing_for_long_is_taken_to_hang(api, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "SILENCE", 1.5)
    bundle = carry_out(plan_of(tmp_path, api.url, HANGING, steady(20, 60)))
    complete(bundle)
    assert bundle.read_run().generator.reasons[0].startswith("the engine hung and was killed")
    assert judge_bundle(bundle, None).exit_code == 3


@pytest.mark.parametrize("loading", [False, True], ids=["under load", "while its locustfile loads without end"])
def test_an_engine_ends_with_its_parent(api, tmp_path, loading):
    began = tmp_path / "began"
    plan_of(tmp_path, api.url, f"open({str(began)!r}, 'w').close()\nwhile {loading}: pass\n{textwrap.dedent(LOOK)}")
    script = f"""
from pathlib import Path
from tailgate_loadtest.run.conduct import conduct
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.run.plan import Plan
from tailgate_loadtest.shapes.profile import find
with Interruption() as interruption:
    here = Path({str(tmp_path)!r})
    plan = Plan(host={api.url!r}, locustfile=here / "locustfile.py", load=find("soak"), out=here)
    conduct(plan, interruption, on_tick=lambda _: print("tick", flush=True))
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    try:
        assert parent.stdout is not None
        if loading:
            while not began.exists():
                assert parent.poll() is None
        else:
            parent.stdout.readline()
        started = engine_of(parent.pid)
    finally:
        parent.kill()
        parent.communicate()
    _, alive = psutil.wait_procs([started], timeout=20)
    assert alive == []


def test_nothing_listens_there(tmp_path):
    plan = plan_of(tmp_path, "http://127.0.0.1:1", LOOK)
    with pytest.raises(TargetUnreachableError, match=r"nothing answers at http://127.0.0.1:1 .*Connection refused"):
        carry_out(plan)
    assert list(tmp_path.iterdir()) == [plan.locustfile]


@pytest.mark.parametrize("host", ["http://nowhere.invalid", f"http://{'a' * 70}.invalid", "http://127.0.0.1:1"])
def test_a_host_that_cannot_be_reached_is_named(host):
    with pytest.raises(TargetUnreachableError, match=f"nothing answers at {host}"):
        check_reachable(host)


@pytest.mark.parametrize(
    "host",
    [
        "localhost:80",
        "ftp://h",
        "http://",
        "http://h:99999",
        "http://h:x",
        "http://[::1",
        "",
        "http://h:0",
        "http://h?a=b",
    ],
)
def test_what_is_no_address_is_refused(host):
    with pytest.raises(PlanError, match="is no address"):
        Plan(host=host, locustfile=Path("x.py"), load=steady(), out=Path())


def test_an_address_with_a_password_is_refused():
    with pytest.raises(PlanError, match="would enter the bundle"):
        Plan(host="http://me:hush@h", locustfile=Path("x.py"), load=steady(), out=Path())


def test_a_plan_drains_for_twice_its_largest_threshold_and_five_seconds_at_least():
    def drain(*thresholds: str) -> float:
        measures = [(f"x{t}", f"measure: latency, route: GET /a, threshold: {t}", "0.9") for t in thresholds]
        known = objectives(*measures) if measures else None
        return Plan(host="http://h", locustfile=Path("x"), load=steady(), out=Path(), objectives=known).drain

    assert drain() == drain("500ms") == drain("2500ms") == 5
    assert drain("500ms", "4s") == 8


def test_a_plan_is_recorded_as_it_was(tmp_path):
    plan = Plan(
        host="http://h", locustfile=tmp_path / "mine.py", load=find("breakpoint"), out=Path(), run_secret="hush"
    )
    record = plan.record()
    assert (record.profile, record.model, record.steps, record.warmup) == ("breakpoint", "open", True, 10)
    assert [stage.end for stage in record.stages] == [stage.end for stage in find("breakpoint").stages]
    assert record.locustfile == "mine.py"
    assert "hush" not in repr(plan) + record.model_dump_json()


def test_a_bundle_keeps_the_objectives_it_was_judged_by(api, tmp_path):
    slo = tmp_path / "slo.yaml"
    slo.write_text(
        OBJECTIVE.format(name="fast", measure="measure: latency, route: GET /fast, threshold: 2s", target="0.9")
        + "---\napiVersion: tailgate/v1\nkind: Gate\nmetadata: {name: all}\nspec: {minimumSamples: 30}\n"
    )
    known = tailgate_slo.load(slo)
    bundle = carry_out(plan_of(tmp_path, api.url, LOOK, objectives=known, metrics_url=f"{api.url}/no-metrics"))
    assert bundle.objectives.read_text() == slo.read_text()
    # What is found, not the exit code: on a busy machine one late arrival in so few makes a generator unhealthy.
    judged = judge_bundle(bundle, tailgate_slo.load(bundle.objectives))
    assert {finding.verdict for finding in judged.objectives} == {"pass"}
    assert judged.slo_digest == bundle.read_run().plan.slo_digest
    # A page that is no metrics page is said, and ends nothing.
    document = bundle.read_run()
    assert document.server == "absent"
    assert "could not be read at the start" in document.warnings[0]
    assert document.plan.slo == "slo.yaml"
    assert document.plan.slo_digest == known.digest


def test_a_directory_called_latest_is_refused_before_the_load(api, tmp_path):
    (tmp_path / "latest").mkdir()
    with pytest.raises(BundleError, match="latest: is no link of ours"):
        carry_out(plan_of(tmp_path, api.url, LOOK))
    assert api.requests.total() == 0


def test_an_engine_that_dies_before_the_load_is_an_error_and_leaves_no_bundle(api, tmp_path):
    plan = plan_of(tmp_path, api.url, "import os\nprint('so long', flush=True)\nos._exit(9)\n")
    with pytest.raises(EngineError, match=r"the engine died \(exit code 9\): so long"):
        carry_out(plan)
    assert not list(tmp_path.glob("20*"))


def test_run_json_is_what_its_schema_says(api, tmp_path):
    bundle = carry_out(plan_of(tmp_path, api.url, LOOK, labels={"branch": "main"}, facts={"variant": "parallel"}))
    raw = json.loads((bundle.path / "run.json").read_text())
    assert raw["schema"] == "tailgate/run/v1"
    assert raw["tags"] == {"branch": "main"}
    assert raw["environment"]["variant"] == "parallel"
    assert raw["environment"]["cores"] >= 1
    assert raw["interrupted"] is None
