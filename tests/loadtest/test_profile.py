"""Load profiles: those that come with the package, and every way in which one can be wrong."""

from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.errors import ProfileError
from tailgate_loadtest.shapes.profile import Profile, Stage, find, load, parse
from tailgate_loadtest.shapes.units import seconds

BUNDLED = ("breakpoint", "gate", "load", "smoke", "soak", "spike", "stress")

GOOD = """\
name: ramp
warmup: 500ms
arrivals: constant
stages:
  - {duration: 1m30s, rate: 50}
  - {duration: 10, from: 50, to: 0}
mix: {Caller: 3, Inbox: 1}
users: 20
"""


def written(directory: Path, text: str | bytes) -> Path:
    path = directory / "mine.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("name", BUNDLED)
def test_a_profile_that_comes_with_the_package_is_known_by_its_name(name):
    profile = find(name)
    assert profile.name == name
    assert profile.description
    assert profile.arrivals > 1000
    assert profile.steps == (name == "breakpoint")


def test_a_profile_says_what_its_file_says(tmp_path):
    assert load(written(tmp_path, GOOD)) == Profile(
        name="ramp",
        process="constant",
        warmup=0.5,
        stages=(Stage(duration=90, start=50, end=50), Stage(duration=10, start=50, end=0)),
        mix={"Caller": 3, "Inbox": 1},
        users=20,
    )


def test_a_profile_adds_up_its_stages():
    profile = Profile(name="x", stages=(Stage(duration=10, start=0, end=20), Stage(duration=5, start=7, end=7)))
    assert (profile.duration, profile.arrivals, profile.peak) == (15, 135, 20)


@pytest.mark.parametrize(
    ("seconds", "stages"),
    [
        (4, (Stage(duration=4, start=0, end=8),)),
        (15, (Stage(duration=10, start=0, end=20), Stage(duration=5, start=7, end=7))),
        (30, (Stage(duration=10, start=0, end=20), Stage(duration=5, start=7, end=7)) * 2),
    ],
)
def test_a_profile_that_is_to_last_is_cut_short_or_begins_again(seconds, stages):
    profile = Profile(name="x", stages=(Stage(duration=10, start=0, end=20), Stage(duration=5, start=7, end=7)))
    assert profile.lasting(seconds).stages == stages


def test_a_search_for_the_highest_rate_cannot_be_made_to_last():
    with pytest.raises(ProfileError, match="a search for the highest rate compares nothing"):
        find("breakpoint").lasting(60)


def test_a_file_without_a_name_is_called_after_itself(tmp_path):
    assert find(str(written(tmp_path, "stages: [{duration: 1s, rate: 1}]"))).name == "mine"


def test_an_unknown_name_is_answered_with_the_nearest_one():
    with pytest.raises(ProfileError, match="no profile is called 'smok'; did you mean 'smoke'"):
        find("smok")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stage": 1}, r"unknown key 'stage'; did you mean 'stages'\?"),
        ({"kind": "Gate"}, "kind: 'Gate' must be Profile"),
        ({"apiVersion": "tailgate/v2"}, "apiVersion: 'tailgate/v2' must be tailgate/v1"),
        ({"name": 7}, "name: 7 must be a text"),
        ({"description": ["a"]}, r"description: \['a'\] must be a text"),
        ({"arrivals": "uniform"}, "arrivals: 'uniform' must be poisson or constant"),
        ({"arrivals": ["poisson"]}, "arrivals: "),
        ({"steps": "yes"}, "steps: 'yes' must be true or false"),
        ({"warmup": "10 parsecs"}, "warmup: '10 parsecs' is no duration; write one like"),
        ({"warmup": -1}, "warmup: -1 must be a number from 0"),
        ({"warmup": True}, "warmup: True must be a duration"),
        ({"warmup": None}, "warmup: None must be a duration"),
        ({"users": 0}, "users: 0 must be a number from 1 to 100000"),
        ({"users": 1.5}, "users: 1.5 must be a whole number"),
        ({"users": True}, "users: True must be a number"),
        ({"users": float("nan")}, "users: nan must be a number"),
        ({"mix": ["Caller"]}, "mix: the mix must be a mapping"),
        ({"mix": {"Caller": -1}}, "mix.'Caller': -1 must be a number from 0"),
        ({"mix": {"Caller": 0}}, "mix: every weight is 0"),
        ({"mix": {1: 1}}, "mix: 1 must be a text"),
        ({"stages": []}, r"stages: \[\] must be a list of stages"),
        ({"stages": "1m"}, "stages: '1m' must be a list"),
        ({"stages": [3]}, r"stages\[0\]: a stage must be a mapping"),
        ({"stages": [{"rate": 3}]}, r"stages\[0\].duration: None must be a duration"),
        ({"stages": [{"duration": "0s", "rate": 3}]}, r"stages\[0\].duration: '0s' must be longer"),
        ({"stages": [{"duration": "1s"}]}, r"stages\[0\]: needs rate"),
        ({"stages": [{"duration": "1s", "from": 1}]}, r"stages\[0\]: needs rate"),
        ({"stages": [{"duration": "1s", "rate": 1, "to": 2}]}, r"stages\[0\]: give either rate"),
        ({"stages": [{"duration": "1s", "rate": -1}]}, r"stages\[0\].rate: -1 must be a number from 0"),
        ({"stages": [{"duration": "1s", "rate": "5/s"}]}, r"stages\[0\].rate: '5/s' must be a number"),
        ({"stages": [{"duration": "1s", "from": 1, "to": float("inf")}]}, r"stages\[0\].to: inf must be"),
        ({"stages": [{"duration": "1s", "ratee": 1}]}, r"stages\[0\]: unknown key 'ratee'; did you mean 'rate'"),
        ({"stages": [{"duration": "1s", "rate": 0}]}, "stages: no stage has an arrival"),
        ({"stages": [{"duration": "100h", "rate": 1}] * 2}, "stages: last longer than a week"),
    ],
)
def test_what_is_wrong_is_named_with_its_key_and_value(change, message):
    with pytest.raises(ProfileError, match=f"^place: {message}"):
        parse({**yaml.safe_load(GOOD), **change}, "place")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stages: [", "is not YAML: .*line 1"),
        ("- 1", "the document must be a mapping of keys to values, not list"),
        ("", "the document must be a mapping of keys to values, not NoneType"),
        ("a: &x 1\nb: *x", "is not YAML: an alias is not read"),
        ("name: !!python/name:os.system", "is not YAML: a tag is not read"),
        ("stages: 1\nstages: 2", "is not YAML: the key .stages. is there twice"),
        ("name: 2001-99-99", "stages: None must be a list"),
        ("users: 0x" + "f" * 5000, "is not YAML: a value is longer than"),
        ("users: 0b_", "is not YAML: invalid literal"),
        ("rate: " + "1:" * 600 + "1.5", "is not YAML: int too large"),
        ("[" * 9000, "is nested too deeply"),
        (b"\xff\xff\xff", "is not YAML"),
        ("#" * 70_000, "is larger than 65536 bytes"),
    ],
)
def test_a_file_that_is_no_plain_yaml_is_refused_by_its_name(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(ProfileError, match=f"^{path}: {message}"):
        load(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ProfileError, match=r"nowhere.yaml: cannot be read: No such file"):
        find(str(tmp_path / "nowhere.yaml"))


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["1s", "5"])
keys = st.sampled_from(
    ["name", "stages", "duration", "rate", "from", "to", "mix", "users", "warmup", "steps", "arrivals"]
)
junk = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys | scalars, inner, max_size=6),
    max_leaves=20,
)


@given(junk)
def test_no_document_raises_anything_but_a_profile_error(document):
    with suppress(ProfileError):
        assert parse(document, "place").arrivals > 0


@given(st.binary(max_size=60) | st.text("{}[]:,-?&*!|>#@%\"'\n stage1.0x", max_size=60).map(str.encode))
def test_no_bytes_raise_anything_but_a_profile_error(tmp_path_factory, content):
    path = written(tmp_path_factory.getbasetemp(), content)
    with pytest.raises(ProfileError, match=str(path)):
        load(path)


@pytest.mark.parametrize(
    ("text", "length"),
    [("500ms", 0.5), ("1.5s", 1.5), ("2m", 120), ("1h", 3600), ("1m30s", 90), (" 7 ", 7), ("1h 5m", 0)],
)
def test_a_duration_is_read_as_people_write_it(text, length):
    if length:
        assert seconds(text) == length
    else:
        with pytest.raises(ValueError, match="no duration"):
            seconds(text)
