"""Commands of a shell that end when we do, however that is: the parent's side of :mod:`tailgate.sides.keeper`."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tailgate.errors import CommandError
from tailgate.sides import keeper
from tailgate.untrusted import printable

_CLOSES_WITHIN = keeper.STOPS_WITHIN + keeper.ENDS_WITHIN + keeper.KILLED_WITHIN + 5.0
_LOG_LINES = 20
_LOG_BYTES = 64 * 1024
_SIGNALLED = 128


class Kept:
    """``commands``, one after another in a session of their own, with their output at the end of ``log``.

    ``stop`` is run to end them; whatever they have started ends after it. ``remove`` is a directory that goes then.
    """

    def __init__(
        self,
        commands: Sequence[str],
        *,
        environ: Mapping[str, str],
        directory: Path,
        log: Path,
        stop: str | None = None,
        remove: Path | None = None,
    ) -> None:
        self._log = log
        self._codes: list[int] = []
        self._unread = b""
        self._process = subprocess.Popen(  # noqa: S603 - a module of ours
            [sys.executable, "-P", "-m", keeper.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise CommandError("a side's keeper has no pipes")
        self._orders, self._reports = self._process.stdin, self._process.stdout
        orders = {
            "commands": list(commands),
            "stop": stop,
            "environ": dict(environ),
            "directory": str(directory),
            "log": str(log),
            "remove": None if remove is None else str(remove),
        }
        # Through a pipe: secrets of the environment are in no file, and on no command line.
        self._orders.write(json.dumps(orders).encode() + b"\n")
        self._orders.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def ended(self) -> bool:
        """Whether everything was ended, by :meth:`close` or from outside."""
        return self._process.poll() is not None

    def code(self, number: int, within: float = 0.0) -> int | None:
        """The exit code of a command, counted from 0; None when it has not ended in so many seconds.

        Raises:
            CommandError: it will never be known, since the keeper was ended from outside.
        """
        end = time.monotonic() + within
        while len(self._codes) <= number:
            readable, _, _ = select.select([self._reports], [], [], max(0.0, end - time.monotonic()))
            if not readable:
                return None
            block = os.read(self._reports.fileno(), 4096)
            if not block:
                raise CommandError(f"what kept a side's processes was itself ended; their log is {self._log}")
            *lines, self._unread = (self._unread + block).split(b"\n")
            self._codes += map(int, lines)
        return self._codes[number]

    def close(self) -> None:
        """End everything and return when it has; a second call does nothing."""
        self._orders.close()
        try:
            self._process.wait(_CLOSES_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reports.close()


def how(code: int) -> str:
    """An exit code of :meth:`Kept.code` in words, by its signal where there was one: ``SIGKILL``."""
    # A shell says so of a command that it waited for.
    number = -code if code < 0 else code - _SIGNALLED
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"exit code {code}"
    return name if code < 0 else f"exit code {code}, {name}"


def last_lines(log: Path) -> str:
    """The end of a log, for a terminal."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _LOG_BYTES))
            lines = printable(file.read(_LOG_BYTES).decode(errors="replace")).splitlines()[-_LOG_LINES:]
    except OSError as error:
        # It lies where a side's own commands reach it.
        return f"its log ({log}) cannot be read: {error.strerror}"
    return f"its log ({log}) ends:\n" + ("\n".join(lines) or "(nothing)")
