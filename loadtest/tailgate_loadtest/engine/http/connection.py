"""One connection to a server: the socket, its parser, and the time each step took.

A plain connection is read past gevent's own socket layer: the non-blocking socket itself, and one watcher for as long
as the connection lives. A secured one goes through gevent's TLS sockets.
"""

import _socket
import errno
import socket as names
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakSet

import gevent
from gevent import socket
from gevent.hub import get_hub

from tailgate_loadtest.engine.http.errors import (
    AnswerTruncated,
    BytesAfterAnswer,
    ConnectFailed,
    ConnectionReset,
    TimedOut,
    TlsFailed,
    UnknownHost,
)
from tailgate_loadtest.engine.http.parser import AnswerParser

_BUFFER = 64 * 1024
_REAP_EVERY = 0.2
_AGAIN = (errno.EAGAIN, errno.EWOULDBLOCK)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection leads."""

    secure: bool
    host: str
    port: int


@dataclass(slots=True)
class Timings:
    """Seconds that the steps of one exchange took; the first three are 0 on a connection that was open already."""

    resolve: float = 0.0
    connect: float = 0.0
    secure: float = 0.0
    wait: float = 0.0
    """From the send to the answer's first byte."""
    receive: float = 0.0
    """From the first byte to the last."""


class _Transport(Protocol):
    def idle(self) -> bool | None:
        """True: nothing came since the last answer; False: the server has closed; None: something came."""

    def send(self, data: bytes) -> None: ...
    def receive(self, into: memoryview) -> int: ...
    def shutdown(self) -> None: ...
    def close(self) -> None: ...


class _Plain:
    """A non-blocking socket and its watcher."""

    __slots__ = ("_hub", "_readable", "_socket", "_writable")

    def __init__(self, open_socket: Any) -> None:
        self._socket = _socket.socket(fileno=open_socket.detach())
        self._socket.setblocking(False)
        self._hub = get_hub()
        self._readable = self._hub.loop.io(self._socket.fileno(), 1)
        self._writable: Any = None

    def idle(self) -> bool | None:
        try:
            return None if self._socket.recv(1, names.MSG_PEEK) else False
        except BlockingIOError:
            return True
        except OSError:
            return False

    def send(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except OSError as error:
                if error.errno not in _AGAIN:
                    raise
                if self._writable is None:
                    self._writable = self._hub.loop.io(self._socket.fileno(), 2)
                self._hub.wait(self._writable)

    def receive(self, into: memoryview) -> int:
        # An answer is hardly ever there already: wait first, and spare the vain attempt.
        while True:
            self._hub.wait(self._readable)
            try:
                return self._socket.recv_into(into)
            except OSError as error:
                if error.errno not in _AGAIN:
                    raise

    def shutdown(self) -> None:
        self._socket.shutdown(names.SHUT_RDWR)

    def close(self) -> None:
        for watcher in (self._readable, self._writable):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._socket.close()


class _Secure:
    """gevent's TLS socket."""

    __slots__ = ("_socket",)

    def __init__(self, secured: Any) -> None:
        self._socket = secured

    def idle(self) -> bool | None:
        # TLS records of its own may wait to be read, session tickets for one: what a peek shows says nothing here.
        return not self._socket.pending() or None

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def receive(self, into: memoryview) -> int:
        received: int = self._socket.recv_into(into)
        return received

    def shutdown(self) -> None:
        self._socket.shutdown(names.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()


class Connection:
    """Open from the moment it is made. One exchange at a time."""

    def __init__(self, origin: Origin, timings: Timings, *, within: float, tls: Callable[[], ssl.SSLContext]) -> None:
        self.deadline = 0.0
        """On the monotonic clock, when what goes on now must be over; 0: nothing goes on."""
        self.expired = False
        self.begun = False
        """Something of the present answer has come."""
        self._transport = _open(origin, timings, within, tls)
        self._parser = AnswerParser()
        self._buffer = memoryview(bytearray(_BUFFER))
        _reaper.add(self)

    def exchange(self, request: bytes, timings: Timings, *, no_body: bool, within: float) -> AnswerParser:
        """Send a request and take its answer whole.

        Raises:
            RequestFailed: by the name of what went wrong; the connection is of no use afterwards.
        """
        parser, buffer = self._parser, self._buffer
        parser.begin(no_body=no_body)
        self.begun = False
        sent = time.perf_counter()
        self.deadline = sent + within
        first = 0.0
        try:
            self._transport.send(request)
            while not parser.complete:
                received = self._transport.receive(buffer)
                if not received:
                    self._ended(parser, within)
                    break
                if not first:
                    first, self.begun = time.perf_counter(), True
                parser.feed(buffer[:received])
        except OSError as error:
            if self.expired:
                raise TimedOut(f"no whole answer within {within:g} s") from None
            raise ConnectionReset(error.strerror or str(error)) from error
        finally:
            self.deadline = 0.0
        timings.wait, timings.receive = first - sent, time.perf_counter() - (first or sent)
        return parser

    def reusable(self) -> bool:
        """Whether a further request may be sent; False when the server has closed in the meantime.

        Raises:
            BytesAfterAnswer: the server has sent what nobody asked for.
        """
        idle = self._transport.idle()
        if idle is None:
            raise BytesAfterAnswer("bytes came between two answers")
        return idle

    def expire(self) -> None:
        """Its deadline is past: break it off, so that who waits for it is woken."""
        self.expired = True
        try:
            self._transport.shutdown()
        except OSError:
            return  # the server was quicker

    def close(self) -> None:
        """Close it."""
        self._transport.close()

    def _ended(self, parser: AnswerParser, within: float) -> None:
        if self.expired:
            raise TimedOut(f"no whole answer within {within:g} s")
        if not parser.closed():
            raise AnswerTruncated("the server closed the connection before its answer was whole")


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
            now = time.perf_counter()
            for connection in list(self._watched):
                if connection.deadline and now > connection.deadline and not connection.expired:
                    connection.expire()
        self._running = False


_reaper = _Reaper()


def _open(origin: Origin, timings: Timings, within: float, tls: Callable[[], ssl.SSLContext]) -> _Transport:
    began = time.perf_counter()
    try:
        # Resolved anew for every connection: a name may come to lead elsewhere while a load runs.
        addresses = socket.getaddrinfo(origin.host, origin.port, type=names.SOCK_STREAM)
    except names.gaierror as error:
        raise UnknownHost(f"{origin.host}: {error.strerror}") from error
    resolved = time.perf_counter()
    timings.resolve = resolved - began
    opened = _connect(addresses, within)
    opened.setsockopt(names.IPPROTO_TCP, names.TCP_NODELAY, 1)
    connected = time.perf_counter()
    timings.connect = connected - resolved
    if not origin.secure:
        return _Plain(opened)
    try:
        opened.settimeout(within)
        secured = tls().wrap_socket(opened, server_hostname=origin.host)
        secured.settimeout(None)
    except (OSError, ssl.SSLError) as error:
        opened.close()
        raise TlsFailed(getattr(error, "reason", None) or str(error)) from error
    timings.secure = time.perf_counter() - connected
    return _Secure(secured)


def _connect(addresses: list[Any], within: float) -> Any:
    failure: OSError | None = None
    for family, kind, protocol, _, address in addresses:
        opening = socket.socket(family, kind, protocol)
        opening.settimeout(within)
        try:
            opening.connect(address)
        except OSError as error:
            opening.close()
            failure = error
        else:
            return opening
    raise ConnectFailed((failure and failure.strerror) or str(failure)) from failure
