"""The address of a server that is asked by HTTP: taken apart, shown without secrets, and asked where it is."""

import base64
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from .plain import plain


@dataclass(frozen=True, kw_only=True)
class Address:
    """``url`` is without credentials, and without a slash at its end; ``user`` is None where there are none."""

    url: str
    user: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)

    @property
    def headers(self) -> Mapping[str, str]:
        """What bears the credentials, where there are any."""
        if self.user is None:
            return {}
        pair = f"{self.user}:{self.password}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def read_address(text: str) -> Address | None:
    """``https://user:password@host/prefix`` taken apart; None for what is no such address."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    if not usable or parts.query or parts.fragment:
        return None
    return Address(
        url=_bare(parts.scheme, parts.netloc, parts.path.rstrip("/")),
        user=None if parts.username is None else unquote(parts.username),
        password=unquote(parts.password or ""),
    )


def no_address(text: str, whose: str, example: str) -> str:
    """A sentence for what `read_address` does not take, which shows it only where no secret can be in it."""
    if set(text) & set("@?#"):
        return (
            f"what was given is no address of {whose}; give one like {example}, without ? and #, and write / ? # and @"
            " in a user name or password as %2F %3F %23 and %40"
        )
    return f"{plain(text)!r} is no address of {whose}; give one like {example}"


def shown(location: str | None) -> str:
    """Where a server sends us, as far as it can be shown: without credentials, and without a query."""
    try:
        parts = urlsplit(location or "")
    except ValueError:
        return "elsewhere"
    return plain(_bare(parts.scheme, parts.netloc, parts.path)) or "elsewhere"


def unmoved() -> urllib.request.OpenerDirector:
    """Asks, and follows no redirection: credentials go to the address that was given."""
    return urllib.request.build_opener(_Stay())


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow nothing: the answer is an error then."""


def _bare(scheme: str, netloc: str, path: str) -> str:
    return urlunsplit((scheme, netloc.rpartition("@")[2], path, "", ""))
