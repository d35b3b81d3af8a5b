"""One connection to a server: its wire, its parser, and the time each step took."""

import ssl
from collections.abc import Callable
from time import perf_counter
from weakref import WeakSet

import gevent

from tailgate_loadtest.engine.http.errors import (
    AnswerTruncated,
    BytesAfterAnswer,
    RequestFailed,
    TimedOut,
)
from tailgate_loadtest.engine.http.opening import Origin, open_wire
from tailgate_loadtest.engine.http.parser import AnswerParser
from tailgate_loadtest.engine.http.timings import Timings
from tailgate_loadtest.engine.http.wire import failure_of

_BUFFER = memoryview(bytearray(64 * 1024))
"""What every connection reads into: what has come is parsed before anybody else can run."""
_REAP_EVERY = 0.2


class Connection:
    """Open from the moment it is made. One exchange at a time."""

    def __init__(self, origin: Origin, timings: Timings, *, within: float, tls: Callable[[], ssl.SSLContext]) -> None:
        self.deadline = 0.0
        """On the monotonic clock, when what goes on now must be over; 0: nothing goes on."""
        self.expired = False
        self.begun = False
        """Something of the present answer has come."""
        self.wait = self.receive = 0.0
        """Seconds to the first byte of the last answer, and from there to its last."""
        self.answer = AnswerParser()
        """The last answer, until the next exchange."""
        self._wire = open_wire(origin, timings, within, tls)
        _reaper.add(self)

    def __del__(self) -> None:
        # The loop holds a wire for as long as that is watched: of a user that is gone nobody else would close it.
        if hasattr(self, "_wire"):
            self._wire.abandon()

    def exchange(self, request: bytes, *, no_body: bool, within: float) -> None:
        """Send a request and take its answer whole.

        Raises:
            RequestFailed: by the name of what went wrong; the connection is of no use afterwards.
        """
        answer, wire = self.answer, self._wire
        answer.begin(no_body=no_body)
        self.begun = False
        sent = perf_counter()
        self.deadline = sent + within
        first = 0.0
        try:
            wire.send(request)
            while not answer.complete:
                received = wire.receive(_BUFFER)
                if not received:
                    self._ended(within)
                    break
                if not first:
                    first, self.begun = perf_counter(), True
                answer.feed(_BUFFER[:received])
        except OSError as error:
            raise self._failure(error, within) from error
        finally:
            self.deadline = 0.0
        self.wait, self.receive = first - sent, perf_counter() - first

    @property
    def reusable(self) -> bool:
        """Whether a further request may be sent; False when the server has closed in the meantime.

        Raises:
            BytesAfterAnswer: the server has sent what nobody asked for.
        """
        idle = self._wire.idle()
        if idle is None:
            raise BytesAfterAnswer("bytes came between two answers")
        return idle

    def expire(self) -> None:
        """Its deadline is past: break it off, so that who waits for it is woken."""
        self.expired = True
        try:
            self._wire.shutdown()
        except OSError:
            return  # the server was quicker

    def close(self) -> None:
        """Close it."""
        self._wire.close()

    def _ended(self, within: float) -> None:
        if self.expired:
            raise TimedOut(f"no whole answer within {within:g} s")
        if not self.answer.closed():
            raise AnswerTruncated("the server closed the connection before its answer was whole")

    def _failure(self, error: OSError, within: float) -> RequestFailed:
        if self.expired:
            return TimedOut(f"no whole answer within {within:g} s")
        return failure_of(error)


class _Reaper:
    """Breaks off what is past its deadline: one watch for all connections is cheaper than a timer for each request."""

    def __init__(self) -> None:
        self._watched: WeakSet[Connection] = WeakSet()
        self._running = False

    def add(self, connection: Connection) -> None:
        self._watched.add(connection)
        if not self._running:
            self._running = True
            gevent.spawn(self._watch)

    def _watch(self) -> None:
        while self._watched:
            gevent.sleep(_REAP_EVERY)
            now = perf_counter()
            for connection in list(self._watched):
                if connection.deadline and now > connection.deadline and not connection.expired:
                    connection.expire()
        self._running = False


_reaper = _Reaper()
