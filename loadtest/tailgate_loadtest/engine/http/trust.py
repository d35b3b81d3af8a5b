"""Hands the command line's TLS options to the classes of a locustfile, Locust's own clients among them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from locust import FastHttpUser, HttpUser, User
from locust.exception import LocustError

from tailgate_loadtest.engine.http.tls import client_context
from tailgate_loadtest.engine.http.user import LoadUser
from tailgate_loadtest.shapes.orders import Tls


def trust(classes: Sequence[type[User]], tls: Tls) -> None:
    """Have the users of these classes secure their connections as the options say, whatever their classes say.

    For a process of its own: the classes are not the same afterwards. A user that is none of LoadUser, FastHttpUser and
    HttpUser makes its connections itself.

    Raises:
        LocustError: a class makes its own context, and an option is given as well.
    """
    if tls.given is None:
        return
    for cls in classes:
        if issubclass(cls, LoadUser | FastHttpUser):
            if cls.ssl_context_factory is not None:
                raise LocustError(
                    f"{cls.__name__} has an ssl_context_factory of its own, and {tls.given} was given: use one of them"
                )
            cls.insecure = tls.insecure or (cls.insecure and tls.cacert is None)
            if issubclass(cls, LoadUser):
                cls.tls = tls
            else:
                cls.ssl_context_factory = staticmethod(_factory(replace(tls, insecure=cls.insecure)))
        elif issubclass(cls, HttpUser):
            _trust_by_requests(cls, tls)


def _factory(tls: Tls) -> Callable[..., Any]:
    def factory(cafile: str | None = None) -> Any:
        del cafile  # the client would add the authorities of a package
        return client_context(tls)

    return factory


def _trust_by_requests(cls: Any, tls: Tls) -> None:
    init: Callable[..., None] = cls.__init__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it takes the place of one
        init(self, *args, **kwargs)
        self.client.verify = False if tls.insecure else tls.cacert or True
        self.client.cert = (tls.cert, tls.key) if tls.key else tls.cert

    cls.__init__ = __init__
