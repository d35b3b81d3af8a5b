"""Child processes that are modules of ours: how they start, say that they are ready, and end with their parent."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tailgate_otel import names

from tailgate_service.errors import StackError

LOG_LINES = 20
# Seconds from the end of what a process says to its own.
_ENDS_WITHIN = 2.0


def die_with_parent() -> None:
    """Kill this process as soon as the one that started it is gone; does nothing when nobody asked for it.

    Asked for by ``names.ENV_PARENT``, the parent's process id. The kernel's own parent-death signal is bound to the
    thread that started the child and would end it with that thread; a process descriptor stands for the whole parent.
    """
    asked = os.environ.get(names.ENV_PARENT)
    if asked is None:
        return
    parent = int(asked)
    try:
        descriptor = os.pidfd_open(parent)
    except ProcessLookupError:
        descriptor = -1
    # Checked after opening: the number could have passed to another process before, not since.
    if os.getppid() != parent or descriptor < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    threading.Thread(target=_kill_after, args=(descriptor,), name="die-with-parent", daemon=True).start()


def _kill_after(descriptor: int) -> None:
    select.select([descriptor], [], [])
    os.kill(os.getpid(), signal.SIGKILL)


class Child:
    """A module of ours as a process in a session of its own, whose first line on standard output says it is ready.

    ``ready`` is that line, a JSON object; standard error goes to ``log``. Raises ``StackError`` with the log's last
    lines when it ends, or says nothing for ``within`` seconds, before that.
    """

    def __init__(
        self, module: str, arguments: Sequence[str], *, environ: Mapping[str, str], log: Path, within: float
    ) -> None:
        self.module = module
        with log.open("ab") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - a module of ours
                [sys.executable, "-P", "-m", module, *arguments],
                env={**environ, names.ENV_PARENT: str(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self.pid = self._process.pid
        try:
            self.ready = self._read(log, within)
        except BaseException:
            self.close(0)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def alive(self) -> bool:
        """Whether it runs."""
        return self.code() is None

    def code(self) -> int | None:
        """Its exit code, less than 0 where a signal ended it; None while it runs."""
        return self._process.poll()

    def close(self, patience: float = 2.0) -> None:
        """Ask it to end, and end it when it has not within ``patience`` seconds; a second call does nothing."""
        if patience > 0:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self, log: Path, within: float) -> dict[str, Any]:
        if self._process.stdout is None:
            raise StackError(f"{self.module} has no standard output")
        output = self._process.stdout.fileno()
        end = time.monotonic() + within
        line = b""
        while not line.endswith(b"\n"):
            readable, _, _ = select.select([output], [], [], max(0.0, end - time.monotonic()))
            block = os.read(output, 65536) if readable else b""
            if not block:
                why = f"was not ready within {within:g} s" if not readable else self._ended()
                raise StackError(f"{self.module} {why}; its log ({log}) ends:\n{last_lines(log)}")
            line += block
        try:
            ready: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise StackError(f"{self.module} said {line!r} where its ready line was due") from error
        return ready

    def _ended(self) -> str:
        try:
            return f"ended with {self._process.wait(_ENDS_WITHIN)}"
        except subprocess.TimeoutExpired:
            return "said nothing more, and goes on"


def last_lines(log: Path) -> str:
    """The end of a log, for an error's message."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:]) or "(nothing)"
