"""Tokens and origins as the environment tells of them."""

import pytest
from tailgate_otel import names
from tailgate_service.errors import SettingsError
from tailgate_service.issuer import Issuer
from tailgate_service.settings import Settings

GIVEN = {
    names.ENV_DATABASE_URL: "postgresql://",
    names.ENV_WEBHOOK_SECRET: "s",
    names.ENV_WEBHOOK_VERIFY_TOKEN: "t",
}
TOLD = {
    names.ENV_TOKEN_ISSUER: "https://issuer.test/",
    names.ENV_TOKEN_AUDIENCE: "tailgate",
    names.ENV_TOKEN_KEYS: "https://issuer.test/keys",
}


def test_without_a_word_of_it_no_token_and_no_foreign_page_is_taken():
    settings = Settings.from_env(GIVEN)
    assert (settings.issuer, settings.allowed_origins) == (None, ())


def test_an_issuer_is_told_whole():
    issuer = Issuer(name="https://issuer.test/", audience="tailgate", jwks_url="https://issuer.test/keys")
    assert Settings.from_env(GIVEN | TOLD).issuer == issuer
    for name in TOLD:
        with pytest.raises(SettingsError, match=f"^{name} not set"):
            Settings.from_env(GIVEN | TOLD | {name: ""})


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/k", "http://[::1]/k", "http://localhost:9/k", "http://127.9.9.9/"])
def test_this_machine_may_show_its_keys_in_the_clear(url):
    assert Settings.from_env(GIVEN | TOLD | {names.ENV_TOKEN_KEYS: url}).issuer is not None


@pytest.mark.row("A9")
@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.test/keys",
        "http://127.0.0.1.evil.test/",
        "http://localhost.evil.test/",
        "http://10.0.0.1/keys",
        "ftp://127.0.0.1/keys",
        "file:///etc/passwd",
        "https:///keys",
        "https://user:secret@issuer.test/keys",
        "https://issuer.test:port/keys",
        "http://[::1/keys",
        "keys",
    ],
)
def test_keys_come_by_no_way_on_which_they_could_be_changed(url):
    with pytest.raises(SettingsError, match=names.ENV_TOKEN_KEYS) as said:
        Settings.from_env(GIVEN | TOLD | {names.ENV_TOKEN_KEYS: url})
    assert "secret" not in str(said.value)


def test_origins_are_parted_by_commas_and_named_when_they_are_none():
    said = {names.ENV_ALLOWED_ORIGINS: "https://App.example, http://127.0.0.1:5173,"}
    assert Settings.from_env(GIVEN | said).allowed_origins == ("https://app.example", "http://127.0.0.1:5173")
    with pytest.raises(SettingsError, match=rf"{names.ENV_ALLOWED_ORIGINS}='\*'"):
        Settings.from_env(GIVEN | {names.ENV_ALLOWED_ORIGINS: "*"})
