"""What a WebSocket and an event stream have in common: messages that come by themselves, and what is counted of them.

A greenlet of its own reads a stream for as long as it is open: it answers pings while the user does other things, and
takes the time of a message when it comes, not when somebody asks for it. What is counted, on the route of the stream's
name and this word:

- ``connect``: from the request until the stream is open;
- ``delivery``: each message that bears the moment it was sent, from that moment to its arrival;
- ``wait``: where messages bear none, from asking for one to its arrival;
- ``exchange``: from a message of ours to its answer;
- ``close``: once for each stream that was open, as a failure where it broke before its user had closed it.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ssl import SSLContext
from types import TracebackType
from typing import Any, Generic, Self

import gevent

from tailgate_loadtest.engine.http.counting import Count, Counter
from tailgate_loadtest.engine.http.errors import (
    ConnectionReset,
    RequestFailed,
    SentInFuture,
    ServerClosed,
    StreamFailed,
    TimedOut,
)
from tailgate_loadtest.engine.http.inbox import Inbox, M
from tailgate_loadtest.engine.http.limits import limited
from tailgate_loadtest.engine.http.opening import Origin, open_wire
from tailgate_loadtest.engine.http.timings import Timings
from tailgate_loadtest.engine.http.wire import failure_of

_BUFFER = 16 * 1024
_CLOSING = 5.0
"""Seconds that a farewell may take, at most."""
_AHEAD = 0.01
"""Seconds by which a message may come before it was sent: so far two good clocks may differ."""
NORMAL = 1000
"""The code with which a WebSocket that has done its work is closed."""
_NO_CODE = 1005


SentAt = Callable[[M], float | None]
"""The moment at which a message was sent, in seconds since the epoch; None for one that bears none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """Where a stream leads, and how it is asked for."""

    origin: Origin
    target: bytes
    host: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    tls: Callable[[], SSLContext]
    connect_within: float
    """Seconds that resolving, connecting and securing may take."""
    within: float
    """Seconds that anything may take for which no other limit is given."""


class Stream(Generic[M]):
    """One stream, opened by ``with`` or by ``open``. What fails is counted first, and then raised as StreamFailed."""

    def __init__(self, line: Line, counter: Counter, sent_at: SentAt[M] | None) -> None:
        self._line = line
        self._counter = counter
        self._sent_at = sent_at
        self._wire: Any = None
        self._reader: Any = None
        self._owner: Any = None
        self._buffer = memoryview(bytearray(_BUFFER))
        self._inbox: Inbox[M] = Inbox()
        self._opened = self._closing = False

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if isinstance(error, gevent.GreenletExit):
            self._drop()  # its user is being ended, and has no time for farewells
        else:
            self.close()

    def open(self) -> Self:
        """Open it; it lives until ``close``, or until the greenlet that opens it ends.

        Raises:
            StreamFailed: it could not be opened.
        """
        with self._counting("connect") as count:
            self._dial()
            count.end()
        self._opened = True
        self._reader = gevent.spawn(self._attend)
        # Whatever ends the reader, even before it has begun.
        self._reader.link(lambda _: self._hang_up())
        self._owner = gevent.getcurrent()
        if isinstance(self._owner, gevent.Greenlet):
            self._owner.link(self._drop)
        return self

    def close(self) -> None:
        """Close it as its protocol wants; what goes wrong with that is counted, and nothing more."""
        if self._reader is None:
            return
        if self._opened and self._inbox.over is None:
            self._closing = True
            with suppress(StreamFailed), self._counting("close") as count:
                with limited(min(_CLOSING, self._line.within), "no farewell in time"):
                    self._part()
                count.end()
        self._drop()

    def receive(self, timeout: float | None = None, *, name: str | None = None) -> M:
        """The oldest message that has not been read, waited for at most ``timeout`` seconds.

        Raises:
            StreamFailed: none came in time, or none comes any more.
        """
        with self._counting("wait" if self._sent_at is None else "delivery", name) as count:
            arrived = self._inbox.take(lambda _: True, 0, self._line.within if timeout is None else timeout)
            if self._sent_at is None:
                count.end(at=arrived.at)
            else:
                count.forget()  # it was counted when it came
        return arrived.message

    def listen(self, seconds: float) -> Iterator[M]:
        """The messages that have come or come within so many seconds; that none does is no failure.

        Raises:
            StreamFailed: none comes any more, for another reason than that the server has closed as one does.
        """
        until = time.perf_counter() + seconds
        try:
            while True:
                try:
                    yield self._inbox.take(lambda _: True, 0, until - time.perf_counter()).message
                except TimedOut:
                    return
                except RequestFailed as error:
                    if _is_normal(error):
                        return
                    raise StreamFailed(error) from error
        finally:
            self._counter.rest()

    # What a kind of stream does in its own way.

    def _connect(self) -> None:
        """Ask for the stream over the wire. Raises RequestFailed or OSError."""
        raise NotImplementedError

    def _read(self) -> None:
        """Read and ``_put`` until nothing comes any more; then raise why."""
        raise NotImplementedError

    def _part(self) -> None:
        """Say farewell. Raises RequestFailed or OSError."""

    # What they share.

    def _dial(self) -> None:
        line = self._line
        self._wire = open_wire(line.origin, Timings(), line.connect_within, line.tls)
        try:
            with limited(line.within, f"no stream was opened within {line.within:g} s"):
                self._connect()
        except BaseException:
            self._hang_up()
            raise

    def _receive(self) -> bytes:
        """What has come next; nothing when the server has closed the connection."""
        return bytes(self._buffer[: self._wire.receive(self._buffer)])

    def _put(self, message: M) -> None:
        at = time.perf_counter()
        if self._sent_at is not None:
            self._count_delivery(message, self._sent_at)
        self._inbox.put(message, at)

    def _count_delivery(self, message: M, sent_at: SentAt[M]) -> None:
        error: Exception | None = None
        age = 0.0
        try:
            moment = sent_at(message)
            if moment is None:
                return
            age = time.time() - moment
            error = _impossible(age)
        except Exception as wrong:  # noqa: BLE001 - a locustfile's function may raise anything at all
            error = wrong
        self._counter.aside("delivery", 0.0 if error else max(age, 0.0)).end(error)

    def _attend(self) -> None:
        over: RequestFailed = ConnectionReset("its reader failed")
        try:
            self._read()
        except RequestFailed as error:
            over = error
        except OSError as error:
            over = failure_of(error)
        finally:
            self._end(over)

    def _end(self, over: RequestFailed) -> None:
        """Nothing comes any more, and this is why."""
        if self._inbox.over is None:
            self._count_close(None if _is_normal(over) else over)
            self._inbox.end(over)

    def _count_close(self, broken: RequestFailed | None) -> None:
        """It has been closed by the other side, or has broken."""
        if self._opened and not self._closing:
            self._counter.aside("close").end(broken)
        self._opened = False

    def _break(self, over: RequestFailed) -> None:
        """It is of no use any more, and this is why."""
        reader = self._reader
        self._end(over)
        if reader is not None:
            reader.kill(block=False)

    def _drop(self, _: object = None) -> None:
        reader, self._reader = self._reader, None
        if reader is None:
            return
        if self._inbox.over is None:  # else it ends by itself
            self._closing = True
            reader.kill(block=False)
        if isinstance(self._owner, gevent.Greenlet):
            self._owner.unlink(self._drop)

    def _hang_up(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    @contextmanager
    def _counting(self, word: str, name: str | None = None) -> Iterator[Count]:
        count = self._counter.begin(word, name)
        try:
            yield count
        except RequestFailed as error:
            count.end(error)
            raise StreamFailed(error) from error
        except BaseException as error:
            count.lose(error)
            raise


def _is_normal(over: RequestFailed) -> bool:
    return isinstance(over, ServerClosed) and over.code in (NORMAL, _NO_CODE)


def _impossible(age: float) -> Exception | None:
    if not math.isfinite(age):
        return ValueError("the moment is no number")
    return SentInFuture("a message bears a moment still to come") if age < -_AHEAD else None
