"""The bounded names of what was asked for: method, route template, status."""

from collections.abc import Mapping, MutableMapping
from typing import Any

from tailgate_otel import names

METHODS = frozenset(("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"))
_STATUSES = {status: str(status) for status in range(100, 600)}


def status_label(status: int) -> str:
    """The label value of a status."""
    return _STATUSES.get(status, names.OTHER_STATUS)


def template_of(scope: MutableMapping[str, Any], root_path: str) -> str:
    """The template of the route that answered, as the whole application spells it.

    Frameworks leave the innermost route in ``scope["route"]``; what mounts and included routers put before it
    is restored from the path, the parameters they matched put back as their names.

    Args:
        scope: the ASGI scope after the application has answered.
        root_path: the ``root_path`` of the scope before, which is no part of the application.

    """
    route: str | None = getattr(scope.get("route"), "path", None)
    if route is None:
        return names.UNKNOWN_ROUTE
    path: str = scope["path"]
    if root_path and path.startswith(root_path):
        path = path[len(root_path) :]
    parameters: Mapping[str, Any] = scope.get("path_params") or {}
    # The parameters of a path convertor span segments of their own.
    inner = route.count("/") + sum(
        str(value).count("/") for name, value in parameters.items() if f"{{{name}:path}}" in route
    )
    if path.count("/") == inner:
        return route
    outer = path.split("/")[: path.count("/") + 1 - inner]
    for name, value in parameters.items():
        if f"{{{name}}}" not in route and f"{{{name}:" not in route and str(value) in outer:
            outer[outer.index(str(value))] = f"{{{name}}}"
    return "/".join(outer) + route
