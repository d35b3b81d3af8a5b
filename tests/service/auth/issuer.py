"""An issuer of tokens: a real server of keys on loopback, and what it signs with them."""

import base64
import hashlib
import hmac
import json
import time
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tailgate_service.issuer import Issuer

from tests.server import Response, Server

NAME = "https://issuer.test/"
AUDIENCE = "tailgate"


@cache
def rsa_key(number: int = 0, bits: int = 2048, exponent: int = 65537) -> rsa.RSAPrivateKey:
    """One key for each ``number``; making one takes its time."""
    return rsa.generate_private_key(exponent, bits)


@cache
def ec_key(number: int = 0) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def jwk(key: Any, kid: str | None, **members: Any) -> dict[str, Any]:
    """The public half of ``key`` as an issuer shows it."""
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    shown = json.loads(algorithm.to_jwk(key.public_key()))
    shown.pop("key_ops", None)
    return shown | ({} if kid is None else {"kid": kid}) | members


def document(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


def claims(**changes: Any) -> dict[str, Any]:
    """What a good token says; a claim that is changed to None is left out."""
    now = int(time.time())
    said = {"iss": NAME, "aud": AUDIENCE, "sub": "person", "iat": now, "exp": now + 300} | changes
    return {name: value for name, value in said.items() if value is not None}


def token(key: Any = None, algorithm: str = "RS256", headers: dict[str, Any] | None = None, **changes: Any) -> str:
    key = rsa_key() if key is None else key
    return jwt.encode(claims(**changes), key, algorithm, {"kid": "first"} | (headers or {}))


def coded(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def by_hand(header: dict[str, Any], said: dict[str, Any] | None = None, secret: bytes | None = None) -> str:
    """A token as an attacker writes it: unsigned, or with an HMAC by ``secret``."""
    signed = f"{coded(header)}.{coded(claims() if said is None else said)}"
    return f"{signed}.{'' if secret is None else coded(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


class KeyServer(Server):
    """Shows these keys at its ``url``."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        super().__init__(Response(document(*keys)))

    @property
    def url(self) -> str:
        return f"{super().url}/keys"

    def show(self, *keys: dict[str, Any]) -> None:
        """Show these keys from now on."""
        self.answer = Response(document(*keys))

    @property
    def issuer(self) -> Issuer:
        return Issuer(name=NAME, audience=AUDIENCE, jwks_url=self.url)
