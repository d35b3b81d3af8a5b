"""A client that costs little: plain sockets that are kept, in one thread.

It waits by select(2), whose time-out counts in microseconds: epoll's counts in milliseconds, and an arrival would go
out up to one too late.
"""

import re
import select
import socket
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

_FULL = 65536
_PATIENCE = 30.0
"""Seconds without any answer after which there will be none."""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_OK = b"HTTP/1.1 200 "


def request(path: str) -> bytes:
    """A request as it is sent."""
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\n\r\n".encode()


class Answer:
    """The bytes of one answer, until it is whole."""

    def __init__(self) -> None:
        self._read = b""
        self._whole = 0

    def whole(self, data: bytes) -> bool:
        """Whether it is, with what has come now.

        Raises:
            SystemExit: it is none that can be measured.

        """
        self._read += data
        if not self._whole:
            end = self._read.find(b"\r\n\r\n")
            if end < 0 and data:
                return False
            length = _LENGTH.search(self._read, 0, end + 2)
            if not self._read.startswith(_OK) or length is None:
                raise SystemExit(f"asked for a page, a server answered {self._read[:200]!r}")
            self._whole = end + 4 + int(length[1])
        elif not data:
            raise SystemExit("a server broke off its answer")
        return len(self._read) >= self._whole


class Connection:
    """One kept connection, with one request at a time."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), _PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answer = Answer()

    def ask(self, what: bytes) -> None:
        """Send a request."""
        self._answer = Answer()
        self.socket.sendall(what)

    def answered(self) -> bool:
        """Whether what can be read now ends the answer."""
        return self._answer.whole(self.socket.recv(_FULL))


@contextmanager
def connected(port: int, count: int) -> Iterator[list[Connection]]:
    """So many connections to a server."""
    connections = [Connection(port) for _ in range(count)]
    try:
        yield connections
    finally:
        for connection in connections:
            connection.socket.close()


def closed(connections: Sequence[Connection], requests: Sequence[bytes], count: int) -> None:
    """Make so many requests in turn, each connection its next as soon as it has its answer."""
    flying: dict[socket.socket, Connection] = {}
    asked = 0
    for connection in connections[:count]:
        connection.ask(requests[asked % len(requests)])
        asked += 1
        flying[connection.socket] = connection
    while flying:
        for ready in _ready(flying, None):
            connection = flying[ready]
            if not connection.answered():
                continue
            if asked < count:
                connection.ask(requests[asked % len(requests)])
                asked += 1
            else:
                del flying[ready]


class Lane:
    """One side of an open load: its idle connections, and who waits for one, in the order of being due."""

    def __init__(self, connections: Sequence[Connection]) -> None:
        self.idle = list(connections)
        self.waiting: deque[int] = deque()


def arrivals(rate: float, seconds: float, sides: int, random: np.random.Generator) -> list[tuple[float, int]]:
    """A Poisson stream: when each request is due, seconds from the start, and to which side it goes, by lot."""
    gaps = random.exponential(1 / rate, round(rate * seconds + 10 * (rate * seconds) ** 0.5) + 10)
    due = np.cumsum(gaps)
    due = due[due < seconds]
    return list(zip(due.tolist(), random.integers(sides, size=len(due)).tolist(), strict=True))


def opened(
    lanes: Sequence[Lane], requests: Sequence[bytes], due: Sequence[tuple[float, int]]
) -> tuple[list[float], list[float]]:
    """Send requests as they are due: the time of each, from then to its last byte, and how late it was sent."""
    times, late = [0.0] * len(due), [0.0] * len(due)
    flying: dict[socket.socket, tuple[Connection, int]] = {}
    following = 0
    began = time.perf_counter()

    def send(connection: Connection, n: int) -> None:
        late[n] = time.perf_counter() - began - due[n][0]
        connection.ask(requests[n % len(requests)])
        flying[connection.socket] = connection, n

    while following < len(due) or flying:
        wait = began + due[following][0] - time.perf_counter() if following < len(due) else None
        for ready in _ready(flying, wait):
            connection, n = flying[ready]
            if not connection.answered():
                continue
            times[n] = time.perf_counter() - began - due[n][0]
            del flying[ready]
            lane = lanes[due[n][1]]
            if lane.waiting:
                send(connection, lane.waiting.popleft())
            else:
                lane.idle.append(connection)
        while following < len(due) and time.perf_counter() - began >= due[following][0]:
            lane = lanes[due[following][1]]
            if lane.idle:
                send(lane.idle.pop(), following)
            else:
                lane.waiting.append(following)
            following += 1
    return times, late


def _ready(flying: Iterable[socket.socket], wait: float | None) -> list[socket.socket]:
    patience = _PATIENCE if wait is None else max(wait, 0.0)
    ready: list[socket.socket] = select.select(list(flying), (), (), patience)[0]
    if wait is None and not ready:
        raise SystemExit(f"a server did not answer within {_PATIENCE:g} s")
    return ready
