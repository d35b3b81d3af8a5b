"""The keys that an issuer of tokens shows (RFC 7517), as far as we would believe what they sign. No I/O."""

from collections import Counter
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tailgate_service.errors import IssuerError

MAX_KEYS = 64
MAX_KID = 256
"""Characters."""
RSA_BITS = range(2048, 8193)
# Verifying takes time that grows with it; every issuer has 65,537.
_EXPONENT_BITS = 32

# What of a key is read, by its type and curve: never its private half, should an issuer show that.
_PUBLIC = {("RSA", None): ("RS256", ("kty", "n", "e")), ("EC", "P-256"): ("ES256", ("kty", "crv", "x", "y"))}


def parse(document: bytes) -> dict[str, jwt.PyJWK]:
    """The keys by their ``kid``, each with the one algorithm that it is good for: RS256 or ES256.

    Left out is what has no ``kid`` or shares it, is for another use or algorithm, or is weak. Raises ``IssuerError``
    when that leaves none, or the document is no set of keys.
    """
    try:
        shown = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise IssuerError("what it answers is not JSON") from error
    keys = shown.get("keys") if isinstance(shown, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise IssuerError('what it answers is no set of keys: it lacks "keys", an array of objects')
    if len(keys) > MAX_KEYS:
        raise IssuerError(f"it shows {len(keys)} keys: more than {MAX_KEYS} are not taken")
    # One name for two keys is none: which of them is meant could be anybody's choice.
    times = Counter(map(_name, keys))
    found = {kid: read for key in keys if (kid := _name(key)) and times[kid] == 1 and (read := _read(key)) is not None}
    if not found:
        raise IssuerError("it shows no key to verify RS256 or ES256 with that has a kid of its own")
    return found


def _name(key: dict[str, Any]) -> str:
    """Its ``kid``, or an empty name, which no token can use."""
    kid = key.get("kid")
    return kid if isinstance(kid, str) and len(kid) <= MAX_KID else ""


def _read(key: dict[str, Any]) -> jwt.PyJWK | None:
    kind = key.get("kty"), key.get("crv")
    if not all(one is None or isinstance(one, str) for one in kind) or kind not in _PUBLIC:
        return None
    algorithm, members = _PUBLIC[kind]
    operations = key.get("key_ops", ["verify"])
    if key.get("use", "sig") != "sig" or key.get("alg", algorithm) != algorithm:
        return None
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    try:
        read = jwt.PyJWK({name: key[name] for name in members}, algorithm)
    except (KeyError, jwt.PyJWTError, ValueError, TypeError):
        return None
    return read if _strong(read.key) else None


def _strong(key: object) -> bool:
    if not isinstance(key, RSAPublicKey):
        return True
    return key.key_size in RSA_BITS and key.public_numbers().e.bit_length() <= _EXPONENT_BITS
