"""The browsers of a profile, and every way in which they can be wrong."""

from pathlib import Path

import pytest
import yaml
from tailgate_loadtest.errors import ProfileError
from tailgate_loadtest.shapes.browsers import MOST_BROWSERS, Browser, is_script
from tailgate_loadtest.shapes.orders import Orders
from tailgate_loadtest.shapes.profile import Profile, load, parse

STAGES = "stages: [{duration: 1s, rate: 1}]\n"


def profile(text: str) -> Profile:
    return parse(yaml.safe_load(STAGES + text), "place")


def test_a_profile_says_who_visits_what_and_as_what():
    text = """
browsers:
  - {visit: dashboard, count: 2, device: phone, network: 4g, cpu: 4, every: 10s}
  - {visit: inbox}
"""
    assert profile(text).browsers == (
        Browser(visit="dashboard", count=2, device="phone", network="4g", cpu=4.0, every=10.0),
        Browser(visit="inbox", count=1, device="desktop", network="none", cpu=1.0, every=0.0),
    )


def test_without_a_word_of_browsers_there_are_none():
    assert profile("").browsers == ()


@pytest.mark.parametrize("visit", ["./buy.js", "buy.mjs", "shop/buy.js", "shop/buy"])
def test_a_script_stands_beside_its_profile(tmp_path: Path, visit: str):
    file = tmp_path / "mine.yaml"
    file.write_text(f"{STAGES}browsers: [{{visit: {visit}}}]")
    (browser,) = load(file).browsers
    assert is_script(visit)
    assert is_script(browser.visit)
    assert Path(browser.visit) == tmp_path / visit


def test_a_script_elsewhere_is_named_by_its_whole_path(tmp_path: Path):
    assert profile("browsers: [{visit: /srv/buy.js}]").browsers[0].visit == "/srv/buy.js"


def test_a_profile_that_two_sides_share_has_no_browsers():
    assert profile("browsers: [{visit: inbox}]").lasting(5).browsers == ()


def test_browsers_cross_with_their_profile():
    orders = Orders(
        locustfile="/x.py",
        host="http://h",
        load=profile("browsers: [{visit: inbox, count: 3}]"),
        seed=1,
        drain=5.0,
        log="/l",
        result="/r",
    )
    assert Orders.from_json(orders.to_json()) == orders


@pytest.mark.parametrize(
    ("browsers", "message"),
    [
        ("3", "browsers: 3 must be a list of browsers like"),
        ("{visit: inbox}", "browsers: .* must be a list"),
        ("[inbox]", r"browsers\[0\]: a browser must be a mapping"),
        ("[{count: 2}]", r"browsers\[0\].visit: None must be a text"),
        ("[{visit: ''}]", r"browsers\[0\].visit: is empty"),
        ("[{visit: 7}]", r"browsers\[0\].visit: 7 must be a text"),
        ("[{visit: inbox, devise: phone}]", r"browsers\[0\]: unknown key 'devise'; did you mean 'device'\?"),
        ("[{visit: inbox, count: 0}]", r"browsers\[0\].count: 0 must be a number from 1 to 16"),
        ("[{visit: inbox, count: 1.5}]", r"browsers\[0\].count: 1.5 must be a whole number"),
        ("[{visit: inbox, device: 3}]", r"browsers\[0\].device: 3 must be a text"),
        ("[{visit: inbox, network: no}]", r"browsers\[0\].network: False must be a text"),
        ("[{visit: inbox, cpu: 0.5}]", r"browsers\[0\].cpu: 0.5 must be a number from 1 to 20"),
        ("[{visit: inbox, cpu: .nan}]", r"browsers\[0\].cpu: nan must be a number"),
        ("[{visit: inbox, every: soon}]", r"browsers\[0\].every: 'soon' is no duration"),
        ("[{visit: inbox, every: 2h}]", r"browsers\[0\].every: '2h' is longer than an hour"),
        ("[{visit: inbox, count: 9}, {visit: agent, count: 9}]", "browsers: 18 browsers together; 16 are the most"),
        (str([{"visit": "inbox"}] * (MOST_BROWSERS + 1)), "browsers: 17 entries; 16 are the most"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(browsers: str, message: str):
    with pytest.raises(ProfileError, match=f"^place: {message}"):
        profile(f"browsers: {browsers}")
