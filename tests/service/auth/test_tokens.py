"""Which tokens are believed. Each refusal below is a way in that stood open somewhere once."""

import json
import time
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from tailgate_service.auth.keys import Keys
from tailgate_service.auth.tokens import LEEWAY, MAX_TOKEN, Tokens
from tailgate_service.errors import TokenError
from tailgate_service.issuer import Issuer

from tests.service.auth.issuer import AUDIENCE, NAME, by_hand, claims, coded, document, ec_key, jwk, rsa_key, token

SHOWN = document(jwk(rsa_key(), "first"), jwk(ec_key(), "curve"))


async def shown() -> bytes:
    return SHOWN


@pytest.fixture
def tokens() -> Tokens:
    issuer = Issuer(name=NAME, audience=AUDIENCE, jwks_url="https://issuer.test/keys")
    return Tokens(issuer, Keys(shown))


async def test_tokens_by_rsa_and_by_elliptic_curve_are_believed(tokens):
    for text in (token(), token(ec_key(), "ES256", {"kid": "curve"})):
        holder = await tokens.holder(text)
        assert holder.subject == "person"
        assert timedelta(0) < holder.expires_at - datetime.now(UTC) <= timedelta(seconds=300 + LEEWAY)


@pytest.mark.parametrize(
    "changes",
    [
        lambda: {"aud": ["other", AUDIENCE]},
        lambda: {"exp": time.time() + 600.5},
        lambda: {"nbf": int(time.time())},
        lambda: {"more": {"of": ["anything"]}},
    ],
    ids=["several audiences", "parts of seconds", "valid from now on", "more"],
)
async def test_what_a_token_may_say_besides(tokens, changes):
    assert (await tokens.holder(token(**changes()))).subject == "person"


@pytest.mark.parametrize("kind", ["JWT", "at+jwt", "application/at+jwt", "jwt"])
async def test_it_may_say_that_it_is_a_token_for_access(tokens, kind):
    assert (await tokens.holder(token(headers={"typ": kind}))).subject == "person"


async def refused(tokens: Tokens, text: str) -> str:
    with pytest.raises(TokenError) as refusal:
        await tokens.holder(text)
    for part in text.split("."):
        assert len(part) < 9 or part not in str(refusal.value)
    return str(refusal.value)


@pytest.mark.row("A9")
async def test_clocks_may_differ_by_the_leeway_and_no_more(tokens):
    now = int(time.time())
    for changes in ({"exp": now - LEEWAY + 10}, {"nbf": now + LEEWAY - 10}, {"iat": now + LEEWAY - 10}):
        assert await tokens.holder(token(**changes))
    assert await refused(tokens, token(exp=now - LEEWAY - 1)) == "it has expired"
    assert "nbf" in await refused(tokens, token(nbf=now + LEEWAY + 30))
    assert "iat" in await refused(tokens, token(iat=now + LEEWAY + 30))


@pytest.mark.row("A9")
@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://issuer.test"},
        {"iss": "https://evil.test/"},
        {"aud": "another"},
        {"aud": []},
        {"aud": ["another"]},
        {"aud": {AUDIENCE: 1}},
        {"sub": ""},
        {"sub": "x" * 257},
        {"sub": "nul\0"},
        {"sub": "half \ud800"},
        {"sub": 7},
        {"sub": ["person"]},
        {"exp": "soon"},
        {"exp": True},
        {"exp": [1]},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"exp": -1},
        {"iat": float("inf")},
        {"nbf": float("inf")},
        *({missing: None} for missing in ("iss", "aud", "sub", "exp", "iat")),
    ],
    ids=repr,
)
async def test_what_a_signed_token_may_not_say(tokens, changes):
    await refused(tokens, token(**changes))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"exp": None}, "it lacks exp"),
        ({"aud": None}, "it lacks aud"),
        ({"iss": "https://evil.test/"}, "its iss is not the issuer that is believed"),
        ({"aud": "another"}, "its aud does not name this service"),
        ({"sub": 7}, "its sub is no text"),
        ({"iat": "now"}, "its iat is no number"),
        ({"exp": "soon"}, "it, or a claim of it, cannot be read"),
    ],
)
async def test_why_a_token_is_not_believed_is_said_in_words_of_ours(tokens, changes, why):
    assert await refused(tokens, token(**changes)) == why


async def test_a_signature_by_another_key_does_not_hold(tokens):
    assert await refused(tokens, token(rsa_key(1))) == "its signature does not hold"


async def test_an_end_beyond_all_calendars_is_an_end(tokens):
    assert (await tokens.holder(token(exp=10**300))).expires_at.year == 9999


@pytest.mark.row("A9")
@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
async def test_unsigned_is_not_signed(tokens, name):
    await refused(tokens, by_hand({"alg": name, "kid": "first", "typ": "JWT"}))
    await refused(tokens, by_hand({"alg": name, "kid": "first", "typ": "JWT"}).rstrip("."))


@pytest.mark.row("A9")
@pytest.mark.parametrize("kid", ["first", "curve"])
@pytest.mark.parametrize("algorithm", ["HS256", "HS512", "RS256", "ES256"])
async def test_what_everybody_may_read_is_no_secret_to_sign_with(tokens, kid, algorithm):
    key = (rsa_key() if kid == "first" else ec_key()).public_key()
    secrets = [key.public_bytes(form, PublicFormat.SubjectPublicKeyInfo) for form in (Encoding.PEM, Encoding.DER)]
    for secret in (*secrets, secrets[0].rstrip(), SHOWN, json.dumps(jwk(rsa_key(), "first")).encode(), b""):
        await refused(tokens, by_hand({"alg": algorithm, "kid": kid}, secret=secret))


@pytest.mark.row("A9")
@pytest.mark.parametrize(
    ("key", "algorithm", "headers"),
    [
        (rsa_key(1), "RS256", {}),  # somebody else's key, under the name of a good one
        (ec_key(1), "ES256", {"kid": "curve"}),
        (rsa_key(), "RS256", {"kid": "curve"}),  # a good key, under the name of another
        (ec_key(), "ES256", {"kid": "first"}),
        (rsa_key(), "RS512", {}),
        (rsa_key(), "PS256", {}),
        (rsa_key(), "RS256", {"kid": "unknown"}),
        (rsa_key(), "RS256", {"kid": ""}),
        (rsa_key(), "RS256", {"kid": "../../etc/passwd"}),
        (rsa_key(), "RS256", {"kid": "first' OR '1'='1"}),
        (rsa_key(1), "RS256", {"jku": "http://127.0.0.1/keys"}),
        (rsa_key(), "RS256", {"jku": "https://issuer.test/keys"}),
        (rsa_key(), "RS256", {"x5u": "https://issuer.test/chain"}),
        (rsa_key(), "RS256", {"x5c": ["MII"]}),
        (rsa_key(1), "RS256", {"jwk": jwk(rsa_key(1), "first")}),
        (rsa_key(), "RS256", {"crit": ["exp"]}),
        (rsa_key(), "RS256", {"zip": "DEF"}),
        (rsa_key(), "RS256", {"typ": "logout+jwt"}),
        (rsa_key(), "RS256", {"typ": "dpop+jwt"}),
    ],
)
async def test_what_signs_a_token_must_be_the_key_it_names_in_the_way_that_key_is_for(tokens, key, algorithm, headers):
    await refused(tokens, token(key, algorithm, headers))


async def test_a_token_without_a_kid_is_refused(tokens):
    assert "kid" in await refused(tokens, jwt.encode(claims(), rsa_key(), "RS256"))
    for kid in (1, None, ["first"], {"first": 1}):
        await refused(tokens, by_hand({"alg": "RS256", "kid": kid}))


@pytest.mark.parametrize("said", [{"b64": False}, {"b64": True}, {"b64": False, "crit": ["b64"]}])
async def test_a_token_that_says_how_it_is_to_be_read_is_not_read(tokens, said):
    await refused(tokens, by_hand({"alg": "RS256", "kid": "first"} | said))


async def test_a_changed_claim_breaks_the_signature(tokens):
    header, _, signature = token().split(".")
    await refused(tokens, f"{header}.{coded(claims(sub='another'))}.{signature}")
    await refused(tokens, f"{header}.{coded(claims())}.{coded(bytes(256))}")


async def test_a_signature_of_zeros_is_none(tokens):
    header = coded({"alg": "ES256", "kid": "curve"})
    for size in (0, 64, 63, 65):
        await refused(tokens, f"{header}.{coded(claims())}.{coded(bytes(size))}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "Bearer",
        "é.é.é",
        "\ud800",
        "A" * 100_000,
        f"{coded(b'[' * 4000)}.{coded(claims())}.",
        f"{coded(b'1')}.{coded(claims())}.",
        f"{coded(b'[]')}.{coded(claims())}.",
        f"{coded({'alg': ['RS256'], 'kid': 'first'})}.{coded(claims())}.",
        f"{coded({'alg': {'RS256': 1}, 'kid': 'first'})}.{coded(claims())}.",
        f"{coded({'alg': 'RS256', 'kid': 'first', 'typ': 1})}.{coded(claims())}.",
        token().replace(".", "=."),
        f" {token()}",
        f"{token()}\n",
        f"{token()}.{token()}",
    ],
    ids=lambda text: text[:20],
)
async def test_what_is_no_token_is_refused(tokens, text):
    await refused(tokens, text)


async def test_a_huge_token_is_refused_before_it_is_read(tokens):
    text = token(padding="x" * MAX_TOKEN)
    assert "longer" in await refused(tokens, text)


@given(text=st.text(max_size=200) | st.builds("{}.{}.{}".format, *[st.binary(max_size=60).map(coded)] * 3))
async def test_whatever_else_comes_is_refused_and_nothing_worse(text):
    issuer = Issuer(name=NAME, audience=AUDIENCE, jwks_url="https://issuer.test/keys")
    await refused(Tokens(issuer, Keys(shown)), text)
