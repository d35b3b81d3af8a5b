"""Programs that are none of ours, as children that end when we do, however that is.

:class:`Leashed` is the parent's side. The other is this module run as a process, ``python -m tailgate.leash PROGRAM
ARGUMENT...``: it has the kernel ask it to end (SIGTERM) when the thread ends that started it, and becomes PROGRAM.
"""

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import psutil
from tailgate_otel import names

PR_SET_PDEATHSIG = 1
READY_WITHIN = 60.0
ENDS_WITHIN = 10.0
_LOG_LINES = 5
_ERROR = re.compile(r"\blevel=error\b|\blvl=eror\b", re.IGNORECASE)
"""How Prometheus, Alertmanager and Grafana mark a line as an error."""


class Leashed:
    """A program in a session of its own, so that Ctrl-C leaves its end to us; its output goes to ``log``.

    To be made by the thread that this process began with: the child ends with that thread.
    """

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - what our caller says
                [sys.executable, "-P", "-m", __name__, *argv],
                env={**environ, names.ENV_PARENT: str(os.getpid())},
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def failed(self, url: str) -> str:
        """Why it does not answer at ``url``, once that is known; empty as soon as it does."""
        end = time.monotonic() + READY_WITHIN
        port = urlsplit(url).port
        while self._process.poll() is None:
            if self._listens(port):
                with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):  # noqa: S310 - of loopback
                    return ""
            if time.monotonic() > end:
                return f"it is not ready after {READY_WITHIN:g} s; its log is {self._log}"
            time.sleep(0.1)
        return self.fate()

    def _listens(self, port: int | None) -> bool:
        """Whether it, or a child of it, has ``port``: whoever else came first there may answer like it."""
        try:
            ours = psutil.Process(self._process.pid)
            sockets = (one for process in (ours, *ours.children(recursive=True)) for one in process.net_connections())
            return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in sockets)
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            # Nobody may look into it, as into one with capabilities of its own: what answers is all that is known.
            return True

    def fate(self) -> str:
        """How it ended, and what it said of that; empty while it runs."""
        if self._process.poll() is None:
            return ""
        lines = self._log.read_text(errors="replace").splitlines()
        # What brought it down is often said before whatever else was closed then.
        errors = [line for line in lines if _ERROR.search(line)]
        said = "\n".join((errors or lines)[-_LOG_LINES:])
        where = "errors in" if errors else "end of"
        return f"it ended with {self._process.returncode}; {where} its log ({self._log}):\n{said}"

    def close(self) -> None:
        """End it; a second call does nothing."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDS_WITHIN)
        self._process.kill()
        self._process.wait()


def main() -> int:
    """Become the program; returns, with 2, only when that cannot be."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # Asked after it was arranged: a parent that had gone before would not be noticed.
    if os.getppid() != int(os.environ.pop(names.ENV_PARENT)):
        return 2
    program = sys.argv[1]
    try:
        os.execv(program, sys.argv[1:])  # noqa: S606 - what our parent says
    except OSError as error:
        sys.stderr.write(f"{program} cannot be run: {error.strerror}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
