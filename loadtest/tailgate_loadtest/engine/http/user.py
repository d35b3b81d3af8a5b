"""The base class of a persona: a FastHttpUser locustfile moves by changing its base class to this one."""

import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any

import gevent.ssl
from locust import User
from locust.exception import LocustError
from locust.user.users import RestMixin

from tailgate_loadtest.engine.http.session import Session


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

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        if self.host is None:
            raise LocustError("no host: give --host, or set the class's host")
        self.client = Session(
            self.host,
            environment.events.request,
            self,
            tls=lambda: tls_context(insecure=self.insecure),
            connection_timeout=self.connection_timeout,
            network_timeout=self.network_timeout,
            max_redirects=self.max_redirects,
            default_headers=self.default_headers,
        )


@cache
def tls_context(*, insecure: bool) -> ssl.SSLContext:
    """The one context of all users: building one reads a few hundred certificates."""
    context: ssl.SSLContext = gevent.ssl.create_default_context()
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
