"""Wakes a greenlet at a moment to some twenty microseconds, where gevent's own timers are good to a millisecond.

libev hands its timers to epoll_wait, which counts in milliseconds (ev(3), "EVBACKEND_EPOLL"); an arrival would go out
up to one too late, and be counted as slower than it was. Linux has clocks that are files (timerfd_create(2)): watched
by the same loop, and set to an absolute moment of the clock that ``time.perf_counter`` shows.
"""

import ctypes
import os
import sys
import time
from types import TracebackType
from typing import Any, Self

import gevent
from gevent.hub import get_hub

_MONOTONIC = 1
_ABSOLUTE = 1
_READABLE = 1


class Alarm:
    """One greenlet's clock. A context manager."""

    def __init__(self) -> None:
        self._hub = get_hub()
        self._file = _timer_file()
        self._moment = (ctypes.c_long * 4)()
        self._sleeper: Any = None
        self._watcher: Any = None
        if self._file is not None:
            self._watcher = self._hub.loop.io(self._file, _READABLE)
            self._watcher.start(self._ring)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._file is not None:
            self._watcher.stop()
            self._watcher.close()
            os.close(self._file)

    def wait(self, until: float) -> None:
        """Wait until a moment of ``time.perf_counter``; one that is past lets others run, and no more."""
        ahead = until - time.perf_counter()
        if ahead <= 0 or self._file is None:
            gevent.sleep(max(ahead, 0.0))
            return
        self._moment[2], self._moment[3] = int(until), int(until % 1 * 1e9)
        _libc.timerfd_settime(self._file, _ABSOLUTE, self._moment, None)
        self._sleeper = gevent.getcurrent()
        try:
            self._hub.switch()
        finally:
            self._sleeper = None

    def _ring(self) -> None:
        # Called in the hub. Read, it is silent until it is set again.
        if self._file is not None:
            os.read(self._file, 8)
        if self._sleeper is not None:
            self._sleeper.switch()


_libc: Any = ctypes.CDLL(None) if sys.platform == "linux" else None


def _timer_file() -> int | None:
    create = getattr(_libc, "timerfd_create", None)
    if create is None:
        return None
    file: int = create(_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    return file if file >= 0 else None
