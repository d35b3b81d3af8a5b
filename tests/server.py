"""A server on loopback that answers as a test will have it, and keeps what it was asked."""

import socket
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked; header names in small letters."""

    method: str
    target: str
    """The path, with the query if there is one."""
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """Without the query."""
        return self.target.partition("?")[0]


@dataclass(frozen=True)
class Response:
    """A whole answer; its length goes with it."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Wire = Iterable[bytes]
"""An answer as it goes over the wire, piece by piece from the status line on; then the connection is closed."""

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"
"""What begins an answer that does not say how long it is: its body ends with the connection."""


class Server(ThreadingHTTPServer):
    """Answers on a free port while it is entered, every request alike or as ``answer`` says, which may be exchanged.

    It speaks HTTP/1.1 and keeps connections, with a thread for each. ``asked`` are the requests, in the order in which
    they came; ``over`` is set when it ends, for those that hold an answer back until then.
    """

    request_queue_size = 512

    def __init__(self, answer: Response | Callable[[Request], Response | Wire]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.asked: list[Request] = []
        self.over = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self._connections: list[socket.socket] = []

    @property
    def host(self) -> str:
        """Its address and port."""
        return f"127.0.0.1:{self.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def drip(self, _: Request) -> Wire:
        """An answer of which a byte comes now and then, until the server ends."""
        yield HEAD
        while not self.over.wait(0.02):
            yield b" "

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.shutdown()
        self.server_close()
        self._thread.join()
        for connection in self._connections:
            # Answers under way are still sent; of connections that clients would keep, nothing more is heard.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RD)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.append(request)
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # the client was ended, or would not wait
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # the head and the body of an answer are sent one after the other
    server: Server

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(method=self.command, target=self.path, headers=headers, body=body)
        self.server.asked.append(request)
        answer = self.server.answer
        found = answer(request) if callable(answer) else answer
        if isinstance(found, Response):
            self._send(found)
            return
        for piece in found:
            self.wfile.write(piece)
        self.close_connection = True

    do_DELETE = do_GET = do_PATCH = do_POST = do_PUT = _answer  # noqa: N815 - the names that http.server calls

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.status != 204:  # which has no body
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    def log_message(self, *_: object) -> None:
        pass
