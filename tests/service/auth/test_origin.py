"""Whose pages may open a live connection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_service.origin import admitted, normal, several

ALLOWED = several("https://app.example, http://127.0.0.1:5173")


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("HTTPS://App.Example", "https://app.example"),
        ("https://app.example:443", "https://app.example"),
        ("http://app.example:80", "http://app.example"),
        ("http://app.example:443", "http://app.example:443"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_origins_are_compared_without_what_goes_without_saying(text, same):
    assert normal(text) == same


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "app.example",
        "https://",
        "https://app.example/",
        "https://app.example/x",
        "file://x",
        "https://a b",
        "https://u@app.example",
        "https://app.example?",
        "https://app.example:",
        "https://*.example",
        "https://é.example",
    ],
)
def test_what_is_no_origin_is_refused(text):
    with pytest.raises(ValueError, match="an origin is"):
        normal(text)


@pytest.mark.row("A9")
@pytest.mark.parametrize(
    ("origin", "host", "may"),
    [
        (None, "api.example", True),  # no browser
        ("https://app.example", "api.example", True),
        ("https://app.example:443", "api.example", True),
        ("http://127.0.0.1:5173", "127.0.0.1:8000", True),
        ("https://api.example", "api.example", True),  # our own page
        ("http://127.0.0.1:8000", "127.0.0.1:8000", True),
        ("http://app.example", "api.example", False),  # in the clear
        ("https://app.example:8443", "api.example", False),
        ("https://evil.example", "api.example", False),
        ("https://app.example.evil.example", "api.example", False),
        ("https://evilapp.example", "api.example", False),
        ("https://sub.app.example", "api.example", False),
        ("http://127.0.0.1:9000", "127.0.0.1:8000", False),  # another server of the same machine
        ("null", "api.example", False),
        ("", "api.example", False),
        ("null", "null", False),
        ("https://", "", False),
        ("https://evil.example/", "evil.example/", False),
    ],
)
def test_a_page_may_connect_from_where_it_was_said_and_from_here(origin, host, may):
    assert admitted(origin, host, ALLOWED) is may


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_is_said_the_answer_is_yes_or_no(origin, host):
    assert admitted(origin, host, ALLOWED) in (True, False)


@given(st.from_regex(r"[a-z0-9.:\[\]-]{0,20}", fullmatch=True))
def test_nobody_is_admitted_by_a_host_that_is_another(host):
    assert not admitted("https://evil.example", f"x{host}", ())
