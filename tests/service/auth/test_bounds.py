"""Where what is believed ends, exactly."""

import time
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from tailgate_service.auth import jwks
from tailgate_service.auth.keys import FRESH, RETRY, Keys
from tailgate_service.auth.tokens import LEEWAY, Tokens
from tailgate_service.errors import IssuerError
from tailgate_service.issuer import Issuer

from tests.service.auth.issuer import AUDIENCE, NAME, document, jwk, rsa_key, token
from tests.service.auth.test_keys import Source

ISSUER = Issuer(name=NAME, audience=AUDIENCE, jwks_url="https://issuer.test/keys")


async def shown() -> bytes:
    return document(jwk(rsa_key(), "first"))


def shape(bits: int, exponent: int) -> bytes:
    """A set with one key of a size: nobody has its private half, and nobody needs it."""
    numbers = RSAPublicNumbers(exponent, (1 << bits - 1) | 1)
    key = jwt.algorithms.RSAAlgorithm.to_jwk(numbers.public_key(), as_dict=True)
    return document({name: key[name] for name in ("kty", "n", "e")} | {"kid": "x"})


@pytest.mark.row("A9")
def test_a_key_that_is_weak_or_slow_to_verify_with_is_not_believed():
    for bits, exponent in ((2048, 3), (8192, 65537), (2048, (1 << 31) + 1)):
        assert set(jwks.parse(shape(bits, exponent))) == {"x"}
    for bits, exponent in ((2047, 65537), (8193, 65537), (2048, (1 << 32) + 1)):
        with pytest.raises(IssuerError, match="no key"):
            jwks.parse(shape(bits, exponent))


@pytest.mark.row("A9")
async def test_who_came_in_by_a_token_may_stay_as_long_as_the_token_is_believed():
    ends = int(time.time()) + 300
    holder = await Tokens(ISSUER, Keys(shown)).holder(token(exp=ends))
    assert holder.expires_at == datetime.fromtimestamp(ends + LEEWAY, UTC)


async def test_while_keys_are_fetched_they_are_not_fetched_a_second_time():
    source = Source("a")
    assert await source.has("a")
    source.open.clear()
    for later in (FRESH, RETRY, RETRY):
        source.now += later + 1
        assert await source.has("a")
        await source.settle()
    assert source.asked == 2
    source.open.set()
    await source.settle()
