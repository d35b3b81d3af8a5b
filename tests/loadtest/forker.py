"""Run as a process of its own, since gevent patches: it has imported the engine, and forks one for each that is asked.

A message on the socket that is its standard input is {"cwd": directory, "environment": variables}, with the files that
become an engine's standard input, output and error, and one that is told the engine's process id, then its exit code.
"""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402 - gevent must patch before anything else is imported
import os  # noqa: E402
import signal  # noqa: E402
import struct  # noqa: E402
import sys  # noqa: E402
from array import array  # noqa: E402
from contextlib import suppress  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
from tailgate_loadtest.engine.main import main  # noqa: E402

# gevent's own are for a loop that runs, and none runs here.
FORK, WAIT, CLOSE = monkey.get_original("os", ["fork", "waitpid", "close"])
SIGNAL, SOCKET = monkey.get_original("signal", "signal"), monkey.get_original("socket", "socket")
LARGEST = 1 << 20
FILES = 64
"""Bytes of the file numbers that come with a message, and of their head."""


def received(control: Any) -> tuple[dict[str, Any], list[int]] | None:
    """The next message and its files; None when nobody asks any more."""
    files = array("i")
    data, ancillary, _, _ = control.recvmsg(LARGEST, FILES)
    for _, _, content in ancillary:
        files.frombytes(content)
    return (json.loads(data), list(files)) if data else None


def watched(wanted: dict[str, Any], files: list[int]) -> None:
    """Fork the engine, and tell its process id and how it ended; returns in the engine alone."""
    *standard, told = files
    SIGNAL(signal.SIGCHLD, signal.SIG_DFL)
    if engine := FORK():
        # An end of a pipe that stays open here is one that nobody sees closed.
        for file in standard:
            CLOSE(file)
        os.write(told, struct.pack("i", engine))
        os.write(told, struct.pack("i", os.waitstatus_to_exitcode(WAIT(engine, 0)[1])))
        os._exit(0)
    gevent.reinit()
    gevent.get_hub().loop.update_now()  # else what is to come is reckoned from the import
    os.setsid()
    for number, file in enumerate(standard):
        os.dup2(file, number)
    for file in files:
        CLOSE(file)
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["environment"])


def bury(*_: object) -> None:
    """Those who have watched an engine to its end."""
    with suppress(ChildProcessError):
        while WAIT(-1, os.WNOHANG)[0]:
            pass


def serve() -> None:
    """Fork until nobody asks any more; returns in engines alone."""
    control = SOCKET(fileno=os.dup(0))
    SIGNAL(signal.SIGCHLD, bury)
    while asked := received(control):
        if not FORK():
            control.close()
            watched(*asked)
            return
        for file in asked[1]:
            CLOSE(file)
    SIGNAL(signal.SIGCHLD, signal.SIG_DFL)
    with suppress(ChildProcessError):
        while WAIT(-1, 0):
            pass
    os._exit(0)


if __name__ == "__main__":
    serve()
    sys.exit(main())
