"""Whatever commands have started ends with them, however the one who asked for them ends."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from tailgate.errors import CommandError
from tailgate.sides import keeper
from tailgate.sides.kept import Kept, how, last_lines
from tests.tailgate.conftest import below as started

T = TypeVar("T")
DAEMON = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        with open(sys.argv[1], "w") as file:
            file.write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
os.wait()
"""
"""Leaves its session and its parent, as daemons do, and will not be told to end."""

HEEDFUL = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: (print("terminated", flush=True), sys.exit()))
print("began", flush=True)
while True:
    signal.pause()
"""


def kept(directory: Path, *commands: str, stop: str | None = None) -> Kept:
    return Kept(
        commands,
        environ=os.environ,
        directory=directory,
        log=directory / "log",
        stop=stop,
        remove=directory / "scratch",
    )


def daemon(directory: Path) -> str:
    """The command that starts one."""
    return shlex.join([sys.executable, "-c", DAEMON, str(directory / "pid")])


def eventually(find: Callable[[], T | None]) -> T:
    """What is found within seconds."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if found := find():
            return found
        time.sleep(0.01)
    raise TimeoutError


def number_in(file: Path) -> int | None:
    return int(text) if file.exists() and (text := file.read_text().strip()) else None


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "scratch").mkdir()
    (tmp_path / "log").touch()
    return tmp_path


def test_commands_run_one_after_another_while_each_ends_well(directory: Path) -> None:
    with kept(directory, "echo one", "echo two; exit 3", "echo three") as running:
        assert running.code(1, 20) == 3
        assert running.code(0) == 0
        assert running.code(2, 0.2) is None
    assert (directory / "log").read_text() == "one\ntwo\n"
    assert not (directory / "scratch").exists()


def test_one_that_goes_on_has_no_code_yet(directory: Path) -> None:
    with kept(directory, "exec sleep 600") as running:
        assert running.code(0, 0.1) is None


def test_a_command_that_waits_for_input_gets_none(directory: Path) -> None:
    with kept(directory, "cat; echo done") as running:
        assert running.code(0, 20) == 0


def test_who_does_not_heed_the_end_and_leaves_its_session_ends_all_the_same(directory: Path) -> None:
    with kept(directory, daemon(directory) + "; kill -KILL $$") as running:
        pid = eventually(lambda: number_in(directory / "pid"))
        assert running.code(0, 20) == -signal.SIGKILL
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)


def test_its_own_way_to_end_comes_first(directory: Path) -> None:
    start = shlex.join([sys.executable, "-c", HEEDFUL])
    with kept(directory, start, stop="echo stopping; exit 5"):
        eventually(lambda: "began" in (directory / "log").read_text())
    assert (directory / "log").read_text().splitlines() == ["began", "stopping", "terminated"]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_that_we_were_started_to_ignore_ends_what_is_told_by_it_and_nobody_else(
    directory: Path, number: signal.Signals
) -> None:
    before = started()
    command = f"echo began; until test -e go; do sleep 0.01; done; kill -{number} $$; echo ignored"
    # As under nohup; who is started now goes on to ignore it.
    handler = signal.signal(number, signal.SIG_IGN)
    try:
        running = kept(directory, command)
    finally:
        signal.signal(number, handler)
    with running:
        eventually(lambda: "began" in (directory / "log").read_text())
        (mine,) = set(psutil.Process().children()) - before
        mine.send_signal(number)
        (directory / "go").touch()
        assert running.code(0, 20) == -number
        assert not running.ended
    assert (directory / "log").read_text() == "began\n"


def test_a_command_to_stop_by_may_be_ended_before_it_is_done(directory: Path) -> None:
    """As by ``timeout``, which tells it to end in vain where it ignores that."""
    with kept(directory, "exec sleep 600", stop="sh -c 'kill -TERM $$; echo ignored'; echo $?"):
        pass
    said = (directory / "log").read_text()
    assert said.split()[-1] == "143"
    assert "ignored" not in said


def test_who_is_told_to_end_twice_stops_what_it_kept_all_the_same(directory: Path) -> None:
    before = started()
    stop = "echo stopping; until test -e go; do sleep 0.01; done; echo stopped"
    with kept(directory, "echo began; exec sleep 600", stop=stop) as running:
        eventually(lambda: "began" in (directory / "log").read_text())
        (mine,) = set(psutil.Process().children()) - before
        mine.terminate()
        eventually(lambda: "stopping" in (directory / "log").read_text())
        mine.terminate()
        (directory / "go").touch()
        eventually(lambda: running.ended)
    assert (directory / "log").read_text().split() == ["began", "stopping", "stopped"]
    assert not (directory / "scratch").exists()


def test_a_parent_that_is_killed_leaves_nothing(directory: Path) -> None:
    program = (
        "import os, sys, time; from pathlib import Path; from tests.tailgate.test_sides_keeper import daemon, kept\n"
        "directory = Path(sys.argv[1])\n"
        "kept(directory, daemon(directory) + '& exec sleep 600', stop='echo stopped')\n"
        "time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(directory)], cwd=Path(__file__).parents[2])
    try:
        pid = eventually(lambda: number_in(directory / "pid"))
        below = [psutil.Process(pid), *psutil.Process(parent.pid).children(recursive=True)]
        assert {each.name() for each in below} >= {"sleep"}
    finally:
        parent.kill()
        parent.wait()
    _, alive = psutil.wait_procs(below, timeout=keeper.ENDS_WITHIN + keeper.KILLED_WITHIN + 5)
    assert alive == []
    assert (directory / "log").read_text() == "stopped\n"
    assert not (directory / "scratch").exists()


def test_a_keeper_that_is_ended_is_missed(directory: Path) -> None:
    before = started()
    with kept(directory, "exec sleep 600") as running:
        (mine,) = set(psutil.Process().children()) - before
        (sleep,) = eventually(mine.children)
        mine.kill()
        with pytest.raises(CommandError, match=r"what kept a side's processes was itself ended; their log is .*log"):
            running.code(0, 20)
        assert running.ended
        psutil.wait_procs([sleep], timeout=10)
        assert not sleep.is_running()


def test_what_cannot_be_run_says_so_in_its_log(directory: Path) -> None:
    with Kept(["true"], environ=os.environ, directory=directory / "gone", log=directory / "log") as running:
        assert running.code(0, 20) == 127
    assert "cannot be run in" in last_lines(directory / "log")


def test_of_a_log_the_last_lines_are_shown(directory: Path) -> None:
    log = directory / "log"
    log.write_bytes(b"x" * 1_000_000 + b"\n" + b"".join(b"line %d \xff\n" % number for number in range(100)))
    *_, first, last = last_lines(log).splitlines()
    assert (first, last) == ("line 98 �", "line 99 �")
    assert len(last_lines(log)) < 1000


def test_a_log_that_is_gone_is_said_to_be(directory: Path) -> None:
    assert last_lines(directory / "gone") == f"its log ({directory / 'gone'}) cannot be read: No such file or directory"


def test_what_a_log_says_steers_no_terminal(directory: Path) -> None:
    log = directory / "log"
    log.write_bytes("fine\rnot fine\x1b[2J\x1b]0;title\x07 \x9b31m\u202eturned\x00\n".encode())
    assert last_lines(log).splitlines()[1:] == ["fine", "not fine�[2J�]0;title� �31m�turned�"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("exit 3", "exit code 3"),
        ("kill -9 $$", "SIGKILL"),
        ("sh -c 'kill -TERM $$'; exit $?", "exit code 143, SIGTERM"),
        ("exit 255", "exit code 255"),
    ],
)
def test_an_exit_code_is_told_by_its_signal(directory: Path, command: str, said: str) -> None:
    with Kept([command], environ=os.environ, directory=directory, log=directory / "log") as running:
        code = running.code(0, 20)
    assert code is not None
    assert how(code) == said


def test_variables_that_are_no_utf_8_are_handed_on(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODD", "a\udcffb")
    with kept(directory, 'printf %s "$ODD"') as running:
        assert running.code(0, 20) == 0
    assert (directory / "log").read_bytes() == b"a\xffb"
