"""Starts the runner under its keeper, tells it what to do, and listens to it until it is gone."""

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tailgate_loadtest.browser.found import RUNNER, Browsing

SILENCE = 30.0
"""Seconds that the runner may say nothing, which it does each second, before it is taken to hang."""
_GONE_WITHIN = 12.0
"""Seconds after which a keeper that was told to end is killed; it needs a few to kill what is below it."""
_REMOVALS = 100
_LONGEST_PLACE = 33
"""Letters: Chromium makes sockets below its directory, whose paths have at most 107."""
_LONGEST = 1 << 20
_KEPT = 16 * 1024
"""Bytes of what it prints that are kept: the last ones."""


class Process:
    """One runner and its browsers, which end when this does, and when this process does.

    To be made by the thread that this process began with. ``hear`` is called with each message, a JSON object, by a
    thread of this class; ``gone`` by the same when there is none to come.
    """

    def __init__(
        self,
        browsing: Browsing,
        hear: Callable[[dict[str, Any]], None],
        gone: Callable[[], None],
        environ: Mapping[str, str],
    ) -> None:
        self._hear = hear
        self._gone = gone
        self.hung = False
        """It gave no sign of life, and was ended."""
        self._printed = bytearray()
        self._directory = tempfile.mkdtemp(prefix="tailgate-browser-", dir=_short_place())
        self._messages, messages = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [
                    *(sys.executable, "-P", "-m", "tailgate_loadtest.browser.keeper", str(messages), self._directory),
                    *(str(browsing.node), str(RUNNER), str(messages)),
                ],
                env={**environ, "TMPDIR": self._directory},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(messages,),
                start_new_session=True,
            )
        finally:
            os.close(messages)
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._listen, self._drain)]

    def listen(self) -> None:
        """Begin to hear what it says."""
        for thread in self._threads:
            thread.start()

    def say(self, message: Mapping[str, object]) -> None:
        """Tell it something; may be called by a signal's handler. When it is gone, ``gone`` has been told so."""
        stdin = self._process.stdin
        if stdin is not None:
            with contextlib.suppress(BrokenPipeError, ValueError):  # ValueError: it is closed
                os.write(stdin.fileno(), json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        """End it, and return when nothing of it is left."""
        self._hang_up()
        try:
            self._process.wait(_GONE_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join(1.0)
        self._remove()

    @property
    def last_words(self) -> str:
        """The end of what it printed."""
        lines = bytes(self._printed).decode("utf-8", "replace").strip().splitlines()
        return " | ".join(lines[-3:])[-600:] or "it said nothing"

    def _remove(self) -> None:
        """Remove the directory where its keeper was killed; again while a browser that ends still adds to it."""
        for _ in range(_REMOVALS):
            shutil.rmtree(self._directory, ignore_errors=True)
            if not Path(self._directory).exists():
                return
            time.sleep(0.02)

    def _hang_up(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def _listen(self) -> None:
        """Hear messages until nobody is left to write any."""
        watching = select.poll()
        watching.register(self._messages, select.POLLIN)
        begun = b""
        try:
            while True:
                if not watching.poll(SILENCE * 1000):
                    self.hung = True
                    self._hang_up()
                    continue
                read = os.read(self._messages, 65536)
                if not read or len(begun) > _LONGEST:
                    return
                *lines, begun = (begun + read).split(b"\n")
                for line in lines:
                    self._hear(json.loads(line))
        finally:
            os.close(self._messages)
            self._gone()

    def _drain(self) -> None:
        output = self._process.stdout
        if output is None:
            return
        with output:
            while read := os.read(output.fileno(), 65536):
                self._printed += read
                del self._printed[:-_KEPT]


def _short_place() -> str:
    """Where temporary files go, unless that is too deep down."""
    usual = tempfile.gettempdir()
    return usual if len(usual) <= _LONGEST_PLACE else "/tmp"  # noqa: S108 - in which mkdtemp makes a directory of our own
