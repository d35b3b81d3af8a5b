"""The base class of a persona: a FastHttpUser locustfile moves by changing its base class to this one."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from ssl import SSLContext
from typing import Any, ClassVar

from locust import User
from locust.exception import LocustError
from locust.user.users import RestMixin

from tailgate_loadtest.engine.http.session import Session
from tailgate_loadtest.engine.http.tls import client_context
from tailgate_loadtest.shapes.orders import Tls


class LoadUser(User, RestMixin[Any]):
    """An HTTP user whose client is made for load."""

    abstract = True
    network_timeout: float = 60.0
    """Seconds that a whole exchange may take."""
    connection_timeout: float = 60.0
    """Seconds that opening a connection may take."""
    max_redirects: int = 30
    default_headers: Mapping[str, str] | None = None
    insecure: bool = False
    """Take any certificate. Unlike FastHttpUser, certificates are looked at unless this says otherwise."""
    ssl_context_factory: Callable[[], SSLContext] | None = None
    """Makes what connections are secured with, once for all users of the class."""
    tls: ClassVar[Tls] = Tls()
    """What the command line says of it."""

    _own_context: ClassVar[SSLContext]

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        if self.host is None:
            raise LocustError("no host: give --host, or set the class's host")
        self.client = Session(
            self.host,
            environment.events.request,
            self,
            tls=self._context,
            connection_timeout=self.connection_timeout,
            network_timeout=self.network_timeout,
            max_redirects=self.max_redirects,
            default_headers=self.default_headers,
        )
        if self.host.startswith("https:"):
            self._context()  # now, and not within the first connection's time

    def _context(self) -> SSLContext:
        factory = self.ssl_context_factory
        if factory is None:
            return client_context(replace(self.tls, insecure=self.insecure))
        cls = type(self)
        if "_own_context" not in vars(cls):
            cls._own_context = factory()
        return cls._own_context
