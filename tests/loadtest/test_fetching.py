"""What is fetched of a server: within its bounds, and without telling another server what was for this one."""

import threading
import urllib.error
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tailgate_loadtest.measure.fetching import fetch


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str | None]] = []
        self.elsewhere = ""
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"]))
        if self.path in ("/elsewhere", "/there"):
            self.send_response(302)
            self.send_header("Location", self.server.elsewhere if self.path == "/elsewhere" else "/page")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        if self.path == "/drip":
            while not self.server.ended.wait(0.05):
                self.wfile.write(b".")
                self.wfile.flush()
        else:
            self.wfile.write(b"x" * (2_000_000 if self.path == "/large" else 5))

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def asked(url: str, within: float = 30.0) -> bytes:
    return fetch(url, {"Authorization": "Basic c2VjcmV0"}, within=within, most=1 << 20)


def test_a_page_comes_whole_and_a_redirect_on_its_server_is_followed(server: Server) -> None:
    assert asked(f"{server.url}/page") == asked(f"{server.url}/there") == b"xxxxx"
    assert {authorization for _, authorization in server.asked} == {"Basic c2VjcmV0"}


def test_another_server_is_told_nothing(server: Server) -> None:
    with ExitStack() as stack:
        other = stack.enter_context(serving())
        server.elsewhere = f"{other.url}/page"
        with pytest.raises(urllib.error.HTTPError) as refused:
            asked(f"{server.url}/elsewhere")
        refused.value.close()
    assert refused.value.code == 302
    assert other.asked == []


def test_who_sends_a_byte_now_and_then_is_not_waited_for(server: Server) -> None:
    with pytest.raises(TimeoutError, match="no whole answer within"):
        asked(f"{server.url}/drip", within=0.4)


def test_what_is_too_large_is_not_read(server: Server) -> None:
    with pytest.raises(OSError, match="larger than 1 MiB"):
        asked(f"{server.url}/large")
