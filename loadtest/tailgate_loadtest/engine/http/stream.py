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
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ssl import SSLContext
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

import gevent
from gevent.event import Event

from tailgate_loadtest.engine.http.counting import Count, Counter
from tailgate_loadtest.engine.http.errors import (
    ConnectionReset,
    RequestFailed,
    SentInFuture,
    ServerClosed,
    StreamFailed,
    TimedOut,
)
from tailgate_loadtest.engine.http.opening import Origin, open_wire
from tailgate_loadtest.engine.http.timings import Timings
from tailgate_loadtest.engine.http.wire import failure_of

MAX_MESSAGE = 16 * 1024 * 1024
"""Bytes or characters of one message."""
_MAX_UNREAD = 1000
_BUFFER = 16 * 1024
_CLOSING = 5.0
"""Seconds that a farewell may take, at most."""
_AHEAD = 0.01
"""Seconds by which a message may come before it was sent: so far two good clocks may differ."""
NORMAL = 1000
"""The code with which a WebSocket that has done its work is closed."""
_NO_CODE = 1005


class _Sized(Protocol):
    @property
    def size(self) -> int:
        """About how many bytes it takes to keep."""


M = TypeVar("M", bound=_Sized)
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


@dataclass(frozen=True, slots=True)
class _Arrived(Generic[M]):
    number: int
    at: float
    message: M


@contextmanager
def limited(seconds: float, what: str) -> Iterator[None]:
    """Have a block fail by name: TimedOut after so many seconds, ConnectionReset for an error of the system."""
    limit = gevent.Timeout(max(seconds, 0.0))
    try:
        with limit:
            yield
    except gevent.Timeout as timeout:
        if timeout is not limit:
            raise
        raise TimedOut(what) from None
    except OSError as error:
        raise failure_of(error) from error


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
        self._unread: deque[_Arrived[M]] = deque()
        self._unread_size = 0
        self._arrivals = 0
        self._news = Event()
        self._opened = self._closing = False
        self._over: RequestFailed | None = None
        """Why nothing comes any more."""

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
        if self._opened and self._over is None:
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
            arrived = self._take(lambda _: True, 0, self._line.within if timeout is None else timeout)
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
                    yield self._take(lambda _: True, 0, until - time.perf_counter()).message
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
        self._unread.append(_Arrived(self._arrivals, at, message))
        self._arrivals += 1
        self._unread_size += message.size
        # Who does not read does not miss them: the oldest go.
        while len(self._unread) > _MAX_UNREAD or (self._unread_size > MAX_MESSAGE and len(self._unread) > 1):
            self._unread_size -= self._unread.popleft().message.size
        self._wake()

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

    def _take(self, fits: Callable[[M], bool], since: int, seconds: float) -> _Arrived[M]:
        until = time.perf_counter() + seconds
        while True:
            news, looked = self._news, self._arrivals
            for arrived in list(self._unread):
                if arrived.number >= since and fits(arrived.message):
                    self._unread.remove(arrived)
                    self._unread_size -= arrived.message.size
                    return arrived
            since = looked
            self._raise_if_over()
            with limited(until - time.perf_counter(), f"no message within {seconds:g} s"):
                news.wait()

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
        if self._over is None:
            self._over = over
            self._count_close(None if _is_normal(over) else over)
            self._wake()

    def _raise_if_over(self) -> None:
        if self._over is not None:
            gevent.sleep(0)  # whoever asks again and again lets others run
            raise self._over.with_traceback(None)  # else it would grow by each time it is raised

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

    def _wake(self) -> None:
        news, self._news = self._news, Event()
        news.set()

    def _drop(self, _: object = None) -> None:
        reader, self._reader = self._reader, None
        if reader is None:
            return
        if self._over is None:  # else it ends by itself
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
