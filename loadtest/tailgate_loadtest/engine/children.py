"""The workers that a master starts itself: engines afresh, which end when it does."""

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

import gevent

from tailgate_loadtest.shapes.orders import Enlistment

Gone = Callable[[int, int, str | None], None]
"""Told of a child that has ended: its process id, its exit code, and what it said was wrong."""


class Children:
    """So many workers. A context manager: it leaves none behind."""

    def __init__(self, count: int, enlistment: Enlistment, gone: Gone) -> None:
        self._count = count
        self._enlistment = enlistment
        self._gone = gone
        self._processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        for _ in range(self._count):
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "tailgate_loadtest.engine"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self._processes.append(child)
            gevent.spawn(self._watch, child)
            if child.stdin is not None:
                with suppress(BrokenPipeError):  # it died, and the watch has seen that
                    child.stdin.write(self._enlistment.to_json() + "\n")
                    child.stdin.flush()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for child in self._processes:
            if child.stdin is not None:
                child.stdin.close()  # it ends when this does
        with gevent.Timeout(1.0, False):
            for child in self._processes:
                child.wait()
        for child in self._processes:
            if child.poll() is None:
                child.kill()
            child.wait()

    def _watch(self, child: "subprocess.Popen[str]") -> None:
        wrong: str | None = None
        for line in child.stdout or ():
            wrong = json.loads(line).get("error", wrong)
        self._gone(child.pid, child.wait(), wrong)
