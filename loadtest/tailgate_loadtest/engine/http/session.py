"""A session for load: what FastHttpUser's client does for a locustfile, with its calls and its words."""

import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import CookieJar
from importlib.metadata import version
from ssl import SSLContext
from typing import Any
from urllib.parse import unquote, urlencode, urljoin, urlsplit

from locust import User

from tailgate_loadtest.engine.http.connection import Connection, Origin, Timings
from tailgate_loadtest.engine.http.encode import (
    SetCookies,
    basic_auth,
    body_of,
    header_lines,
    refusal,
    without_credentials,
)
from tailgate_loadtest.engine.http.errors import (
    AnswerTruncated,
    ConnectionReset,
    RequestFailed,
    TooManyRedirects,
    Unsupported,
)
from tailgate_loadtest.engine.http.parser import AnswerParser
from tailgate_loadtest.engine.http.response import CaughtResponse, Response
from tailgate_loadtest.engine.tracker import CONTEXT_KEY, COUNTED, Watch

USER_AGENT = f"tailgate/{version('tailgate-loadtest')}"
_REDIRECTS = (301, 302, 303, 307, 308)
_BODILESS = ("GET", "HEAD", "DELETE", "OPTIONS")


class Session:
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
        self.cookiejar = CookieJar()
        self.watch: Watch | None = None
        """Who is told of every request; none under plain Locust."""
        self._tls = tls
        self._connect_within = connection_timeout
        self._within = network_timeout
        self._max_redirects = max_redirects
        self._connections: dict[Origin, Connection] = {}
        self._places: dict[str, tuple[Origin, str, bytes]] = {}
        self._defaults = {
            "user-agent": USER_AGENT,
            "accept": "*/*",
            "accept-encoding": "gzip, deflate, br",
            **{name.lower(): value for name, value in (default_headers or {}).items()},
        }
        if parts.username:
            self._defaults["authorization"] = basic_auth(unquote(parts.username), unquote(parts.password or ""))
        self._plain_head = header_lines(self._defaults)

    def add_headers(self, headers: Mapping[str, str]) -> None:
        """Send these with every request, too, unless it has its own."""
        self._defaults |= headers
        self._plain_head = header_lines(self._defaults)

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
        head = self._head(headers, auth, kind)
        name = name or self.request_name or url
        watch = self.watch
        number = 0 if watch is None else watch.depart(method, name)
        began = time.perf_counter()
        try:
            response = self._follow(method, address, body, head, follow=allow_redirects)
        except BaseException as error:
            if watch is not None:
                watch.lose(number, error)
            raise
        service = time.perf_counter() - began
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
            "name": name,
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

    def get(self, url: str, **more: Any) -> Any:
        """Send a GET request."""
        return self.request("GET", url, **more)

    def head(self, url: str, **more: Any) -> Any:
        """Send a HEAD request; redirects are not followed unless it is asked for."""
        return self.request("HEAD", url, **{"allow_redirects": False, **more})

    def options(self, url: str, **more: Any) -> Any:
        """Send an OPTIONS request."""
        return self.request("OPTIONS", url, **more)

    def delete(self, url: str, **more: Any) -> Any:
        """Send a DELETE request."""
        return self.request("DELETE", url, **more)

    def post(self, url: str, data: Any = None, json: Any = None, **more: Any) -> Any:
        """Send a POST request."""
        return self.request("POST", url, data=data, json=json, **more)

    def put(self, url: str, data: Any = None, json: Any = None, **more: Any) -> Any:
        """Send a PUT request."""
        return self.request("PUT", url, data=data, json=json, **more)

    def patch(self, url: str, data: Any = None, json: Any = None, **more: Any) -> Any:
        """Send a PATCH request."""
        return self.request("PATCH", url, data=data, json=json, **more)

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
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def _follow(self, method: str, address: str, body: bytes, head: bytes, *, follow: bool) -> Response:
        for _ in range(self._max_redirects + 1):
            response = self._send(method, address, body, head)
            where = response.raw(b"location") if follow and response.status_code in _REDIRECTS else []
            if not where:
                if response.error is None and response.status_code >= 400:
                    response.judge()
                return response
            before = urlsplit(address)
            address = urljoin(address, where[0])
            if urlsplit(address)[:2] != before[:2]:
                # What proves who we are is for the server that it was meant for.
                head = without_credentials(head)
            if response.status_code == 303 or (response.status_code in (301, 302) and method == "POST"):
                method, body = ("HEAD" if method == "HEAD" else "GET"), b""
        return Response(
            method,
            address,
            response.timings,
            status_code=response.status_code,
            error=TooManyRedirects(f"more than {self._max_redirects} redirects"),
        )

    def _send(self, method: str, address: str, body: bytes, head: bytes) -> Response:
        timings = Timings()
        try:
            origin, target, host = self._place(address)
            parts = [method.encode(), b" ", target.encode(), b" HTTP/1.1\r\nhost: ", host, b"\r\n", head]
            if len(self.cookiejar):
                parts.append(self._cookies(address))
            if body or method not in _BODILESS:
                parts.append(b"content-length: %d\r\n" % len(body))
            parts += (b"\r\n", body)
            answer = self._exchange(origin, b"".join(parts), timings, no_body=method == "HEAD")
        except RequestFailed as error:
            return Response(method, address, timings, error=error)
        response = Response(
            method, address, timings, status_code=answer.status, headers=answer.headers, body=answer.body
        )
        if response.raw(b"set-cookie"):
            asked = urllib.request.Request(address)  # noqa: S310 - never opened; the jar wants one to look at
            self.cookiejar.extract_cookies(SetCookies(response), asked)  # type: ignore[arg-type]  # it asks for info()
        return response

    def _exchange(self, origin: Origin, request: bytes, timings: Timings, *, no_body: bool) -> AnswerParser:
        connection = self._connections.pop(origin, None)
        if connection is not None:
            try:
                if connection.reusable():
                    answer = connection.exchange(request, timings, no_body=no_body, within=self._within)
                    self._put_back(origin, connection, answer)
                    return answer
            except (ConnectionReset, AnswerTruncated):
                if connection.begun:
                    connection.close()
                    raise
                # An idle connection that the server closed as we sent: nothing of an answer came, so it is sent anew.
            except BaseException:  # a time-out of the locustfile's own is no Exception
                connection.close()
                raise
            connection.close()
        connection = Connection(origin, timings, within=self._connect_within, tls=self._tls)
        try:
            answer = connection.exchange(request, timings, no_body=no_body, within=self._within)
        except BaseException:
            connection.close()
            raise
        self._put_back(origin, connection, answer)
        return answer

    def _put_back(self, origin: Origin, connection: Connection, answer: AnswerParser) -> None:
        if answer.keep_alive:
            self._connections[origin] = connection
        else:
            connection.close()

    def _address(self, url: str) -> str:
        if url.startswith("/"):
            return self.base_url + url
        return url if "://" in url else f"{self.base_url}/{url}"

    def _place(self, address: str) -> tuple[Origin, str, bytes]:
        known = self._places.get(address)
        if known is not None:
            return known
        try:
            parts = urlsplit(address)
            port = parts.port
        except ValueError as error:
            raise Unsupported(f"{address!r} is no address: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Unsupported(f"{address!r} is no http or https address")
        secure = parts.scheme == "https"
        origin = Origin(secure, parts.hostname, port or (443 if secure else 80))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        place = origin, target.replace(" ", "%20"), parts.netloc.rpartition("@")[2].encode()
        if len(self._places) < 1000:
            self._places[address] = place
        return place

    def _head(self, headers: Mapping[str, str] | None, auth: tuple[str, str] | None, kind: str | None) -> bytes:
        if not headers and not auth and not kind:
            return self._plain_head
        given = {name.lower(): value for name, value in (headers or {}).items()}
        if auth:
            given["authorization"] = basic_auth(*auth)
        if kind:
            given.setdefault("content-type", kind)
        return header_lines({**self._defaults, **given})

    def _cookies(self, address: str) -> bytes:
        asking = urllib.request.Request(address)  # noqa: S310 - never opened; the jar wants one to look at
        self.cookiejar.add_cookie_header(asking)
        value = asking.get_header("Cookie")
        return f"cookie: {value}\r\n".encode("latin-1") if value else b""
