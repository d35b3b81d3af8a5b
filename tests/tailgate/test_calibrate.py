"""``tailgate calibrate``: gates of one API against itself, kept one by one, and what later verdicts take from them."""

import json
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tailgate_loadtest.judge.regression.calibration.rates import bounds
from tailgate_loadtest.judge.regression.calibration.records import Calibration, CalibrationsDocument, GateRecord
from tailgate_loadtest.judge.regression.document import ComparisonDocument
from tailgate_loadtest.judge.regression.terms.asked import Asked, Terms
from tailgate_loadtest.judge.regression.together import judge_pair
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.comparison import Comparison
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.shapes.sides import SIDES
from tailgate_slo import Objectives

from tailgate.asking import request_of
from tailgate.calibrating import CALIBRATION, Keep, calibrate, setting_of, side_of, with_rates
from tailgate.comparing import Request
from tests.loadtest.conftest import Api, bundle, objectives  # noqa: F401 - the fixture
from tests.loadtest.gates import intervals, probed
from tests.tailgate.shop import git

from .conftest import Command

LOCUSTFILE = """
from locust import FastHttpUser, task


class Visitor(FastHttpUser):
    @task
    def look(self):
        self.client.get("/fast")
"""
BRISK = """
apiVersion: tailgate/v1
kind: Profile
name: brisk
stages: [{duration: 10s, rate: 40}]
"""
LOAD = ("-f", "locustfile.py", "--profile", "brisk.yaml", "--turn", "1", "--budget", "26s", "--error-rate", "0.0001")
SIDE = "http://127.0.0.1:1"


@pytest.fixture
def project(tailgate: Command) -> Command:
    """A directory with what is to be loaded, and how."""
    (tailgate.cwd / "locustfile.py").write_text(LOCUSTFILE)
    (tailgate.cwd / "brisk.yaml").write_text(BRISK)
    return tailgate


@pytest.fixture
def asked(project: Command, monkeypatch: pytest.MonkeyPatch) -> Request:
    """What ``tailgate ab`` with the same options would be asked for there."""
    monkeypatch.chdir(project.cwd)
    return request_of(
        base=SIDE,
        candidate=SIDE,
        budget="26s",
        turn=1,
        error_rate=0.0001,
        classes=None,
        locustfile="locustfile.py",
        profile="brisk.yaml",
        slo=None,
        targets=None,
        openapi=None,
        tolerate=None,
        seed=1,
        db_rtt="0ms",
        out=None,
    )


def gates(number: int, alarms: int = 0) -> tuple[GateRecord, ...]:
    return tuple(
        GateRecord(
            id=f"gate-{n}",
            started=f"2026-05-20T08:00:{n:02}+00:00",
            seed=n,
            revision=None,
            verdict="fail" if n < alarms else "pass",
            at=24.0,
            reasons=("it is so",) if n < alarms else (),
            looks=(24.0,),
            seen=(),
        )
        for n in range(number)
    )


def keep(*calibrations: Calibration, path: Path = CALIBRATION) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(CalibrationsDocument(calibrations=calibrations).model_dump_json(by_alias=True))


def kept(directory: Path) -> CalibrationsDocument:
    return CalibrationsDocument.model_validate_json((directory / CALIBRATION).read_text())


@pytest.mark.xdist_group("two sides")
@pytest.mark.timeout(180)
def test_a_calibration_goes_on_with_the_next_gate_until_it_is_interrupted(project: Command, asked: Request) -> None:
    with Api() as api:
        earlier = Calibration(setting=setting_of(asked), side=api.url, gates=gates(1))
        keep(earlier)
        process = project.start("calibrate", "--side", api.url, *LOAD, "--gates", "9")
        assert process.stderr is not None
        lines = [next(process.stderr)]
        while sum("loading both" in line for line in lines) < 2:
            lines.append(next(process.stderr))
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert lines[0].startswith("1 gate is there already, of 9")
    assert "gate 2 of 9\n" in lines
    assert "gate 3 of 9\n" in lines
    assert "0 false alarms in 2 gates" in said
    (calibration,) = kept(project.cwd).calibrations
    before, gate = calibration.gates
    assert (before,) == earlier.gates
    assert (gate.seed, gate.looks) == (2, (24.0,))
    assert gate.verdict in ("pass", "inconclusive")
    assert [(seen.route, seen.measure) for seen in gate.seen] == [("GET /fast", "p50"), ("GET /fast", "failures")]
    # Of the one that was interrupted nothing is left.
    (directory,) = CALIBRATION.with_suffix("").glob("*-ab")
    assert directory.name == gate.id
    assert (directory / "candidate" / "latency.hlog").exists()
    assert project.here("report", str(directory)).returncode == 0


MORTAL = """
import http.server, os, sys

class Shop(http.server.BaseHTTPRequestHandler):
    left = 500

    def do_GET(self):
        Shop.left -= 1
        if Shop.left < 0:
            sys.stderr.write("\\x1b[2J\\x1b[31mout of memory\\x07\\n")
            sys.stderr.flush()
            os._exit(3)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["TAILGATE_PORT"])), Shop).serve_forever()
"""


@pytest.mark.xdist_group("two sides")
@pytest.mark.timeout(180)
def test_a_gate_whose_sides_died_counts_apart_and_says_which_and_why(project: Command) -> None:
    (project.cwd / "mortal.py").write_text(MORTAL)
    side = f"cmd:exec {sys.executable} mortal.py"
    # More than this side lasts for, both together: which of them dies first is chance.
    (project.cwd / "brisk.yaml").write_text(BRISK.replace("rate: 40", "rate: 150"))
    done = project("calibrate", "--side", side, *LOAD, "--gates", "1", "--json")
    assert done.returncode == 3, done.stderr
    told = json.loads(done.stdout)
    assert (told["page"], told["rates"]) == (None, None)
    (gate,) = told["gates"]
    died = re.fullmatch(
        r"((^|; )(base|candidate): its service died \d+ s into the load: exit code 3;"
        r" its log is .tailgate/sides/\3.log)+",
        gate["aborted"],
    )
    assert died is not None, gate["aborted"]
    complaint = " ".join(done.stderr.split())
    assert f"gate 1 of 1: gave out: {gate['aborted']}" in complaint
    assert "out of memory" in complaint
    assert not {"\x1b", "\x07"} & set(done.stderr + done.stdout)
    # It is kept, for whoever wants to know more, and told again.
    (directory,) = (project.cwd / CALIBRATION.with_suffix("")).glob("*-ab")
    assert (directory / "report.html").exists()
    again = project.here("calibrate", "--side", side, *LOAD, "--gates", "1")
    assert again.returncode == 3
    assert "In 1 gate a side gave out under the load" in " ".join(again.stdout.split())


@pytest.fixture
def made(
    asked: Request,
    bundle: Callable[..., Bundle],  # noqa: F811 - the fixture
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., tuple[Calibration, int]]:
    """Calibrates by gates that were loaded beforehand: one for each factor by which the candidate is slower."""

    def made(*slower: float, keep: Keep = Keep.LOGS, limits: Objectives | None = None) -> tuple[Calibration, int]:
        request = replace(asked, budget=205.0, turn=5, profile=replace(asked.profile, warmup=5.0), error_rate=0.01)
        left = list(slower)

        def compare(request: Request, interruption: Interruption) -> tuple[Comparison, ComparisonDocument]:
            assert not request.stops
            comparison = probed(Comparison.create(request.out, "test"))
            for side, found in intervals(request.design, left.pop(0)).items():
                comparison.bundle(side).path.rmdir()
                path = str(comparison.bundle(side).path.resolve())
                plan = {"slo_digest": limits.digest} if limits else {}
                written = bundle(found, path=path, seconds=request.budget, plan=plan)
                written.traces.touch()
                if limits:
                    written.write_text(written.objectives.name, limits.text)
            sides = {side: Asked(what=SIDE, revision=None, facts={}) for side in SIDES}
            terms = Terms(sides=sides, design=request.design, error_rate=request.error_rate, fresh=True)
            return comparison, judge_pair(comparison, terms)

        monkeypatch.setattr("tailgate.calibrating.compare", compare)
        return calibrate(request, CALIBRATION, len(slower), keep)

    return made


def test_each_gate_has_a_seed_of_its_own_and_what_its_logs_came_to(made: Callable[..., Any]) -> None:
    calibration, code = made(1.0, 1.0)
    assert (code, [gate.seed for gate in calibration.gates]) == (0, [1, 2])
    for gate in calibration.gates:
        assert gate.looks == (125.0, 165.0, 205.0)
        assert [seen.measure for seen in gate.seen] == ["p50", "p95", "failures"]
        directory = CALIBRATION.with_suffix("") / gate.id
        left = {path.name for path in (directory / "base").iterdir()}
        assert left == {"latency.hlog", "run.json", "verdict.json"}
        assert ComparisonDocument.model_validate_json((directory / "comparison.json").read_text()).id == gate.id


def test_what_was_measured_of_another_setting_is_not_lost(asked: Request, made: Callable[..., Any]) -> None:
    other = Calibration(setting=setting_of(asked), side=SIDE, gates=gates(3))
    keep(other)
    calibration, _ = made(1.0)
    assert kept(Path()).calibrations == (other, calibration)


def test_of_a_false_alarm_everything_is_kept(made: Callable[..., Any]) -> None:
    calibration, _ = made(1.0, 1.5, keep=Keep.NONE)
    alarm = calibration.gates[1]
    assert (alarm.verdict, alarm.at) == ("fail", 125.0)
    assert any("GET /shop p50: +4" in reason for reason in alarm.reasons)
    (directory,) = CALIBRATION.with_suffix("").glob("*-ab")
    assert directory.name == alarm.id
    assert (directory / "report.html").exists()
    assert (directory / "base" / "traces.jsonl").exists()
    kept = ComparisonDocument.model_validate_json((directory / "comparison.json").read_text())
    # As it would have been written, had the load ended when it was decided.
    assert [(look.at, look.decided) for look in kept.looks] == [(125.0, "fail")]


def test_what_is_taken_on_ends_a_gate_no_sooner_than_it_would_a_real_one(made: Callable[..., Any]) -> None:
    """At the first look it is worse, and its interval is still too wide for the entry."""
    entry = "{route: GET /shop, measure: latency, bound: 0.37, until: 2030-01-31, why: signed uploads}"
    limits = objectives(("shop", "measure: latency, route: GET /shop, threshold: 1s", "0.9"), gate=f"accept: [{entry}]")
    calibration, _ = made(1.2, limits=limits)
    (gate,) = calibration.gates
    assert (gate.verdict, gate.at) == ("pass", 165.0)


def test_a_load_goes_on_to_its_end_though_it_is_decided(asked: Request) -> None:
    request = replace(asked, budget=90.0)
    assert [look.at for look in request.early] == [24.0, 56.0]
    assert replace(request, stops=False).early == ()


def test_gates_that_are_there_already_are_shown_without_a_load(project: Command, asked: Request) -> None:
    found = Calibration(setting=setting_of(asked), side=SIDE, gates=gates(20))
    keep(found)
    done = project.here("calibrate", "--side", SIDE, *LOAD, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["rates"]["false_alarms_high"] == bounds(0, 20)[1]
    assert Calibration.model_validate({name: told[name] for name in Calibration.model_fields}) == found
    done = project.here("calibrate", "--side", SIDE, *LOAD, "--gates", "5")
    assert done.returncode == 0, done.stderr
    assert "0 false alarms in 20 gates" in done.stdout
    assert "fewer than 13.9 %" in " ".join(done.stdout.split())
    assert (project.cwd / CALIBRATION.with_suffix(".html")).exists()


def test_more_alarms_than_promised_are_no_success(project: Command, asked: Request) -> None:
    keep(Calibration(setting=setting_of(asked), side=SIDE, gates=gates(20, alarms=3)))
    done = project.here("calibrate", "--side", SIDE, *LOAD)
    assert done.returncode == 1
    assert "! gate-0: it is so" in done.stdout


def test_gates_of_another_side_or_setting_are_left_as_they_are(project: Command, asked: Request) -> None:
    setting = setting_of(asked)
    others = (
        Calibration(setting=setting, side="working tree", gates=gates(3)),
        Calibration(setting=setting.model_copy(update={"budget": 60.0}), side=SIDE, gates=gates(4)),
    )
    keep(*others)
    # Nobody answers there, so that no gate comes of it.
    done = project.here("calibrate", "--side", SIDE, *LOAD)
    assert done.returncode == 2
    assert "gates are there already" not in done.stderr
    assert kept(project.cwd).calibrations == others


def test_a_verdict_repeats_what_is_known_of_such_gates(asked: Request) -> None:
    setting = setting_of(asked)
    keep(
        Calibration(setting=setting, side=SIDE, gates=gates(7)),
        Calibration(setting=setting, side="parallel", gates=gates(9)),
        Calibration(setting=setting.model_copy(update={"turn": 2}), side=SIDE, gates=gates(11)),
        Calibration(setting=setting, side="empty", gates=()),
    )
    known = with_rates(asked, CALIBRATION)
    assert known.rates is not None
    assert (known.rates.gates, known.unrated) == (7, None)


def test_gates_of_another_setting_are_named_and_not_repeated(asked: Request) -> None:
    other = setting_of(asked).model_copy(update={"budget": 60.0})
    keep(
        Calibration(setting=other.model_copy(update={"turn": 2}), side=SIDE, gates=gates(9)),
        Calibration(setting=other, side="parallel", gates=gates(7)),
    )
    known = with_rates(asked, CALIBRATION)
    assert known.rates is None
    assert known.unrated == "`tailgate calibrate` was run with budget 60 s instead of 26 s"


def test_what_is_in_a_profile_and_a_locustfile_makes_the_setting(asked: Request, project: Command) -> None:
    keep(Calibration(setting=setting_of(asked), side=SIDE, gates=gates(7)))
    (project.cwd / "locustfile.py").write_text(LOCUSTFILE.replace("/fast", "/slow"))
    assert with_rates(asked, CALIBRATION).unrated == (
        "`tailgate calibrate` was run with locustfile locustfile.py as it was then"
    )


def test_gates_in_which_a_side_gave_out_are_no_rates_for_a_verdict(asked: Request) -> None:
    gone = tuple(gate.model_copy(update={"aborted": "base: its service died"}) for gate in gates(5))
    keep(Calibration(setting=setting_of(asked), side=SIDE, gates=gone))
    assert with_rates(asked, CALIBRATION) == asked


def test_where_nothing_was_ever_measured_nothing_is_said(asked: Request) -> None:
    assert with_rates(asked, CALIBRATION) == asked


DAMAGED = [
    ("{", "is not JSON"),
    ('{"schema": "tailgate/calibration/v9"}', "written by a newer tailgate"),
    ('{"schema": "tailgate/run/v1"}', "not a tailgate/calibration/v1 document"),
    ('{"schema": "tailgate/calibration/v1", "calibrations": [{}]}', "calibrations.0.setting: Field required"),
]


@pytest.mark.parametrize(("text", "why"), DAMAGED)
def test_a_damaged_file_stops_no_verdict_and_is_never_written_over(
    asked: Request, refused: Callable[..., str], text: str, why: str
) -> None:
    CALIBRATION.parent.mkdir()
    CALIBRATION.write_text(text)
    known = with_rates(asked, CALIBRATION)
    assert known.rates is None
    assert why in (known.unrated or "")
    assert why in refused("calibrate", "--side", SIDE, *LOAD)
    assert CALIBRATION.read_text() == text


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--calibration", "here"), "--calibration here: give a name that ends with .json"),
        (("--budget", "5s"), "--budget 5s: 24s are the least"),
        (("-f", "absent.py"), "-f absent.py: there is no such file"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_loaded(
    project: Command, refused: Callable[..., str], foreign_api: str, options: tuple[str, ...], why: str
) -> None:
    assert why in refused("calibrate", "--side", foreign_api, *LOAD, *options)


@pytest.mark.parametrize(
    ("side", "why"),
    [
        (SIDE, "start the service, or correct --side"),
        ("http://user:sesame@127.0.0.1", "--side: what begins with http:// or https:// is an address"),
        ("nobody", "--side nobody: there is no such revision"),
        ("main", "--side main: tailgate.yaml does not say how a revision is started"),
        ("cmd:exit 4", "--side cmd:exit 4: its start ended with exit code 4"),
        ("compose:absent.yml", "--side compose:absent.yml: "),
    ],
)
def test_a_side_that_cannot_be_had_is_named_by_its_option(
    project: Command, refused: Callable[..., str], side: str, why: str
) -> None:
    git(project.cwd, "init", "-q", "-b", "main")
    git(project.cwd, "commit", "-q", "--allow-empty", "-m", "nothing to run")
    said = refused("calibrate", "--side", side, *LOAD)
    assert why in said
    assert "--base" not in said
    assert "--candidate" not in said


def test_a_side_that_dies_before_the_load_is_named_by_its_option(project: Command, refused: Callable[..., str]) -> None:
    (project.cwd / "mortal.py").write_text(MORTAL.replace("500", "50"))
    side = f"cmd:exec {sys.executable} mortal.py"
    assert re.search(r"--side cmd:\S+ mortal.py: its service ended when", refused("calibrate", "--side", side, *LOAD))


def test_a_search_for_the_highest_rate_is_refused_before_anything_is_written(
    project: Command, refused: Callable[..., str]
) -> None:
    asked = (*LOAD, "--profile", "breakpoint")
    assert "--profile breakpoint: a search for the highest rate compares" in refused(
        "calibrate", "--side", SIDE, *asked
    )
    assert not (project.cwd / CALIBRATION.parent).exists()


def test_nothing_is_begun_where_nothing_can_be_kept(project: Command, refused: Callable[..., str]) -> None:
    (project.cwd / ".tailgate").write_text("")
    assert ".tailgate" in refused("calibrate", "--side", SIDE, *LOAD)


@pytest.mark.parametrize(
    ("what", "name"),
    [(None, "working tree"), (".", "working tree"), ("parallel", "parallel"), (SIDE, SIDE), ("v1.2", "v1.2")],
)
def test_a_side_has_a_name(what: str | None, name: str) -> None:
    assert side_of(what) == name


def test_a_command_is_kept_without_what_it_holds() -> None:
    name = side_of("cmd:PASSWORD=sesame ./shop")
    assert name.startswith("cmd:")
    assert "sesame" not in name
    assert name != side_of("cmd:PASSWORD=sesame ./other")


def test_what_is_kept_is_no_part_of_the_working_tree(project: Command, asked: Request) -> None:
    project.here("calibrate", "--side", SIDE, *LOAD)
    assert (project.cwd / CALIBRATION.parent / ".gitignore").read_text() == "*\n"
