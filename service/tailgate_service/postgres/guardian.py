"""The process that outlives a killed parent for as long as it takes to clear up after it.

:class:`Guardian` is the parent's side. The other side is this module run as a process of its own, in its
own session (Ctrl-C does not reach it), with the read end of a pipe whose write end only the parent has:
when the pipe ends, however the parent ended, the guardian ends its child and removes the directory. Should
the guardian itself be killed, the kernel ends the child and the next cluster's start sweeps the directory.

A line each way is one JSON object: ``{"start": argv, "log": path, "ours": bool}`` and ``{"signal":
number}`` there, ``{"started": pid}`` and ``{"exited": code}`` back. There is one child at a time.
"""

import argparse
import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from tailgate_service.errors import ClusterError
from tailgate_service.postgres.binaries import Identity

# Postgres gives its own children 5 s after an immediate shutdown before it kills them.
PATIENCE = 8.0
REMOVE_ATTEMPTS = 100
PR_SET_PDEATHSIG = 1
LOST = "the embedded Postgres lost its guardian process: start again"


class Guardian:
    """The parent's side: start one child at a time as another user, and know that it goes when we go."""

    def __init__(self, directory: Path, lock: int, identity: Identity) -> None:
        self._started: Future[int] = Future()
        self._exited: Future[int] = Future()
        arguments = [str(directory), str(identity.uid), str(identity.gid)]
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", __name__, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(lock,),
            start_new_session=True,
        )
        if process.stdin is None or process.stdout is None:
            raise ClusterError("the guardian process has no pipes")
        self._process, self._commands, self._reports = process, process.stdin, process.stdout
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def running(self) -> bool:
        """Whether the last started child runs."""
        return self._started.done() and not self._exited.done()

    def start(self, argv: list[str], log: Path, *, ours: bool = False) -> int:
        """Start a child, unless ``ours`` as the other user, and return its pid; ``log`` takes its output."""
        self._started, self._exited = Future(), Future()
        self._say({"start": argv, "log": str(log), "ours": ours})
        return self._started.result()

    def wait(self, timeout: float | None = None) -> int:
        """The child's exit code; ``TimeoutError`` after ``timeout`` seconds."""
        return self._exited.result(timeout)

    def signal(self, number: int) -> None:
        """Send the child a signal."""
        self._say({"signal": number})

    def close(self) -> None:
        """End the child, remove the directory and return when both are gone."""
        self._commands.close()
        self._process.wait()

    def _say(self, command: dict[str, object]) -> None:
        try:
            os.write(self._commands.fileno(), json.dumps(command).encode() + b"\n")
        except (BrokenPipeError, ValueError) as error:
            raise ClusterError(LOST) from error

    def _listen(self) -> None:
        with self._reports as reports:
            for line in reports:
                report = json.loads(line)
                if "started" in report:
                    self._started.set_result(report["started"])
                elif "exited" in report:
                    self._exited.set_result(report["exited"])
                else:
                    self._fail(ClusterError(report["failed"]))
        self._fail(ClusterError(LOST))

    def _fail(self, error: ClusterError) -> None:
        for waiting in (self._started, self._exited):
            if not waiting.done():
                waiting.set_exception(error)


def main() -> None:
    """Guard a directory until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("uid", type=int)
    parser.add_argument("gid", type=int)
    arguments = parser.parse_args()
    identity = Identity(uid=arguments.uid, gid=arguments.gid)
    os.umask(0o077)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    child: subprocess.Popen[bytes] | None = None
    try:
        for line in sys.stdin.buffer:
            command = json.loads(line)
            if "start" in command:
                child = _start(command, arguments.directory, identity)
            elif child is not None:
                child.send_signal(command["signal"])
    finally:
        if child is not None:
            _end(child)
        _remove(arguments.directory)


def _start(command: dict[str, Any], directory: Path, identity: Identity) -> subprocess.Popen[bytes] | None:
    argv: list[str] = command["start"]
    other = identity.borrowed and not command["ours"]
    try:
        with Path(command["log"]).open("ab") as log:
            child = subprocess.Popen(  # noqa: S603 - what the parent says
                argv,
                cwd=directory,
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # Called after the change of user, which would undo it.
                preexec_fn=_ending_with(signal.SIGQUIT),
                user=identity.uid if other else None,
                group=identity.gid if other else None,
                extra_groups=[] if other else None,
            )
    except (OSError, subprocess.SubprocessError) as error:
        _report(failed=f"{argv[0]} cannot be run: {error}")
        return None
    _report(started=child.pid)
    threading.Thread(target=lambda: _report(exited=child.wait()), daemon=True).start()
    return child


def _ending_with(number: int) -> Callable[[], None]:
    """What a child does first: ask the kernel for this signal when the thread that started it ends."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, number)

    return ask


def _end(child: subprocess.Popen[bytes]) -> None:
    # Immediate: what is in the directory is about to be removed.
    child.send_signal(signal.SIGQUIT)
    try:
        child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _remove(directory: Path) -> None:
    """Remove the directory, again while something that was just ended still adds to it."""
    for _ in range(REMOVE_ATTEMPTS):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        time.sleep(0.02)


def _report(**report: object) -> None:
    # Nobody reads any more when the parent has gone.
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(report).encode() + b"\n")


if __name__ == "__main__":
    main()
