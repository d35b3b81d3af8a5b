"""What bytes travel by: a socket read past gevent's own socket layer, and TLS over one.

A socket has one watcher, which runs for as long as the connection lives: a request neither starts nor stops anything,
and what happens on an idle connection is known without asking the system.
"""

import _socket
import socket as names
import ssl
from typing import Any, Protocol

from gevent import getcurrent
from gevent.hub import get_hub

from tailgate_loadtest.engine.http.errors import AnswerTruncated, ConnectionReset, RequestFailed, TlsFailed

_READABLE, _WRITABLE = 1, 2
_BUFFER = 64 * 1024


class Wire(Protocol):
    """One open connection's bytes. One greenlet may receive while another sends; two may not do the same at once."""

    def idle(self) -> bool | None:
        """True: nothing came since the last answer; False: the server has closed; None: something came."""

    def send(self, data: bytes) -> None:
        """Send it whole. Raises OSError."""

    def receive(self, into: memoryview) -> int:
        """Wait for bytes; 0 when the server has closed. Raises OSError."""

    def shutdown(self) -> None:
        """Break it off, so that who waits is woken; raises OSError when the server was quicker."""

    def close(self) -> None:
        """Give the socket back."""

    def abandon(self) -> None:
        """Close it soon, from whatever thread: garbage is collected in any."""


class PlainWire:
    """A non-blocking socket and its watcher."""

    __slots__ = ("_hub", "_readable", "_reader", "_socket", "_stirred")

    def __init__(self, opened: Any) -> None:
        self._socket = _socket.socket(fileno=opened.detach())
        self._socket.setblocking(False)
        self._hub = get_hub()
        self._reader: Any = None
        self._stirred = False
        self._readable = self._hub.loop.io(self._socket.fileno(), _READABLE)
        self._readable.start(self._wake)

    def idle(self) -> bool | None:
        """See Wire."""
        if not self._stirred:
            return True
        try:
            return None if self._socket.recv(1, names.MSG_PEEK) else False
        except BlockingIOError:
            self._settle()
            return True
        except OSError:
            return False

    def send(self, data: bytes) -> None:
        """See Wire."""
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        if sent != len(data):
            self._send_on(memoryview(data)[sent:])

    def receive(self, into: memoryview) -> int:
        """See Wire."""
        while True:
            if self._stirred:
                self._settle()
            else:
                # An answer is hardly ever there already: wait first, and spare the vain attempt.
                self._reader = getcurrent()
                try:
                    self._hub.switch()
                finally:
                    self._reader = None
            try:
                return self._socket.recv_into(into)
            except BlockingIOError:
                continue

    def look(self, into: memoryview) -> int | None:
        """Take what is there already, without waiting; None when that is nothing. Raises OSError."""
        if self._stirred:
            self._settle()
        try:
            return self._socket.recv_into(into)
        except BlockingIOError:
            return None

    @property
    def stirred(self) -> bool:
        """Something has happened while nobody was reading."""
        return self._stirred

    def shutdown(self) -> None:
        """See Wire."""
        self._socket.shutdown(names.SHUT_RDWR)

    def close(self) -> None:
        """See Wire."""
        if self._socket.fileno() >= 0:
            self._readable.stop()
            self._readable.close()
            self._socket.close()

    def abandon(self) -> None:
        """See Wire."""
        if self._socket.fileno() >= 0:
            self._hub.loop.run_callback_threadsafe(self.close)

    def _wake(self) -> None:
        # Called in the hub. What nobody waits for stays unread, and would be told of again and again.
        if self._reader is None:
            self._stirred = True
            self._readable.stop()
        else:
            self._reader.switch()

    def _settle(self) -> None:
        self._stirred = False
        self._readable.start(self._wake)

    def _send_on(self, rest: memoryview) -> None:
        writable = self._hub.loop.io(self._socket.fileno(), _WRITABLE)
        try:
            while rest:
                self._hub.wait(writable)
                try:
                    rest = rest[self._socket.send(rest) :]
                except BlockingIOError:
                    continue
        finally:
            writable.stop()
            writable.close()


class SecureWire:
    """TLS over a plain wire, in memory: one system call a request each way, as without it."""

    __slots__ = ("_buffer", "_in", "_out", "_tls", "_wire")

    def __init__(self, wire: PlainWire, context: ssl.SSLContext, host: str) -> None:
        self._wire = wire
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: Any = context.wrap_bio(self._in, self._out, server_hostname=host)

    def handshake(self, buffer: memoryview) -> None:
        """Secure it. Raises TlsFailed with the reason, or OSError."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
            except ssl.SSLError as error:
                self._flush()  # the server is told why
                raise TlsFailed(reason(error)) from error
            else:
                self._flush()
                return
            received = self._wire.receive(buffer)
            if not received:
                raise TlsFailed("the server closed the connection in the middle of the handshake")
            self._in.write(buffer[:received])

    def idle(self) -> bool | None:
        """See Wire. TLS has records of its own, session tickets for one, which are no answer."""
        if not (self._wire.stirred or self._in.pending):
            return True
        buffer = memoryview(bytearray(_BUFFER))
        try:
            while True:
                if self._in.pending:
                    try:
                        return None if self._tls.read(1) else False
                    except ssl.SSLWantReadError:
                        pass
                received = self._wire.look(buffer)
                if not received:
                    return received is None
                self._in.write(buffer[:received])
        except OSError:
            return False

    def send(self, data: bytes) -> None:
        """See Wire."""
        self._tls.write(data)
        self._wire.send(self._out.read())

    def receive(self, into: memoryview) -> int:
        """See Wire; raises SSLEOFError where the connection ends and TLS has not said so, as it must."""
        while True:
            if self._in.pending:
                try:
                    count: int = self._tls.read(len(into), into)
                except ssl.SSLWantReadError:
                    pass
                except ssl.SSLZeroReturnError:
                    return 0
                else:
                    return count
                if self._out.pending:
                    self._flush()
            received = self._wire.receive(into)
            if not received:
                raise ssl.SSLEOFError(ssl.SSLErrorNumber.SSL_ERROR_EOF, "closed without notice")
            self._in.write(into[:received])

    def shutdown(self) -> None:
        """See Wire."""
        self._wire.shutdown()

    def close(self) -> None:
        """See Wire."""
        self._wire.close()

    def abandon(self) -> None:
        """See Wire."""
        self._wire.abandon()

    def _flush(self) -> None:
        if self._out.pending:
            self._wire.send(self._out.read())


def reason(error: ssl.SSLError) -> str:
    """Why a connection could not be secured, in OpenSSL's words."""
    return getattr(error, "verify_message", None) or error.reason or str(error)


def failure_of(error: OSError) -> RequestFailed:
    """What an error of the system on an open connection is called."""
    if isinstance(error, ssl.SSLEOFError):
        return AnswerTruncated("the server closed the connection without the notice that TLS asks for")
    if isinstance(error, ssl.SSLError):
        return TlsFailed(reason(error))
    return ConnectionReset(error.strerror or str(error))
