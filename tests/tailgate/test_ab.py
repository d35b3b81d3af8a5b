"""``tailgate ab`` on two live APIs: what is worse is named, what is the same never is, and doubt does not pass."""

import json
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.loadtest.conftest import OBJECTIVE
from tests.server import Request, Response, Server
from tests.tailgate import shop as perl
from tests.tailgate.conftest import Command, a_users_environment, below, free_port

pytestmark = pytest.mark.xdist_group("two sides")

SLOW, FAST = "GET /basket", "GET /items"
LOCUSTFILE = """
from locust import constant, task
from tailgate_loadtest.engine.http import LoadUser


class Shopper(LoadUser):
    wait_time = constant(0)

    @task
    def look(self):
        self.client.get("/items")

    @task
    def buy(self):
        self.client.get("/basket")
"""
PROFILE = "name: steady\nstages: [{duration: 1m, rate: 120}]\nusers: 200\n"
LENGTH = ("--seed", "1", "--turn", "1", "--budget", "40s")
"""Five cycles, each of 4 s for both and two pairs of turns of a second."""


@contextmanager
def shop(**takes: float | None) -> Iterator[Server]:
    """Answers after so many seconds by path, or with 500 where that is None."""

    def answer(request: Request) -> Response:
        seconds = takes[request.path.removeprefix("/")]
        server.over.wait(seconds or 0.0)
        return Response(b"{}", 500 if seconds is None else 200)

    with Server(answer) as server:
        yield server


def command(directory: Path) -> Command:
    directory.mkdir(exist_ok=True)
    (directory / "locustfile.py").write_text(LOCUSTFILE)
    (directory / "steady.yaml").write_text(PROFILE)
    (directory / "tailgate.yaml").write_text("locustfile: locustfile.py\nprofile: steady.yaml\n")
    return Command(directory)


@pytest.fixture(scope="module")
def worse(tmp_path_factory: pytest.TempPathFactory) -> tuple[Command, int, dict[str, Any]]:
    """A comparison whose candidate takes half as long again for one of two routes."""
    ab = command(tmp_path_factory.mktemp("worse"))
    with shop(items=0.02, basket=0.02) as base, shop(items=0.02, basket=0.03) as candidate:
        done = ab("ab", "--base", base.url, "--candidate", candidate.url, *LENGTH, "--json")
    return ab, done.returncode, json.loads(done.stdout)


def test_what_is_worse_is_named_and_what_is_not_is_not(worse: tuple[Command, int, dict[str, Any]]) -> None:
    _, code, told = worse
    assert (code, told["verdict"]) == (1, "fail")
    cells = {(cell["route"], cell["measure"]): cell for cell in told["cells"]}
    assert {route for (route, _), cell in cells.items() if cell["verdict"] == "fail"} == {SLOW}
    found = cells[SLOW, "p50"]
    assert found["verdict"] == "fail"
    assert found["low"] < 1.5 < found["high"] or 1.3 < found["ratio"] < 1.6
    assert all(SLOW in reason for reason in told["reasons"])
    assert told["error_rate"] == 0.01
    # At the first look there are too few windows to be so sure.
    assert [(look["at"], look["decided"]) for look in told["looks"]] == [(24, None), (40, "fail")]


def test_all_of_it_is_on_disk_and_judged_again_it_is_the_same(worse: tuple[Command, int, dict[str, Any]]) -> None:
    ab, code, told = worse
    directory = (ab.cwd / "runs" / "latest").resolve()
    assert str(directory).endswith(told["comparison"])
    for name in ("comparison.json", "report.html", "base/run.json", "candidate/latency.hlog", "probe/base.jsonl"):
        assert (directory / name).stat().st_size > 0, name
    before = json.loads((directory / "comparison.json").read_text())
    again = ab.here("gate", "runs/latest", "--json")
    assert again.returncode == code
    assert json.loads((directory / "comparison.json").read_text()) == before


def halved(path: Path) -> None:
    """Cut short between two lines."""
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: len(lines) // 2]))


def test_no_verdict_comes_of_what_is_left_of_it(worse: tuple[Command, int, dict[str, Any]], tmp_path: Path) -> None:
    ab, _, _ = worse
    damages: tuple[tuple[Callable[[Path], object], str], ...] = (
        (lambda made: (made / "comparison.json").write_text("{}"), "comparison.json: has schema None"),
        (lambda made: (made / "base" / "run.json").unlink(), "base/run.json: cannot be read"),
        (lambda made: (made / "candidate" / "server.json").unlink(), "candidate/server.json: cannot be read"),
        (lambda made: (made / "candidate" / "latency.hlog").unlink(), "candidate/latency.hlog: cannot be read"),
        (lambda made: halved(made / "candidate" / "latency.hlog"), "candidate/latency.hlog: has"),
        (lambda made: shutil.rmtree(made / "probe"), "probe/base.jsonl: cannot be read"),
        (lambda made: (made / "probe" / "candidate.jsonl").unlink(), "probe/candidate.jsonl: cannot be read"),
        (lambda made: halved(made / "probe" / "base.jsonl"), "probe/base.jsonl: breaks off before its end"),
    )
    for number, (damage, why) in enumerate(damages):
        made = shutil.copytree((ab.cwd / "runs" / "latest").resolve(), tmp_path / f"{number}")
        damage(made)
        done = ab.here("gate", str(made))
        assert done.returncode == 2, (why, done.stdout)
        # Words are broken where the terminal ends.
        assert "".join(why.split()) in "".join(done.stderr.split())


def test_sides_that_are_the_same_are_never_called_worse(tmp_path: Path) -> None:
    ab = command(tmp_path)
    with shop(items=0.01, basket=0.01) as base, shop(items=0.01, basket=0.01) as candidate:
        asked = ("--base", base.url, "--candidate", candidate.url, *LENGTH, "--error-rate", "0.000001", "--json")
        done = ab("ab", *asked)
    assert done.stdout, done.stderr
    told = json.loads(done.stdout)
    assert done.returncode in (0, 3), told["reasons"]
    seconds = [int(found) for found in re.findall(r"^ *(\d+) s  ", done.stderr, re.MULTILINE)]
    assert seconds == sorted(seconds)
    assert [cell for cell in told["cells"] if cell["verdict"] == "fail"] == []
    assert [found for found in told["exact"] if found["worse"]] == []


def test_a_route_that_only_fails_now_is_worse_by_its_first_answers_and_ends_the_load(tmp_path: Path) -> None:
    ab = command(tmp_path)
    with shop(items=0.0, basket=0.0) as base, shop(items=0.0, basket=None) as candidate:
        asked = ("--base", base.url, "--candidate", candidate.url, *LENGTH, "--error-rate", "0.1", "--json")
        told = json.loads(ab.here("ab", *asked).stdout)
    assert (told["verdict"], told["exit_code"]) == ("fail", 1)
    assert {"route": SLOW, "measure": "failures"} in [
        {"route": cell["route"], "measure": cell["measure"]} for cell in told["cells"] if cell["verdict"] == "fail"
    ]
    assert [(look["at"], look["decided"]) for look in told["looks"]] == [(24, "fail")]
    for side in ("base", "candidate"):
        run = json.loads((tmp_path / "runs" / "latest" / side / "run.json").read_text())
        assert run["ended"] == "the load was ended by what its first 24 s had shown"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_leaves_what_was_measured_and_no_verdict(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    ab = command(tmp_path)
    with shop(items=0.0, basket=0.0) as base, shop(items=0.0, basket=0.0) as candidate:
        process = ab.start("ab", "--base", base.url, "--candidate", candidate.url, *LENGTH)
        if process.stderr is None:
            raise ValueError("its errors are not ours")
        for line in process.stderr:
            if line.startswith("  10 s"):
                process.send_signal(number)
                break
        said = process.communicate(timeout=60)
    assert process.returncode == code, said
    told = json.loads((tmp_path / "runs" / "latest" / "comparison.json").read_text())
    assert told["verdict"] == "interrupted"
    assert sum(cell["samples_base"] for cell in told["cells"]) == 0


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--budget", "20s"), "--budget 20s: 48s are the least"),
        (("--budget", "soon"), "--budget: 'soon'"),
        (("--db-rtt", "5ms"), "--db-rtt is put before the reference API's own database"),
        (("-f", "nowhere.py"), "-f nowhere.py: there is no such file"),
        (("--profile", "mixed.yaml"), "mix: no user class is called 'Nobody'; there are Shopper"),
    ],
)
def test_what_cannot_be_compared_is_named_and_leaves_nothing(tmp_path: Path, asked: tuple[str, ...], said: str) -> None:
    ab, port = command(tmp_path), free_port()
    (tmp_path / "mixed.yaml").write_text(f"{PROFILE}mix: {{Shopper: 1, Nobody: 1}}\n")
    with ExitStack() as stack:
        base, candidate = (stack.enter_context(shop(items=0.0, basket=0.0)) for _ in range(2))
        given = [each.format(port=port) for each in asked]
        done = ab.here("ab", "--base", base.url, "--candidate", candidate.url, *given)
    assert done.returncode == 2
    assert said.format(port=port) in done.stderr
    assert base.asked == candidate.asked == []
    assert not list((tmp_path / "runs").glob("*-ab")) if (tmp_path / "runs").exists() else True


@pytest.mark.parametrize("given", ["option", "settings"])
def test_a_search_for_the_highest_rate_is_refused_before_anybody_is_looked_for(tmp_path: Path, given: str) -> None:
    ab, dead = command(tmp_path), f"http://127.0.0.1:{free_port()}"
    if given == "settings":
        (tmp_path / "tailgate.yaml").write_text("locustfile: locustfile.py\nprofile: breakpoint\n")
    option = ("--profile", "breakpoint") if given == "option" else ()
    done = ab.here("ab", "--base", dead, "--candidate", dead, *option)
    assert done.returncode == 2
    assert "--profile breakpoint: a search for the highest rate compares nothing" in done.stderr
    assert "such as gate" in done.stderr
    assert not (tmp_path / ".tailgate").exists()


@pytest.mark.parametrize("option", ["--base", "--candidate"])
def test_an_address_at_which_nothing_answers_is_named_by_its_option_before_anybody_is_asked(
    tmp_path: Path, option: str
) -> None:
    ab, dead = command(tmp_path), f"http://127.0.0.1:{free_port()}"
    with shop(items=0.0, basket=0.0) as alive:
        asked = {"--base": alive.url, "--candidate": alive.url, option: dead}
        done = ab.here("ab", *(word for pair in asked.items() for word in pair))
    assert done.returncode == 2
    assert f"nothing answers at {dead} (Connection refused); start the service, or correct {option}" in done.stderr
    assert alive.asked == []
    assert not (tmp_path / "runs").exists()


MORTAL = r"""
use IO::Socket::INET;
my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $ARGV[0], Listen => 128, ReuseAddr => 1);
while (my $client = $listener->accept) {
  while (defined(my $line = <$client>)) { last if $line =~ /^\r?$/ }
  if (++$asked > LIFE) { print STDERR "at request $asked \e[31mout of memory\a\n"; exit 3 }
  print $client "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
  close $client;
}
"""


def mortal(directory: Path, base: str, candidate: str) -> tuple[str, ...]:
    """Both sides, each with how many requests it answers before it dies."""
    lives = {"base": base, "candidate": candidate}
    for side, life in lives.items():
        (directory / f"{side}.pl").write_text(MORTAL.replace("LIFE", life))
    return tuple(word for side in lives for word in (f"--{side}", f'cmd:exec perl {side}.pl "$TAILGATE_PORT"'))


def test_a_base_that_dies_before_the_load_is_nothing_to_compare_with(tmp_path: Path) -> None:
    done = command(tmp_path).here("ab", *mortal(tmp_path, "50", "1e9"), *LENGTH)
    assert done.returncode == 2
    assert "--base cmd:perl base.pl …: its service ended when it was asked one request after the other" in done.stderr
    assert "the service of the base has ended: exit code 3; its log" in done.stderr
    assert not list((tmp_path / "runs").glob("*-ab"))


def test_a_side_that_dies_under_the_load_is_named_with_how_and_when_and_what_it_wrote(tmp_path: Path) -> None:
    ab = command(tmp_path)
    done = ab.here("ab", *mortal(tmp_path, "1e9", "600"), *LENGTH)
    assert done.returncode == 1, done.stderr
    told = json.loads((tmp_path / "runs" / "latest" / "comparison.json").read_text())
    died = re.fullmatch(
        r"candidate: its service died (\d+) s into the load: exit code 3; its log is .tailgate/sides/candidate.log",
        told["aborted"],
    )
    assert died is not None, told["aborted"]
    assert int(died[1]) < 20
    assert told["reasons"][0] == told["aborted"]
    assert told["gave_out"] == ["candidate"]
    assert " ".join(told["aborted"].split()) in " ".join(done.stdout.split())
    assert "the service of the candidate has ended: exit code 3; its log" in done.stderr
    assert "at request 601 �[31mout of memory�" in done.stderr
    assert "\x1b" not in done.stderr + done.stdout
    assert "out of memory" not in json.dumps(told)
    assert [told[side]["what"] for side in ("base", "candidate")] == ["cmd:perl base.pl …", "cmd:perl candidate.pl …"]


def test_examples_of_the_help_stand_in_lines_of_their_own(tmp_path: Path) -> None:
    done = Command(tmp_path, a_users_environment() | {"COLUMNS": "120"}).here("ab", "--help")
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "tailgate ab" in lines
    assert "tailgate ab --base v1.2 --candidate HEAD" in lines


CUSTOMERS = """
from locust import constant, task
from tailgate_loadtest.engine.http import LoadUser


class Customer(LoadUser):
    wait_time = constant(0)

    @task
    def look(self):
        self.client.get("/catalogue")

    @task
    def ask(self):
        self.client.get("/opening-hours")
"""


def waiting(threshold: str) -> str:
    """Objectives on the catalogue."""
    measure = f"measure: latency, route: GET /catalogue, threshold: {threshold}"
    return OBJECTIVE.format(name="catalogue", measure=measure, target="0.95")


def test_a_project_in_another_language_is_compared_with_where_it_left_the_default_branch(tmp_path: Path) -> None:
    before, project = below(), perl.repository(tmp_path / "shop")
    perl.git(project, "checkout", "-q", "main")
    (project / "slo.yaml").write_text(waiting("100ms"))
    (project / "locustfile.py").write_text(CUSTOMERS)
    perl.git(project, "add", ".")
    perl.git(project, "commit", "-q", "-m", "how long a customer may wait")
    perl.git(project, "checkout", "-q", "slower")
    perl.git(project, "rebase", "-q", "main")
    # As it stands, not committed, and by another name.
    (project / "slo.yaml").unlink()
    (project / "tailgate.yaml").write_text(f"{perl.SETTINGS}slo: limits.yaml\n")
    (project / "limits.yaml").write_text(waiting("500ms"))
    (project / "calm.yaml").write_text("name: calm\nstages: [{duration: 1m, rate: 36}]\nusers: 50\n")
    asked = ("-f", "locustfile.py", "--profile", "calm.yaml", *LENGTH, "--json")
    done = Command(project)("ab", *asked)
    assert done.stdout, done.stderr
    told = json.loads(done.stdout)
    assert (done.returncode, told["verdict"]) == (1, "fail"), done.stderr
    assert {cell["route"] for cell in told["cells"] if cell["verdict"] == "fail"} == {"GET /catalogue"}
    assert [each["objective"] for each in told["loosened"]] == ["catalogue"]
    assert any("catalogue is loosened" in reason for reason in told["reasons"])
    assert told["base"]["revision"] == perl.git(project, "rev-parse", "main")
    assert below() <= before
