"""Starts the engine as a fresh process, hands it its orders, and listens to it until it is done."""

import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any, Self

from tailgate_loadtest.errors import EngineError
from tailgate_loadtest.shapes.orders import Enlistment, Orders

_HURRY = 3.0
"""Seconds that the engine gets, once told to stop, before it is killed."""
SILENCE = 60.0
"""Seconds that it may say nothing, once its load has begun, before it is taken to hang and killed."""
_REHEARSAL = 30.0
"""Seconds that going through a locustfile's tasks may take."""
_LOOK = 0.2


class EngineProcess:
    """One engine. A context manager: it leaves no process behind."""

    def __init__(self, orders: Orders | Enlistment) -> None:
        self._orders = orders
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the engine, closed in __exit__
        # A session of its own: Ctrl-C is for us to pass on. -P: a package in the working directory shadows nothing.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tailgate_loadtest.engine"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )
        self._stopping = False
        self.hung = False
        """It gave no sign of life when it should have, and was killed."""
        self._ended = threading.Event()
        self._deadline = math.inf
        threading.Thread(target=self._watch, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._log.close()

    def ticks(self) -> Iterator[dict[str, Any]]:
        """Give the orders, and yield what the engine says each second until it is done: a tick, and fresh counts.

        Raises:
            EngineError: the locustfile cannot be run; the message is the engine's own.
        """
        for message in self._messages():
            if not self._stopping:
                self._deadline = time.monotonic() + SILENCE
            if "done" in message:
                return
            yield message

    def rehearsal(self) -> dict[str, Any]:
        """Give the orders of a rehearsal; per user class its weight and requests per route. Raises EngineError."""
        self._deadline = time.monotonic() + _REHEARSAL
        for message in self._messages():
            found: dict[str, Any] = message["rehearsal"]
            return found
        fate = f"took more than {_REHEARSAL:.0f} s" if self.hung else f"ended: {self.last_words()}"
        raise EngineError(f"{self._orders.locustfile}: cannot be rehearsed; it {fate}")

    def _messages(self) -> Iterator[dict[str, Any]]:
        if self._process.stdin is None or self._process.stdout is None:
            raise EngineError("the engine has no pipes")  # cannot be: both were asked for
        try:
            self._process.stdin.write(self._orders.to_json() + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise EngineError(f"the engine ended before it had its orders: {self.last_words()}") from None
        for line in self._process.stdout:
            if not line.endswith("\n"):
                return  # it was killed in the middle of a word
            message = json.loads(line)
            if "error" in message:
                raise EngineError(message["error"])
            yield message

    def stop(self) -> None:
        """Ask it, once, to end the load soon; called from a signal handler. An engine that hangs is killed."""
        if self._process.poll() is None:
            self._process.terminate()
            self._stopping, self._deadline = True, time.monotonic() + _HURRY

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK):
            if time.monotonic() > self._deadline:
                self.hung = True
                self._process.kill()
                return

    def finish(self) -> int:
        """Wait until it has put itself away; kill it when that takes too long. Returns its exit code."""
        try:
            return self._process.wait(_HURRY)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def fate(self) -> str:
        """How it ended, where it left no account."""
        how = "hung and was killed" if self.hung else f"died (exit code {self._process.returncode})"
        return f"the engine {how}: {self.last_words()}"

    def last_words(self) -> str:
        """The end of what it wrote on standard error."""
        self._log.seek(max(self._log.seek(0, os.SEEK_END) - 4000, 0))
        lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
        return " | ".join(lines[-3:]) or "it said nothing"
