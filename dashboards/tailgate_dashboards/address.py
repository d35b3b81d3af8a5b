"""The address of a server that is asked by HTTP: taken apart, and asked without being led elsewhere."""

import base64
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Address:
    """``url`` is without credentials, and without a slash at its end; ``headers`` bear them, where there are any."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_address(text: str) -> Address | None:
    """``https://user:password@host/prefix`` taken apart; None for what is no such address."""
    try:
        parts = urllib.parse.urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    if not usable or parts.query or parts.fragment:
        return None
    headers = {}
    if parts.username is not None:
        pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    host = parts.netloc.rpartition("@")[2]
    url = urllib.parse.urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
    return Address(url=url, headers=headers)


def unmoved() -> urllib.request.OpenerDirector:
    """Asks, and follows no redirection: credentials go to the address that was given."""
    return urllib.request.build_opener(_Stay())


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow nothing: the answer is an error then."""
