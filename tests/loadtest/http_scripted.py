"""A server that does exactly what a test tells it, byte by byte, and a probe that asks it by the client for load."""

import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROBE = Path(__file__).with_name("http_probe.py")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Step = bytes | float | str
"""Bytes are sent, a number is slept, "close" closes, "reset" resets; each list is the answer to one request.

Over TLS "notice" sends close_notify and leaves the connection open, and "cut" closes without it.
"""


class Scripted:
    """Answers the n-th request with the n-th script, whatever connection it comes by; keeps what was asked."""

    def __init__(self, scripts: Sequence[Sequence[Step]], secure: ssl.SSLContext | None = None) -> None:
        self._scripts = iter(scripts)
        self._secure = secure
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[bytes] = []
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        try:
            # Closed alone, it would go on listening for as long as a thread waits in accept().
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self._secure is not None:
                connection = self._secure.wrap_socket(connection, server_side=True)
            with connection:
                while request := self._request(connection):
                    self.requests.append(request)
                    for step in next(self._scripts, ["close"]):
                        if not self._take(step, connection):
                            return
        except OSError:
            return  # the client has gone, or would not be secured

    @staticmethod
    def _take(step: Step, connection: socket.socket) -> bool:
        """One step; whether there may be another."""
        if isinstance(step, bytes):
            connection.sendall(step)
        elif isinstance(step, float | int):
            time.sleep(step)  # the server's slowness is the point
        elif step == "notice" and isinstance(connection, ssl.SSLSocket):
            connection.settimeout(0)
            try:
                connection.unwrap()
            except ssl.SSLWantReadError:
                connection.settimeout(None)  # sent; its answer is not waited for
        elif step == "close" and isinstance(connection, ssl.SSLSocket):
            connection.unwrap()
            return False
        elif step == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return False
        else:
            return False
        return True

    @staticmethod
    def _request(connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return b""
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                while len(body) < int(line.partition(b":")[2]):
                    body += connection.recv(65536)
        return head + b"\r\n\r\n" + body


Start = Callable[..., Scripted]
Ask = Callable[..., list[dict[str, Any]]]


@contextmanager
def starting() -> Iterator[Start]:
    """Starts servers, each of so many scripts, and closes them."""
    servers: list[Scripted] = []

    def start(*scripts: Sequence[Step], secure: ssl.SSLContext | None = None) -> Scripted:
        servers.append(Scripted(scripts, secure))
        return servers[-1]

    yield start
    for each in servers:
        each.close()


@contextmanager
def asking() -> Iterator[Ask]:
    """Sends calls by one session in the probe's process, and returns their outcomes."""
    probe = subprocess.Popen([sys.executable, "-P", PROBE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(base: Scripted | str, *calls: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
        assert probe.stdin is not None
        assert probe.stdout is not None
        address = f"http://127.0.0.1:{base.port}" if isinstance(base, Scripted) else base
        probe.stdin.write(json.dumps({"base": address, "options": options, "calls": calls}) + "\n")
        probe.stdin.flush()
        return json.loads(probe.stdout.readline())

    yield ask
    probe.communicate()


def get(url: str = "/", **more: Any) -> dict[str, Any]:
    return {"method": "GET", "url": url, **more}
