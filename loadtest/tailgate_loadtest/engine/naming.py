"""What the requests of a load are called: by their names, else by the templates their paths belong to.

A path that no template fits goes by itself, its plain ids folded (``/orders/17`` is ``/orders/{id}``).
"""

from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import unquote

from tailgate_loadtest.engine.outcome import bounded, route_name
from tailgate_loadtest.shapes.templates import Templates, folded, path_of

_REMEMBERED = 4096
"""Paths whose route is known without looking."""


class Naming:
    """Names requests to a host. Its templates are routes written ``METHOD template``; of two alike the first counts."""

    def __init__(self, templates: Iterable[str], host: str) -> None:
        # A route may have a word after its path, as those of streams have.
        self._templates = Templates(" ".join(route.split(" ")[:2]) for route in templates)
        self._base = path_of(host).rstrip("/")
        self.unnamed = lru_cache(_REMEMBERED)(self._unnamed)
        """The route of a request that has no name, by its method and its path or address."""

    def route(self, method: str, url: str, name: str | None) -> str:
        """The route of a request; a name that was given is never changed."""
        return route_name(method, name) if name else self.unnamed(method, url)

    def _unnamed(self, method: str, url: str) -> str:
        found = self._templates.match(method, url)
        if found is None and self._base:
            # The host's own path is no part of what a locustfile asks for, but may be one of the template.
            found = self._templates.match(method, self._base + path_of(url))
        return bounded(found) if found else folded(route_name(method, url))


def same_path(name: str, url: str | None) -> bool:
    """Whether what a client reports as the name is the path of an address, however spelt."""
    return url is not None and (
        name == url or (name.startswith(("/", "http")) and unquote(path_of(name)) == unquote(path_of(url)))
    )
