"""Engines that are forked from a process which has imported them: to import one takes more than a second of a core.

Each is a process of its own all the same, as it is when it has been imported, with its pipes, its session and its exit
code. What a test is about an engine's start, its command line or its parent wants one that is started as ever.
"""

import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tailgate_loadtest.run import engine

FORKER = Path(__file__).with_name("forker.py")


class Forker:
    """The process that engines are forked from; it is started for the first of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def close(self) -> None:
        """End it; its engines end by themselves."""
        if self._process is not None and self._control is not None:
            self._control.close()
            self._process.wait()

    def fork(self, wanted: dict[str, Any], files: Sequence[int]) -> None:
        """Have an engine forked."""
        with self._lock:
            if self._control is None:
                self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                with theirs:
                    self._process = subprocess.Popen([sys.executable, "-P", FORKER], stdin=theirs)
            socket.send_fds(self._control, [json.dumps(wanted).encode()], list(files))

    @contextmanager
    def engines(self) -> Iterator[None]:
        """Meanwhile, whoever starts an engine has it forked."""

        def started(_: Sequence[str], **options: Any) -> "Forked":
            return Forked(self, options["stderr"].fileno())

        instead = SimpleNamespace(Popen=started, PIPE=subprocess.PIPE, TimeoutExpired=subprocess.TimeoutExpired)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engine, "subprocess", instead)
            yield


class Forked:
    """What ``subprocess.Popen`` would be of an engine."""

    def __init__(self, forker: Forker, errors: int) -> None:
        (their_in, our_in), (our_out, their_out), (self._told, told) = (os.pipe() for _ in range(3))
        weakref.finalize(self, os.close, self._told)
        self.stdin, self.stdout = os.fdopen(our_in, "w"), os.fdopen(our_out)
        self._lock = threading.RLock()  # a handler of signals may look, too
        self.returncode: int | None = None
        wanted = {"cwd": str(Path.cwd()), "environment": dict(os.environ)}
        forker.fork(wanted, (their_in, their_out, errors, told))
        for file in (their_in, their_out, told):
            os.close(file)
        (self.pid,) = struct.unpack("i", os.read(self._told, 4))

    def poll(self) -> int | None:
        """Its exit code, less than 0 where a signal ended it; None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, when it has ended."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("engine", timeout or 0.0)
        return code

    def terminate(self) -> None:
        """Ask it to end."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _ended(self, within: float | None) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], within)[0]:
            with self._lock:  # another thread may have seen it, too
                if self.returncode is None:
                    (self.returncode,) = struct.unpack("i", os.read(self._told, 4))
        return self.returncode
