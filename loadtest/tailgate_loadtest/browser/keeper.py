"""The process that browsers run under: every one of them ends when whoever started it is gone, however that was.

:class:`tailgate_loadtest.browser.process.Process` is the parent's side. This one is run as ``python -m
tailgate_loadtest.browser.keeper MESSAGES DIRECTORY PROGRAM ARGUMENT...``, in a session of its own: Ctrl-C does not
reach it. It starts the program, which has this process's standard input and may write to the descriptor MESSAGES, and
waits until that has ended, or standard input has been closed. Then whatever the program has started is killed: none
escapes by leaving its session, since the kernel hands the orphans among them to this process. DIRECTORY is removed, and
a last line says, as JSON, how the program ended, and what processor time all of them took.

Should this process be killed itself, then the program is as well, and Chromium ends when nobody holds its pipe.
"""

import contextlib
import ctypes
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import time

from tailgate_loadtest.processes import descendants

ENDS_WITHIN = 2.0
"""Seconds that the program gets to close its browsers, once its standard input is closed."""
KILLED_WITHIN = 5.0
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_POLL = 0.02


def main() -> None:
    """Keep a program until it ends, or standard input is closed."""
    messages, directory, *argv = sys.argv[1:]
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    code = None
    try:
        child = subprocess.Popen(  # noqa: S603 - what our parent says
            argv,
            pass_fds=(int(messages),),
            preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
        )
        code = _await(child)
    finally:
        signal.signal(signal.SIGTERM, lambda *_: None)
        _kill_all()
        shutil.rmtree(directory, ignore_errors=True)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        # Nobody reads any more when the parent has gone.
        with contextlib.suppress(BrokenPipeError):
            told = {"gone": code, "load": {"cpu_seconds": used.ru_utime + used.ru_stime}}
            os.write(int(messages), json.dumps(told).encode() + b"\n")


def _await(child: "subprocess.Popen[bytes]") -> int | None:
    """The exit code; None when it had to be told by a closed standard input, and did not end by that."""
    descriptor = os.pidfd_open(child.pid)
    try:
        watching = select.poll()
        watching.register(descriptor, select.POLLIN)
        # No event but its being closed: what there is to be read is the program's.
        watching.register(sys.stdin.fileno(), 0)
        if descriptor not in dict(watching.poll()):
            watching.unregister(sys.stdin.fileno())
            if not watching.poll(ENDS_WITHIN * 1000):
                return None
    finally:
        os.close(descriptor)
    return child.wait()


def _kill_all() -> None:
    """Kill every process below this one, and take them off the kernel's hands."""
    end = time.monotonic() + KILLED_WITHIN
    while (left := descendants()) and time.monotonic() < end:
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL)


if __name__ == "__main__":
    main()
