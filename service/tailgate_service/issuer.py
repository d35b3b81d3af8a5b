"""Who makes the tokens that are believed."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tailgate_otel import names

from tailgate_service.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """An issuer by its ``name`` and our ``audience``, as tokens say both, and the URL of its keys.

    Raises ``SettingsError`` when one is missing, or when the keys would come in the clear from another machine.
    """

    name: str
    audience: str
    jwks_url: str

    def __post_init__(self) -> None:
        told = {
            names.ENV_TOKEN_ISSUER: self.name,
            names.ENV_TOKEN_AUDIENCE: self.audience,
            names.ENV_TOKEN_KEYS: self.jwks_url,
        }
        missing = [name for name, value in told.items() if not value]
        if missing:
            raise SettingsError(f"{', '.join(missing)} not set: to take tokens needs all of {', '.join(told)}")
        if not _private(self.jwks_url):
            # What it says may hold a password.
            raise SettingsError(
                f"{names.ENV_TOKEN_KEYS} is no https URL, nor an http one of this machine, without a name and password"
            )

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Issuer | None":
        """The issuer that ``environ`` tells of, if any."""
        name, audience, jwks_url = (
            environ.get(one, "") for one in (names.ENV_TOKEN_ISSUER, names.ENV_TOKEN_AUDIENCE, names.ENV_TOKEN_KEYS)
        )
        return cls(name=name, audience=audience, jwks_url=jwks_url) if name or audience or jwks_url else None


def _private(url: str) -> bool:
    """Whether nobody on the way can change what comes from ``url``, which bears no password that a log could show."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _loopback(host))


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
