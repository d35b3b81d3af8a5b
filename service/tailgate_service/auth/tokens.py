"""Tokens of an outside issuer (RFC 7519), believed by its keys alone."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
from jwt.exceptions import InvalidSubjectError

from tailgate_service.auth.keys import Keys
from tailgate_service.errors import TokenError
from tailgate_service.issuer import Issuer

MAX_TOKEN = 8192
"""Characters."""
LEEWAY = 30.0
"""Seconds by which the issuer's clock and ours may differ."""
MAX_SUBJECT = 256
"""Characters."""

_ALGORITHMS = ("RS256", "ES256")
_TYPES = ("jwt", "at+jwt", "application/jwt", "application/at+jwt")
# What brings a key along is an attacker's word for it; what changes how to read a token must be understood.
_REFUSED = frozenset({"b64", "crit", "jku", "jwk", "x5c", "x5u", "zip"})
_REQUIRED = ("aud", "exp", "iat", "iss", "sub")
_WHY = {
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is not valid yet, by its iat or nbf",
    jwt.InvalidAudienceError: "its aud does not name this service",
    jwt.InvalidIssuerError: "its iss is not the issuer that is believed",
    jwt.InvalidSignatureError: "its signature does not hold",
    InvalidSubjectError: "its sub is no text",
    jwt.InvalidIssuedAtError: "its iat is no number",
}
_NEVER = int(datetime.max.replace(tzinfo=UTC).timestamp()) - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """Whom a token speaks of, and until when."""

    subject: str
    expires_at: datetime


class Tokens:
    """Says whose a token is."""

    def __init__(self, issuer: Issuer, keys: Keys) -> None:
        self._issuer = issuer
        self._keys = keys

    async def holder(self, token: str) -> Holder:
        """Whose ``token`` is.

        Raises ``TokenError`` for one that is not to be believed, ``IssuerError`` without the keys to judge by.
        """
        if len(token) > MAX_TOKEN or not token.isascii():
            raise TokenError(f"it is longer than {MAX_TOKEN} characters, or not of ASCII")
        try:
            key = await self._keys.key(_kid(jwt.get_unverified_header(token)))
            claims = jwt.decode(
                token,
                key,
                # A key is good for one algorithm, whatever a token says.
                algorithms=[key.algorithm_name],
                audience=self._issuer.audience,
                issuer=self._issuer.name,
                leeway=LEEWAY,
                options={"require": list(_REQUIRED)},
            )
        except jwt.PyJWTError as error:
            raise TokenError(_why(error)) from error
        return _holder(claims)


def _why(error: jwt.PyJWTError) -> str:
    """Of a token why it is not believed, quoting no more than the names of claims that it must have."""
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"it lacks {error.claim}"
    return next((why for kind, why in _WHY.items() if isinstance(error, kind)), "it, or a claim of it, cannot be read")


def _kid(header: dict[str, Any]) -> str:
    """The name of the key that a token says it is signed by, if its header may be as it is."""
    unwelcome = sorted(_REFUSED & header.keys())
    if unwelcome:
        raise TokenError(f"its header has {', '.join(unwelcome)}")
    kid, kind = header.get("kid"), header.get("typ", "JWT")
    if header.get("alg") not in _ALGORITHMS:
        raise TokenError(f"it is not signed by one of {', '.join(_ALGORITHMS)}")
    if not isinstance(kid, str) or not kid:
        raise TokenError("its header has no kid")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise TokenError("its header says that it is something else")
    return kid


def _holder(claims: dict[str, Any]) -> Holder:
    subject = claims["sub"]
    # Also what cannot be stored: NUL, and halves of surrogate pairs.
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT or not subject.isprintable():
        raise TokenError(f"its subject is not 1 to {MAX_SUBJECT} printable characters")
    ends = min(int(claims["exp"]) + int(LEEWAY), _NEVER)
    return Holder(subject=subject, expires_at=datetime.fromtimestamp(ends, UTC))
