"""The connections of one session, kept open between its requests."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tailgate_loadtest.engine.http.connection import Connection
from tailgate_loadtest.engine.http.errors import AnswerTruncated, ConnectionReset, Unsupported
from tailgate_loadtest.engine.http.opening import Origin
from tailgate_loadtest.engine.http.response import Response
from tailgate_loadtest.engine.http.timings import Timings

_MAX_PLACES = 1000


@dataclass(slots=True)
class Site:
    """One origin, and the connections to it that nobody uses now."""

    origin: Origin
    idle: list[Connection] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """What an address comes to: where to, and the lines of a request that say what of."""

    site: Site
    lines: bytes
    """The request line after its method, and the host."""

    @property
    def target(self) -> bytes:
        """What is asked for."""
        return self.lines.split()[0]

    @property
    def host(self) -> bytes:
        """Whom it is asked of, as the host header has it."""
        return self.lines.split()[-1]


class Connections:
    """Sends requests, each by a connection that is open already where there is one."""

    def __init__(self, *, tls: Callable[[], ssl.SSLContext], connect_within: float, within: float) -> None:
        self._tls = tls
        self._connect_within = connect_within
        self._within = within
        self._sites: dict[Origin, Site] = {}
        self._places: dict[str, Place] = {}

    def place(self, address: str) -> Place:
        """Where an address leads. Raises Unsupported for what is none."""
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
        host = parts.netloc.rpartition("@")[2]
        lines = f" {target.replace(' ', '%20')} HTTP/1.1\r\nhost: {host}\r\n".encode()
        place = Place(self._sites.setdefault(origin, Site(origin)), lines)
        if len(self._places) < _MAX_PLACES:
            self._places[address] = place
        return place

    def exchange(self, site: Site, request: bytes, response: Response) -> None:
        """Send a request and fill in what is answered. Raises RequestFailed by the name of what went wrong."""
        no_body = response.method == "HEAD"
        if site.idle:
            connection = site.idle.pop()
            try:
                if connection.reusable:
                    connection.exchange(request, no_body=no_body, within=self._within)
                    self._fill(response, site, connection)
                    return
            except (ConnectionReset, AnswerTruncated):
                if connection.begun:
                    connection.close()
                    raise
                # An idle connection that the server closed as we sent: nothing of an answer came, so it is sent anew.
            except BaseException:  # a time-out of the locustfile's own is no Exception
                connection.close()
                raise
            connection.close()
        response.opening = Timings()
        connection = Connection(site.origin, response.opening, within=self._connect_within, tls=self._tls)
        try:
            connection.exchange(request, no_body=no_body, within=self._within)
        except BaseException:
            connection.close()
            raise
        self._fill(response, site, connection)

    def close(self) -> None:
        """Close every one that nobody uses."""
        for site in self._sites.values():
            while site.idle:
                site.idle.pop().close()

    @staticmethod
    def _fill(response: Response, site: Site, connection: Connection) -> None:
        answer = connection.answer
        response.fill(answer.status, answer.head, answer.body, connection.wait, connection.receive)
        if answer.keep_alive and not connection.expired:
            site.idle.append(connection)
        else:
            connection.close()
