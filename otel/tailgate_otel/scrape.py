"""The metrics page, served by threads that share the interpreter with the event loop and give way to it."""

import errno
import logging
import socket
import sys
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from threading import Lock, Thread
from typing import Any, Protocol

from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.registry import Collector, CollectorRegistry

from tailgate_otel import names
from tailgate_otel.config import Config
from tailgate_otel.errors import MetricsPortError

PATH = "/metrics"

# Connections at once, and seconds that each may take: whoever does not ask or does not read piles up no threads.
MAX_CONNECTIONS = 8
_DEADLINE = 10.0
# How often deadlines are looked at, seconds; closing waits as long.
_ROUND = 0.1
# Characters written between two pauses: a quarter of a millisecond's work.
_BURST = 65_536
# Seconds. Whoever waits for the interpreter is woken when another thread pauses; without a pause only after the
# switch interval, 5 ms, and again at each of its turns. A pause of 0 would be over before it is awake.
_PAUSE = 50e-6
_OPENMETRICS = "application/openmetrics-text"

_log = logging.getLogger(__name__)


class Source(Protocol):
    """Whose families the page shows."""

    def text(self, openmetrics: bool) -> Iterator[str]:
        """Whole families, in pieces that take far less than a millisecond each."""


class MetricsServer:
    """A served page, until it is closed.

    Attributes:
        port: where it is.

    """

    def __init__(self, server: "_Server") -> None:
        self.port: int = server.server_address[1]
        self._server = server
        self._thread = Thread(target=server.serve_forever, args=(_ROUND,), name="tailgate-metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give the port back, and hang up on whoever is still connected."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve(config: Config, source: Source, collectors: Iterable[Collector] = ()) -> MetricsServer:
    """Serve the metrics of a source, and below them those of ``prometheus_client``'s collectors.

    They are served on the first free one of the configured ports.

    Raises:
        MetricsPortError: none of the ports can be listened on.

    """
    registry = CollectorRegistry(auto_describe=False)
    for collector in collectors:
        registry.register(collector)
    page = _Page(source, registry)
    host, first, last = config.metrics_host, config.metrics_port, config.metrics_port + config.metrics_ports - 1
    place = f"{host}:{first}" if first == last else f"{host}:{first}-{last}"
    for port in range(first, last + 1):
        try:
            return MetricsServer(_Server(host, port, page))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise MetricsPortError(
                    f"metrics cannot be served on {place}: {error.strerror}; choose an address that can be listened "
                    f"on with {names.ENV_METRICS_HOST} and {names.ENV_METRICS_PORT}"
                ) from error
    raise MetricsPortError(
        f"metrics cannot be served on {place}: {'the port is' if first == last else 'all ports are'} in use; choose "
        f"another with {names.ENV_METRICS_PORT}, where 0 finds any that is free, or let each process of a host take "
        f"the first free one of several: {names.ENV_METRICS_PORTS} says how many"
    )


class _Page:
    """What is shown. One at a time is written: the interpreter is the application's."""

    def __init__(self, source: Source, registry: CollectorRegistry) -> None:
        self._source = source
        self._registry = registry
        self._lock = Lock()

    def written(self, accept: str, encodings: str) -> tuple[dict[str, str], list[bytes]]:
        """Headers, and the body in pieces, in the format that the client understands best."""
        encode, content_type = choose_encoder(accept)
        headers = {"Content-Type": content_type}
        with self._lock:
            body = list(self._pieces(content_type.startswith(_OPENMETRICS)))
            body.append(encode(self._registry))
        if gzip_accepted(encodings):
            headers["Content-Encoding"] = "gzip"
            # The quickest level: four fifths of what the best one saves, for a sixth of its time.
            gzip = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
            body = [*map(gzip.compress, body), gzip.flush()]
        headers["Content-Length"] = str(sum(map(len, body)))
        return headers, body

    def _pieces(self, openmetrics: bool) -> Iterator[bytes]:
        """The source's text, with a pause after each piece."""
        texts: list[str] = []
        size = 0
        for text in self._source.text(openmetrics):
            texts.append(text)
            size += len(text)
            if size >= _BURST:
                yield _bytes(texts)
                texts, size = [], 0
                time.sleep(_PAUSE)
        yield _bytes(texts)


def _bytes(texts: list[str]) -> bytes:
    # A label may hold what no Unicode text may; that is no reason to show nothing.
    return "".join(texts).encode("utf-8", "replace")


class _Server(ThreadingMixIn, TCPServer):
    """A thread per connection, and few connections, each with a deadline."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, host: str, port: int, page: _Page) -> None:
        self.page = page
        self._begun: dict[socket.socket, float] = {}
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family = found[0][0]
        super().__init__((host, port), _Handler)

    def get_request(self) -> tuple[Any, Any]:
        """The next connection."""
        try:
            return super().get_request()
        except OSError:
            # The process is out of files, and will be at once again: the application needs the time.
            time.sleep(_ROUND)
            raise

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether there is room for one more."""
        if len(self._begun) < MAX_CONNECTIONS:
            self._begun[request] = time.monotonic()
            return True
        with suppress(OSError):  # it has hung up already
            request.send(b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n")
        return False

    def shutdown_request(self, request: Any) -> None:
        """The connection is over."""
        self._begun.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Hang up on whoever took too long."""
        before = time.monotonic() - _DEADLINE
        self._hang_up([connection for connection, begun in list(self._begun.items()) if begun < before])

    def server_close(self) -> None:
        """Stop listening, and hang up on everybody."""
        super().server_close()
        self._hang_up(list(self._begun))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up or falls silent is its own affair; anything else is logged."""
        if not isinstance(sys.exception(), OSError):
            _log.exception("a scrape failed")

    @staticmethod
    def _hang_up(connections: list[socket.socket]) -> None:
        for connection in connections:
            with suppress(OSError):  # it is over by now
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD of the page, and nothing else."""

    server: _Server
    server_version = "tailgate"
    sys_version = ""

    def do_GET(self) -> None:
        """The page."""
        if self.path.partition("?")[0] != PATH:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        try:
            headers, body = self.server.page.written(
                self.headers.get("Accept", ""), self.headers.get("Accept-Encoding", "")
            )
        except Exception:  # noqa: BLE001 - logged, and the client is told
            _log.exception("the metrics could not be written")
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)
            return
        self.send_response(HTTPStatus.OK)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.writelines(body)

    do_HEAD = do_GET  # noqa: N815 - the base class's naming

    def __getattr__(self, name: str) -> Any:
        # The base class looks for do_METHOD.
        if name.startswith("do_"):
            return self._refuse
        raise AttributeError(name)

    def _refuse(self) -> None:
        self.send_response(HTTPStatus.METHOD_NOT_ALLOWED)
        self.send_header("Allow", "GET, HEAD")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing: a scrape every few seconds is no news."""
