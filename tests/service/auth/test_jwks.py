"""What of an issuer's keys is believed."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from tailgate_service.auth import jwks
from tailgate_service.errors import IssuerError

from tests.service.auth.issuer import document, ec_key, jwk, rsa_key

GOOD = jwk(rsa_key(), "good")


def test_rsa_and_p_256_keys_are_each_good_for_their_one_algorithm():
    found = jwks.parse(document(GOOD, jwk(ec_key(), "curve")))
    assert {kid: key.algorithm_name for kid, key in found.items()} == {"good": "RS256", "curve": "ES256"}


@pytest.mark.row("A9")
@pytest.mark.parametrize(
    "key",
    [
        jwk(rsa_key(), None),
        jwk(rsa_key(), ""),
        jwk(rsa_key(), "k" * 257),
        jwk(rsa_key(), "x") | {"kid": 7},
        jwk(rsa_key(), "x", use="enc"),
        jwk(rsa_key(), "x", key_ops=["encrypt"]),
        jwk(rsa_key(), "x", key_ops="verify"),
        jwk(rsa_key(), "x", alg="RS512"),
        jwk(rsa_key(), "x", alg="HS256"),
        jwk(rsa_key(), "x", alg="ES256"),
        jwk(ec_key(), "x", alg="RS256"),
        jwk(ec_key(), "x") | {"crv": "P-384"},
        jwk(ec_key(), "x") | {"y": "AA"},
        jwk(rsa_key(), "x") | {"n": "!"},
        jwk(rsa_key(), "x") | {"e": None},
        jwk(rsa_key(1, bits=1024), "x"),
        jwk(rsa_key(), "x") | {"e": "AQ" * 40 + "E"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "x", "alg": "HS256"},
        {"kty": ["RSA"], "kid": "x"},
        {},
    ],
)
def test_what_is_for_something_else_weak_or_broken_is_left_out(key):
    assert set(jwks.parse(document(GOOD, key))) == {"good"}
    with pytest.raises(IssuerError, match="no key"):
        jwks.parse(document(key))


@pytest.mark.row("A9")
def test_a_name_that_two_keys_share_is_the_name_of_neither():
    found = jwks.parse(document(GOOD, jwk(rsa_key(2), "same"), jwk(ec_key(), "same", use="enc")))
    assert set(found) == {"good"}


def test_a_private_half_that_is_shown_by_mistake_is_not_taken_up():
    shown = jwk(rsa_key(), "good") | {"d": "AQAB", "p": "AQAB"}
    assert isinstance(jwks.parse(document(shown))["good"].key, rsa.RSAPublicKey)
    assert isinstance(jwks.parse(document(jwk(ec_key(), "c") | {"d": "AQAB"}))["c"].key, ec.EllipticCurvePublicKey)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "lacks"),
        (b"{}", "lacks"),
        (b'{"keys": {}}', "lacks"),
        (b'{"keys": [1]}', "lacks"),
        (b'{"keys": []}', "no key"),
        (document(*[GOOD] * 65), "65 keys"),
    ],
    # Named: a key is another one in each process of the tests, which must find the same tests.
    ids=["nothing", "a page", "too deep", "a list", "no keys", "no list", "no object", "none", "too many"],
)
def test_what_is_no_set_of_keys_is_said(text, said):
    with pytest.raises(IssuerError, match=said):
        jwks.parse(text)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = ["kty", "crv", "kid", "use", "alg", "key_ops", "n", "e", "x", "y"]


@given(st.sampled_from([GOOD, jwk(ec_key(), "c")]), st.dictionaries(st.sampled_from(MEMBERS), ANYTHING))
def test_no_key_whatever_it_holds_ends_in_anything_but_a_refusal(key, changes):
    try:
        found = jwks.parse(document(key | changes))
    except IssuerError:
        return
    assert {one.algorithm_name for one in found.values()} <= {"RS256", "ES256"}
