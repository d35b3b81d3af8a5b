"""The process that a side's commands run under: they end when it is told to, and when whoever started it is gone.

:class:`tailgate.sides.kept.Kept` is the parent's side. This one is run as ``python -m tailgate.sides.keeper``, in a
session of its own (Ctrl-C does not reach it). On standard input it gets one line, a JSON object:

    commands   run one after another by ``sh -c`` while each ends with 0; the last may go on
    stop       a command to end what they left, or null
    environ, directory, log    of all of them
    remove     a directory that goes at the end, or null

For each command that ends it writes a line, its exit code. When standard input ends, however the parent ended, it runs
``stop``; then SIGTERM and, for what is left of it, SIGKILL goes to every process that the commands have started. None
escapes by leaving its session: the kernel hands the orphans among them to this process.
"""

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tailgate_loadtest.processes import descendants

STOPS_WITHIN = 60.0
ENDS_WITHIN = 5.0
KILLED_WITHIN = 5.0
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
NO_COMMAND = 127
"""What a shell says of a command that it does not find."""
_POLL = 0.02


def main() -> None:
    """Keep commands until standard input ends."""
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return
    orders = json.loads(line)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        # As under nohup. What is ignored commands would ignore as well, and a `stop` by SIGINT would be in vain.
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, _deaf)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        _run(orders)
    finally:
        signal.signal(signal.SIGTERM, _deaf)
        if orders["stop"] is not None:
            _ends(_start(orders["stop"], orders), STOPS_WITHIN)
        if left := _end_all():
            with Path(orders["log"]).open("a") as log:
                log.write(f"cannot be ended: processes {', '.join(map(str, left))}\n")
        if orders["remove"] is not None:
            shutil.rmtree(orders["remove"], ignore_errors=True)


def _deaf(*_: object) -> None:
    """Heed a signal by doing nothing: unlike one that is ignored, it is as ever for the commands."""


def _run(orders: Mapping[str, Any]) -> None:
    for command in orders["commands"]:
        child = _start(command, orders)
        if not _ends(child, None, sys.stdin.fileno()):
            return
        # Nobody reads any more when the parent has gone.
        with contextlib.suppress(BrokenPipeError):
            os.write(1, f"{NO_COMMAND if child is None else child.returncode}\n".encode())
        if child is None or child.returncode != 0:
            break
    select.select([sys.stdin.fileno()], [], [])


def _start(command: str, orders: Mapping[str, Any]) -> "subprocess.Popen[bytes] | None":
    """The shell that runs it; None when that cannot be, as the log says then."""
    prctl = ctypes.CDLL(None).prctl
    with Path(orders["log"]).open("ab") as log:
        try:
            return subprocess.Popen(  # noqa: S602 - what our parent says
                command,
                shell=True,
                cwd=orders["directory"],
                env=orders["environ"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # Should this process be killed, then the shell at least is as well.
                preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
            )
        except OSError as error:
            log.write(f"cannot be run in {orders['directory']}: {error.strerror}\n".encode())
            return None


def _ends(child: "subprocess.Popen[bytes] | None", within: float | None, told: int | None = None) -> bool:
    """Whether it ends in time, and before there is something to be read at ``told``."""
    if child is None:
        return True
    descriptor = os.pidfd_open(child.pid)
    try:
        readable, _, _ = select.select([descriptor] + ([] if told is None else [told]), [], [], within)
    finally:
        os.close(descriptor)
    return descriptor in readable and child.wait() is not None


def _end_all() -> list[int]:
    """End every process below this one; those that cannot be."""
    for number, patience in ((signal.SIGTERM, ENDS_WITHIN), (signal.SIGKILL, KILLED_WITHIN)):
        end = time.monotonic() + patience
        told: set[int] = set()
        while (left := descendants()) and time.monotonic() < end:
            # Whoever is told to end may start another process first.
            for pid in left - told:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
            told |= left
            time.sleep(_POLL)
    return sorted(descendants())


if __name__ == "__main__":
    main()
