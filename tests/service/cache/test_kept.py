"""What is kept: as bytes and back, bounded, the newer over the older."""

import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_service.cache.entry import Entry, Key
from tailgate_service.cache.local import Local
from tailgate_service.cache.session import Session

NUMBERS = st.integers(min_value=0, max_value=2**63)
WORKSPACE = uuid.uuid4()


def key(name: str) -> Key:
    return Key(kind="agent", workspace=WORKSPACE, name=name)


def entry(body: bytes = b"x", revision: int = 1) -> Entry:
    return Entry(session=1, revision=revision, until=2**40, body=body)


@given(NUMBERS, NUMBERS, NUMBERS, st.binary())
def test_an_entry_is_read_as_it_was_written(session, revision, until, body):
    written = Entry(session=session, revision=revision, until=until, body=body)
    assert Entry.parse(bytes(written)) == written


@given(st.binary())
def test_any_other_bytes_are_no_entry_and_no_error(data):
    parsed = Entry.parse(data)
    assert parsed is None or data.endswith(parsed.body)


@pytest.mark.parametrize("data", [b"", b"1 2 3", b"1 2\nx", b"-1 2 3\nx", b"1 2 3 4\nx", b"1  3\nx", b"\xb2 1 1\nx"])
def test_what_is_not_three_numbers_and_a_body_is_no_entry(data):
    assert Entry.parse(data) is None


def test_the_least_recently_used_goes_first():
    local = Local(max_entries=2)
    local.put(key("a"), entry())
    local.put(key("b"), entry())
    local.get(key("a"))
    local.put(key("c"), entry())
    assert [local.get(key(name)) is not None for name in "abc"] == [True, False, True]


def test_all_bodies_together_are_bounded():
    local = Local(max_bytes=10)
    for name in "abcd":
        local.put(key(name), entry(b"1234"))
    assert [local.get(key(name)) is not None for name in "abcd"] == [False, False, True, True]
    local.put(key("large"), entry(b"12345678901"))
    assert local.get(key("large")) is None
    assert len(local) == 2
    local.clear()
    local.put(key("a"), entry(b"1234567890"))
    assert local.get(key("a")) is not None


def test_the_newer_one_stays():
    local = Local()
    local.put(key("a"), entry(b"new", revision=2))
    local.put(key("a"), entry(b"old", revision=1))
    assert local.get(key("a")).body == b"new"


def test_what_changes_before_a_session_has_its_number_is_not_believed_afterwards():
    session = Session()
    session.changed(WORKSPACE, 5)
    session.begin(number=3, life="1", asked=time.monotonic())
    kept = [Entry(session=3, revision=revision, until=2**40, body=b"x") for revision in (4, 5)]
    assert [session.believes(WORKSPACE, one) for one in kept] == [False, True]


def test_a_session_without_a_number_believes_nothing():
    assert not Session().believes(WORKSPACE, entry())
