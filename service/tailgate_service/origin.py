"""Whose pages may open a live connection: a browser says by Origin whose page asks, and lets any page open one."""

import re
from collections.abc import Sequence

_ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?", re.ASCII)
_PORTS = {"http": "80", "https": "443"}


def normal(origin: str) -> str:
    """``origin`` (RFC 6454) in small letters, without the port that goes without saying; raises ``ValueError``."""
    match = _ORIGIN.fullmatch(origin.lower())
    if match is None:
        raise ValueError("an origin is http or https, ://, a host, and its port unless that is the usual one")
    scheme, host, port = match.groups()
    return f"{scheme}://{host}" if port in (None, _PORTS[scheme]) else f"{scheme}://{host}:{port}"


def several(text: str) -> tuple[str, ...]:
    """The normal origins in ``text``, parted by commas; raises ``ValueError``."""
    return tuple(normal(one.strip()) for one in text.split(",") if one.strip())


def admitted(origin: str | None, host: str, allowed: Sequence[str]) -> bool:
    """Whether a page of ``origin`` may connect to us, who are called ``host`` in the request, port included.

    Our own pages may, those of ``allowed`` (normal origins), and who has no origin, being no browser.
    """
    if origin is None:
        return True
    try:
        said = normal(origin)
    except ValueError:
        return False
    return said in allowed or said in {_of_host(scheme, host) for scheme in _PORTS}


def _of_host(scheme: str, host: str) -> str | None:
    try:
        return normal(f"{scheme}://{host}")
    except ValueError:
        return None
