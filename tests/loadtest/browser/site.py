"""A little site on loopback whose pages are what a test says, and that keeps what it was asked."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Page:
    """What is answered."""

    body: str = ""
    kind: str = "text/html"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    held: bool = False
    """Whether it is answered when the site is closed, and not before."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request; header names in small letters."""

    method: str
    path: str
    """Without its query."""
    headers: Mapping[str, str]
    body: str


class Site(ThreadingHTTPServer):
    """What it is asked, in order; pages by their paths, and 404 for any other."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, Page] = {"/favicon.ico": Page(status=204)}
        self.asked: list[Asked] = []
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def of(self, path: str) -> list[Asked]:
        """What was asked for a path."""
        return [asked for asked in self.asked if asked.path == path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Site

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append(Asked(method=self.command, path=path, headers=headers, body=body))
        page = self.server.pages.get(path, Page(status=404, body="<p>There is none."))
        if page.held:
            self.server.ended.wait()
        content = page.body.encode()
        self.send_response(page.status)
        for name, value in {"Content-Type": page.kind, "Cache-Control": "no-store", **page.headers}.items():
            self.send_header(name, value)
        if page.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        self.do_GET()

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True  # the browser was ended

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[Site]:
    """A site, running."""
    site = Site()
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        site.ended.set()
        site.shutdown()
        site.server_close()
        thread.join()
