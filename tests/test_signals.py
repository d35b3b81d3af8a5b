"""The tests themselves where signals are ignored, as under nohup or in the background of a script."""

import subprocess
import sys
from pathlib import Path

IGNORING = 'trap "" HUP INT QUIT TERM; exec "$0" "$@"'
CHILD = """
import signal, subprocess, sys

def test_a_child_heeds_every_signal_and_we_none():
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.raise_signal(number)
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
            child.send_signal(number)
        assert child.returncode == -number
"""


def test_what_the_tests_start_can_be_ended_though_they_themselves_ignore_signals(tmp_path: Path) -> None:
    (tmp_path / "test_child.py").write_text(CHILD)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", "test_child.py"]
    done = subprocess.run(
        ["sh", "-c", IGNORING, *words, "--rootdir", str(tmp_path), "-c", "/dev/null"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[1]), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
