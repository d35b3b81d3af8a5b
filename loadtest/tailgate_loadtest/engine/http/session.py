"""A session for load: what FastHttpUser's client does for a locustfile, with its calls and its words."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from ssl import SSLContext
from time import perf_counter
from typing import Any
from urllib.parse import unquote, urlencode, urljoin, urlsplit

from locust import User
from tailgate_otel.names import HEADER_USER_AGENT

from tailgate_loadtest.engine.agent import USER_AGENT
from tailgate_loadtest.engine.http.calls import Calls
from tailgate_loadtest.engine.http.connections import Connections
from tailgate_loadtest.engine.http.cookies import Cookies
from tailgate_loadtest.engine.http.counting import Counter
from tailgate_loadtest.engine.http.encode import Heads, basic_auth, body_of, refusal, without_credentials
from tailgate_loadtest.engine.http.errors import RequestFailed, TooManyRedirects, Unsupported
from tailgate_loadtest.engine.http.response import CaughtResponse, Response
from tailgate_loadtest.engine.http.sse import HEADERS as EVENT_HEADERS
from tailgate_loadtest.engine.http.sse import EventStream
from tailgate_loadtest.engine.http.stream import Line, SentAt
from tailgate_loadtest.engine.http.websocket import Message, WebSocket
from tailgate_loadtest.engine.tracker import CONTEXT_KEY, COUNTED
from tailgate_loadtest.engine.watch import Watch
from tailgate_loadtest.shapes.eventstream import Event

_REDIRECTS = (301, 302, 303, 307, 308)
_BODILESS = ("GET", "HEAD", "DELETE", "OPTIONS")


class Session(Calls):
    """The requests of one user: its connections, cookies and defaults."""

    def __init__(
        self,
        base_url: str,
        request_event: Any,
        user: User | None,
        *,
        tls: Callable[[], SSLContext],
        connection_timeout: float = 60.0,
        network_timeout: float = 60.0,
        max_redirects: int = 30,
        default_headers: Mapping[str, str] | None = None,
    ) -> None:
        parts = urlsplit(base_url)
        self.base_url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
        self.request_event = request_event
        self.user = user
        self.request_name: str | None = None
        self.cookiejar = Cookies()
        self.watch: Watch | None = None
        """Who is told of every request; none under plain Locust."""
        self._max_redirects = max_redirects
        self._tls, self._connect_within, self._within = tls, connection_timeout, network_timeout
        self._connections = Connections(tls=tls, connect_within=connection_timeout, within=network_timeout)
        defaults = {HEADER_USER_AGENT: USER_AGENT, "accept": "*/*", "accept-encoding": "gzip, deflate, br"}
        if parts.username:
            defaults["authorization"] = basic_auth(unquote(parts.username), unquote(parts.password or ""))
        self._heads = Heads(defaults).add(default_headers or {})

    def add_headers(self, headers: Mapping[str, str]) -> None:
        """Send these with every request, too, unless it has its own."""
        self._heads = self._heads.add(headers)

    def request(
        self,
        method: str,
        url: str,
        name: str | None = None,
        data: str | bytes | Mapping[str, Any] | None = None,
        catch_response: bool = False,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        json: Any = None,
        allow_redirects: bool = True,
        context: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        **unsupported: Any,
    ) -> Any:
        """Send a request and report it to Locust; with ``catch_response``, when the ``with`` block ends.

        Raises:
            Unsupported: an argument that this client does not have was given.
        """
        if unsupported:
            raise Unsupported(refusal(unsupported))
        address = self._address(url)
        if params:
            address += ("&" if "?" in address else "?") + urlencode(params, doseq=True)
        body, kind = body_of(data, json)
        head = self._heads.lines(headers, auth, kind)
        name = name or self.request_name
        watch = self.watch
        number = 0 if watch is None else watch.depart(method, url, name)
        began = perf_counter()
        try:
            response = self._follow(method, address, body, head, follow=allow_redirects)
        except BaseException as error:
            if watch is not None:
                watch.lose(number, error)
            raise
        service = perf_counter() - began
        if watch is not None:
            if catch_response:
                watch.hold(number, response.error, response)
            else:
                watch.arrive(number, service, response.error, response)
                # Locust's hook says nowhere else whether anybody but the watch's own listener would hear it.
                if len(self.request_event._handlers) == 1:
                    return response
                number = COUNTED
        meta = {
            "request_type": method,
            "name": name or url,
            "context": {
                **(self.user.context() if self.user else {}),
                **(context or {}),
                **({} if watch is None else {CONTEXT_KEY: number}),
            },
            "response": response,
            "exception": response.error,
            "start_time": time.time() - service,
            "url": address,
            "response_time": service * 1e3,
            "response_length": response.length,
        }
        if catch_response:
            return CaughtResponse(response, self.request_event, meta)
        self.request_event.fire(**meta)
        return response

    def websocket(
        self,
        url: str,
        name: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        subprotocols: Sequence[str] = (),
        sent_at: SentAt[Message] | None = None,
    ) -> WebSocket:
        """A WebSocket, opened by ``with``; with ``sent_at``, which reads it off a message, its deliveries are timed."""
        line = self._line(url, headers, auth, params)
        return WebSocket(line, self._counter("WS", url, name), sent_at, subprotocols)

    def events(
        self,
        url: str,
        name: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        last_event_id: str = "",
        sent_at: SentAt[Event] | None = None,
    ) -> EventStream:
        """A stream of server-sent events, opened by ``with``; ``sent_at`` as for a WebSocket."""
        line = self._line(url, {**EVENT_HEADERS, **(headers or {})}, auth, params)
        return EventStream(line, self._counter("SSE", url, name), sent_at, last_event_id)

    @contextmanager
    def rename_request(self, name: str) -> Iterator[None]:
        """Within, requests without a name of their own go by this one."""
        self.request_name = name
        try:
            yield
        finally:
            self.request_name = None

    def close(self) -> None:
        """Close every connection."""
        self._connections.close()

    def _counter(self, method: str, url: str, name: str | None) -> Counter:
        return Counter(method, url, name or self.request_name, self.watch, self.request_event, self.user)

    def _line(
        self,
        url: str,
        headers: Mapping[str, str] | None,
        auth: tuple[str, str] | None,
        params: Mapping[str, Any] | None,
    ) -> Line:
        address = self._address(f"http{url[2:]}" if url.startswith(("ws://", "wss://")) else url)
        if params:
            address += ("&" if "?" in address else "?") + urlencode(params, doseq=True)
        place = self._connections.place(address)
        cookie = self.cookiejar.line(address) if self.cookiejar.used else b""
        lines = (self._heads.lines(headers, auth, None) + cookie).splitlines()
        return Line(
            origin=place.site.origin,
            target=place.target,
            host=place.host,
            headers=tuple((name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)),
            tls=self._tls,
            connect_within=self._connect_within,
            within=self._within,
        )

    def _address(self, url: str) -> str:
        if url.startswith("/"):
            return self.base_url + url
        return url if "://" in url else f"{self.base_url}/{url}"

    def _follow(self, method: str, address: str, body: bytes, head: bytes, *, follow: bool) -> Response:
        for _ in range(self._max_redirects + 1):
            response = self._send(method, address, body, head)
            if response.status_code < 300:
                return response
            where = response.raw(b"location") if follow and response.status_code in _REDIRECTS else []
            if not where:
                if response.error is None and response.status_code >= 400:
                    response.judge()
                return response
            before = urlsplit(address)
            address = urljoin(address, where[0].decode("latin-1"))
            if urlsplit(address)[:2] != before[:2]:
                # What proves who we are is for the server that it was meant for.
                head = without_credentials(head)
            if response.status_code == 303 or (response.status_code in (301, 302) and method == "POST"):
                method, body = ("HEAD" if method == "HEAD" else "GET"), b""
        response.error = TooManyRedirects(f"more than {self._max_redirects} redirects")
        return response

    def _send(self, method: str, address: str, body: bytes, head: bytes) -> Response:
        response, cookies = Response(method, address), self.cookiejar
        place = self._connections.place(address)
        cookie = cookies.line(address) if cookies.used else b""
        length = b"content-length: %d\r\n" % len(body) if body or method not in _BODILESS else b""
        request = b"".join((method.encode(), place.lines, head, cookie, length, b"\r\n", body))
        try:
            self._connections.exchange(place.site, request, response)
        except RequestFailed as error:
            response.error = error
            return response
        if response.has(b"set-cookie"):
            cookies.take(address, response)
        return response
