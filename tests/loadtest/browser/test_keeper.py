import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

PATIENCE = 30.0
# A child that stays, and one of its own that leaves the session.
FAMILY = 'sleep 600 & setsid sleep 600 & echo "$!" >&3; exec sleep 600'


@contextmanager
def kept(directory: Path, command: str) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """A keeper of a shell's command, which may write to descriptor 3, and where its messages can be read."""
    reading, writing = os.pipe()
    shell = ["sh", "-c", f"exec 3>/proc/self/fd/{writing}; {command}"]
    keeper = subprocess.Popen(
        [sys.executable, "-P", "-m", "tailgate_loadtest.browser.keeper", str(writing), str(directory), *shell],
        stdin=subprocess.PIPE,
        pass_fds=(writing,),
    )
    os.close(writing)
    try:
        yield keeper, reading
    finally:
        keeper.kill()
        keeper.wait()
        if keeper.stdin is not None:
            keeper.stdin.close()
        os.close(reading)


def rest(reading: int) -> list[Any]:
    """All that is still said, when nobody is left to say more."""
    said = b""
    while read := os.read(reading, 65536):
        said += read
    return [json.loads(line) for line in said.splitlines()]


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def family(keeper: "subprocess.Popen[bytes]", reading: int) -> list[psutil.Process]:
    """Everybody below the keeper, once all are there."""
    assert os.read(reading, 100)
    until(lambda: len(psutil.Process(keeper.pid).children(recursive=True)) >= 3)
    return psutil.Process(keeper.pid).children(recursive=True)


def test_the_end_of_the_program_is_told_with_its_code_and_the_directory_is_gone(tmp_path: Path):
    place = tmp_path / "place"
    place.mkdir()
    with kept(place, "exit 3") as (keeper, reading):
        [told] = rest(reading)
        assert keeper.wait(PATIENCE) == 0
    assert told["gone"] == 3
    assert told["load"]["cpu_seconds"] >= 0
    assert not place.exists()


def test_a_closed_standard_input_ends_everybody_below(tmp_path: Path):
    with kept(tmp_path / "place", FAMILY) as (keeper, reading):
        below = family(keeper, reading)
        assert keeper.stdin is not None
        keeper.stdin.close()
        [told] = rest(reading)
        keeper.wait(PATIENCE)
        assert told["gone"] is None
        assert psutil.wait_procs(below, PATIENCE)[1] == []


def test_what_the_program_leaves_behind_ends_with_it(tmp_path: Path):
    with kept(tmp_path / "place", 'setsid sleep 600 & echo "$!" >&3') as (keeper, reading):
        said = rest(reading)
        keeper.wait(PATIENCE)
        assert said[1]["gone"] == 0
        assert not psutil.pid_exists(said[0])


def test_sigterm_ends_everybody_below(tmp_path: Path):
    with kept(tmp_path / "place", FAMILY) as (keeper, reading):
        below = family(keeper, reading)
        keeper.send_signal(signal.SIGTERM)
        keeper.wait(PATIENCE)
        assert psutil.wait_procs(below, PATIENCE)[1] == []


def test_the_program_ends_with_a_keeper_that_is_killed(tmp_path: Path):
    with kept(tmp_path / "place", "echo 1 >&3; exec sleep 600") as (keeper, reading):
        assert os.read(reading, 100)
        [program] = psutil.Process(keeper.pid).children()
        keeper.kill()
        assert psutil.wait_procs([program], PATIENCE)[1] == []
