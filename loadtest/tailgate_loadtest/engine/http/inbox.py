"""The messages that have come over a stream and were not read yet, and why no more will come."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import gevent
from gevent.event import Event

from tailgate_loadtest.engine.http.errors import RequestFailed
from tailgate_loadtest.engine.http.limits import limited

MAX_MESSAGE = 16 * 1024 * 1024
"""Bytes or characters of one message, and of all that are kept unread."""
_MAX_UNREAD = 1000


class Sized(Protocol):
    """A message."""

    @property
    def size(self) -> int:
        """About how many bytes it takes to keep."""


M = TypeVar("M", bound=Sized)


@dataclass(frozen=True, slots=True)
class Arrived(Generic[M]):
    """A message, with its number among all, and the moment of the monotonic clock at which it came."""

    number: int
    at: float
    message: M


class Inbox(Generic[M]):
    """Keeps a bounded number of messages for whoever waits for one."""

    def __init__(self) -> None:
        self.over: RequestFailed | None = None
        """Why nothing comes any more."""
        self.arrivals = 0
        """How many messages have come, which is the next one's number."""
        self._unread: deque[Arrived[M]] = deque()
        self._size = 0
        self._news = Event()

    def put(self, message: M, at: float) -> None:
        """A message has come."""
        self._unread.append(Arrived(self.arrivals, at, message))
        self.arrivals += 1
        self._size += message.size
        # Who does not read does not miss them: the oldest go.
        while len(self._unread) > _MAX_UNREAD or (self._size > MAX_MESSAGE and len(self._unread) > 1):
            self._size -= self._unread.popleft().message.size
        self._wake()

    def end(self, over: RequestFailed) -> None:
        """Nothing comes any more."""
        self.over = over
        self._wake()

    def take(self, fits: Callable[[M], bool], since: int, seconds: float) -> Arrived[M]:
        """The oldest unread message from number ``since`` on that fits, waited for at most so many seconds.

        Raises:
            TimedOut: there was none.
            RequestFailed: nothing comes any more; what ``end`` was told.
        """
        until = time.perf_counter() + seconds
        while True:
            news, looked = self._news, self.arrivals
            for arrived in list(self._unread):
                if arrived.number >= since and fits(arrived.message):
                    self._unread.remove(arrived)
                    self._size -= arrived.message.size
                    return arrived
            since = looked
            self.raise_if_over()
            with limited(until - time.perf_counter(), f"no message within {seconds:g} s"):
                news.wait()

    def wait_for_end(self) -> RequestFailed:
        """Wait until nothing comes any more, and tell why."""
        while self.over is None:
            self._news.wait()
        return self.over

    def raise_if_over(self) -> None:
        """Raise why nothing comes any more, if that is so."""
        if self.over is not None:
            gevent.sleep(0)  # whoever asks again and again lets others run
            raise self.over.with_traceback(None)  # else it would grow by each time it is raised

    def _wake(self) -> None:
        news, self._news = self._news, Event()
        news.set()
