"""The live view as a person sees it: in a terminal of some size, in a log, and in a terminal that can do little."""

import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from fcntl import ioctl
from unittest import mock

import pytest
import tailgate_slo
from rich.cells import cell_len
from rich.console import Console
from tailgate_loadtest.measure import buckets
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run.document import Tick
from tailgate_loadtest.run.live import Beat, Live

from tailgate.live import LiveView, Panel

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

SCRIPT = """
from tests.tailgate.test_live import show, show_on_terminals
"""


def show(seconds: int) -> None:
    """A load of so many seconds, on standard error."""
    live = loaded(0)
    with LiveView(live, 120.0, 10.0) as view:
        for second in range(1, seconds + 1):
            live = loaded(1, live, second)
            assert live.tick is not None
            view.show(live.tick)


def show_on_terminals() -> None:
    """One load after another, each on the terminal and in the environment that a line of standard input names."""
    nowhere = os.dup(2)
    for line in sys.stdin:
        seconds, terminal, environment = json.loads(line)
        opened = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
        os.dup2(opened, 2)
        os.close(opened)
        print("begun", flush=True)
        with mock.patch.dict(os.environ, environment, clear=True):
            show(seconds)
        sys.stderr.flush()
        os.dup2(nowhere, 2)


def loaded(seconds: int, live: Live | None = None, first: int = 1) -> Live:
    """A load on the reference API's main routes, those with two percentiles, one of which fails some requests."""
    objectives = tailgate_slo.load(tailgate_slo.reference_path())
    routes = [route for route, thresholds in objectives.thresholds().items() if len(thresholds) == 2]
    live = live or Live(objectives, objectives.gate("smoke"))
    for n in range(first, first + seconds):
        counts = [(route, Kind.RESPONSE, [(buckets.index(30_000_000), 20)]) for route in routes]
        counts.append((routes[2], Kind.FAILED, [(buckets.index(5_000_000), 3)]))
        gauges = {"planned": 1550 * n, "started": 1540 * n, "completed": 1500 * n, "waiting": 3 * n, "users": 250}
        times = {"lag": 0.0012, "p50": 0.0123, "p95": 0.0456, "p99": 12.34}
        notes = ("worker a died at 2 s",) if n == 2 else ()
        tick = Tick(second=n, requests=4100 * n, failed=3 * n, **gauges, **times)
        live.add(Beat(tick=tick, counts=counts, notes=notes))
    return live


def drawn(live: Live, width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, force_terminal=True, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(Panel(live, 120.0, 10.0))
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.mark.parametrize(("width", "height"), [(120, 50), (80, 24), (60, 24), (60, 12), (80, 8)])
def test_the_panel_fits_its_terminal_and_cuts_no_number(width: int, height: int) -> None:
    lines = drawn(loaded(32), width, height)
    assert len(lines) <= max(height - 1, 8)
    assert all(cell_len(line) <= width for line in lines)
    text = "\n".join(lines)
    assert "32/120 s" in text
    assert "arrivals  49 280 of 49 600 planned · 1 540/s of 1 550/s" in lines
    assert "users     250 · 96 arrivals waiting · lag 1.20 ms" in lines
    assert "requests  131 200 · 96 failed" in lines
    assert "response  p50 12.3 ms  p95 45.6 ms  p99 12 300 ms" in lines


def test_the_worst_objectives_come_first_and_the_rest_is_counted() -> None:
    lines = drawn(loaded(32), 80, 12)
    shown = lines[5:]
    assert [line.split()[1] for line in shown[:-1]] == ["missed", "missed", "missed", "no"]
    total = len(loaded(1).standings())
    assert shown[-1] == f"and {total - 4} more"
    assert len(drawn(loaded(32), 80, 50)) == 5 + total


def test_an_objective_says_how_many_were_bad_and_how_many_may_be() -> None:
    line = next(line for line in drawn(loaded(32), 80, 50) if "Availability" in line)
    assert re.fullmatch(r"✕ missed +2\.9 % bad \(≤ 0\.1 %\) +Availability", line)


def test_the_phases_have_names() -> None:
    assert drawn(loaded(10), 80, 24)[0].endswith("warming up, 10/120 s")
    assert drawn(loaded(1, None, 121), 80, 24)[0].endswith("draining, 121/120 s")


def test_a_load_without_a_planned_end_has_no_bar() -> None:
    console = Console(width=60, height=24, force_terminal=True, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(Panel(loaded(32), None, 0.0))
    assert capture.get().startswith("32 s")


def test_a_stall_from_the_beginning_is_no_answer() -> None:
    live = loaded(1)
    live.add(Beat(tick=live.tick.model_copy(update={"second": 2.0, "p50": None})))
    assert "response  no answer" in drawn(live, 60, 24)


Seen = Callable[..., str]


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    """What a real terminal of some size is sent on standard error; one process shows it all."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT + "show_on_terminals()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    asked, told = process.stdin, process.stdout
    assert asked is not None
    assert told is not None

    def seen(seconds: int, columns: int, rows: int, **environment: str) -> str:
        leader, follower = pty.openpty()
        ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        mine = {k: v for k, v in os.environ.items() if k not in ("CI", "NO_COLOR", "COLUMNS", "LINES", "FORCE_COLOR")}
        terminal = os.ttyname(follower)
        print(
            json.dumps([seconds, terminal, {**mine, "TERM": "xterm-256color", **environment}]), file=asked, flush=True
        )
        assert told.readline() == "begun\n"
        os.close(follower)
        received = b""
        try:
            while chunk := os.read(leader, 65536):
                received += chunk
        except OSError:
            pass  # so the system says that the other side is closed
        finally:
            os.close(leader)
        return received.decode()

    yield seen
    process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.mark.parametrize("columns", [60, 80])
def test_a_terminal_is_redrawn_in_place_and_left_clean(seen: Seen, columns: int) -> None:
    text = seen(12, columns, 24)
    assert text.count("\x1b[1A") >= 11 * 12  # each frame goes up over the one before
    lines = CONTROL.sub("", text).replace("\r", "\n").split("\n")
    assert all(cell_len(line) <= columns for line in lines)
    assert "\x1b[?25h" in text  # the cursor is back
    # The last thing is to wipe every line of the last frame.
    assert CONTROL.sub("", text[text.rindex("\x1b[?25h") :]).strip() == ""


def test_no_color_is_heeded(seen: Seen) -> None:
    assert re.search(r"\x1b\[[0-9;]*3[0-9]m", seen(2, 80, 24))
    assert not re.search(r"\x1b\[(?:[0-9;]*;)?[349][0-9]", seen(2, 80, 24, NO_COLOR="1"))


@pytest.mark.parametrize("environment", [{"CI": "true"}, {"TERM": "dumb"}], ids=["CI", "dumb"])
def test_where_nobody_looks_on_there_is_a_line_every_ten_seconds(seen: Seen, environment: dict[str, str]) -> None:
    lines = CONTROL.sub("", seen(25, 60, 24, **environment)).split("\r\n")
    assert [line.split()[0] for line in lines if line] == ["!", "warming", "20/120"]
    assert "objectives: 3 missed" in lines[2]


def test_without_a_terminal_it_is_one_line_too() -> None:
    script = [sys.executable, "-c", SCRIPT + "show(30)"]
    done = subprocess.run(script, capture_output=True, text=True, timeout=60, check=True)
    note, first, second, third = done.stderr.splitlines()
    assert note == "! worker a died at 2 s"
    assert "\x1b" not in done.stderr
    assert first.startswith("warming up, 10/120 s  arrivals 15400 of 15500 planned, 30 waiting  users 250")
    assert "requests 82000, 60 failed  p50 12.3 ms  p95 45.6 ms  p99 12 300 ms  objectives: 3 missed" in second
    assert third.startswith("30/120 s")
