"""Opens a connection: resolve, connect, secure, each timed, and bounded together."""

import _socket
import socket as names
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import gevent
from gevent import socket

from tailgate_loadtest.engine.http.errors import ConnectFailed, TlsFailed, UnknownHost
from tailgate_loadtest.engine.http.timings import Timings
from tailgate_loadtest.engine.http.wire import PlainWire, SecureWire, Wire

_HANDSHAKE = 32 * 1024
_LEAST = 0.001


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection leads."""

    secure: bool
    host: str
    port: int


def open_wire(origin: Origin, timings: Timings, within: float, tls: Callable[[], ssl.SSLContext]) -> Wire:
    """Open a connection within so many seconds, and write down how long each step took.

    Raises:
        UnknownHost, ConnectFailed, TlsFailed: by the step that failed, or that was under way when the time was up.
    """
    began = perf_counter()
    addresses = _resolve(origin, within)
    resolved = perf_counter()
    timings.resolve = resolved - began
    opened = _connect(addresses, began + within)
    connected = perf_counter()
    timings.connect = connected - resolved
    plain = PlainWire(opened)
    if not origin.secure:
        return plain
    secured = _secure(plain, origin.host, tls, began + within)
    timings.secure = perf_counter() - connected
    return secured


def _resolve(origin: Origin, within: float) -> list[Any]:
    """Resolved anew for every connection: a name may come to lead elsewhere while a load runs."""
    with suppress(names.gaierror):
        # An address needs no resolver; gevent's would be asked in another thread.
        return list(_socket.getaddrinfo(origin.host, origin.port, 0, names.SOCK_STREAM, 0, names.AI_NUMERICHOST))
    limit = gevent.Timeout(within)
    try:
        with limit:
            return list(socket.getaddrinfo(origin.host, origin.port, type=names.SOCK_STREAM))
    except (names.gaierror, UnicodeError) as error:
        raise UnknownHost(f"{origin.host}: {getattr(error, 'strerror', None) or error}") from error
    except gevent.Timeout as expired:
        if expired is not limit:
            raise
        raise UnknownHost(f"{origin.host}: not resolved within {within:g} s") from None


def _connect(addresses: list[Any], deadline: float) -> Any:
    failure: OSError | None = None
    for family, kind, protocol, _, address in addresses:
        opening = socket.socket(family, kind, protocol)
        try:
            opening.settimeout(max(deadline - perf_counter(), _LEAST))
            opening.connect(address)
            opening.setsockopt(names.IPPROTO_TCP, names.TCP_NODELAY, 1)
        except OSError as error:
            opening.close()
            failure = error
        except BaseException:  # a time-out of the locustfile's own is no Exception
            opening.close()
            raise
        else:
            return opening
    raise ConnectFailed((failure and failure.strerror) or str(failure)) from failure


def _secure(plain: PlainWire, host: str, tls: Callable[[], ssl.SSLContext], deadline: float) -> SecureWire:
    limit = gevent.Timeout(max(deadline - perf_counter(), _LEAST))
    try:
        with limit:
            secured = SecureWire(plain, tls(), host)
            secured.handshake(memoryview(bytearray(_HANDSHAKE)))
            return secured
    except BaseException as error:
        plain.close()
        if error is limit:
            raise TlsFailed("the handshake was not over in time") from None
        if isinstance(error, OSError | ValueError):  # ValueError: a host that no certificate can name
            raise TlsFailed(getattr(error, "strerror", None) or str(error)) from error
        raise
