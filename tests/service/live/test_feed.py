"""A feed is whole and in order, however its events come in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_service.live.feed import KEPT, KEPT_BYTES, Feed, told
from tailgate_service.store.base import Event


def event(number: int, body: str = "{}"):
    return told(Event(number=number, kind="message", at="2026-01-02T03:04:05.5Z", body=body))


def numbers(events) -> list[int]:
    return [one.number for one in events]


@given(
    st.lists(st.tuples(st.integers(1, 30), st.sampled_from(["heard", "announced", "asked"])), max_size=60),
    st.integers(0, 10),
)
def test_followers_see_each_number_once_in_order_and_nothing_missing_goes_unnoticed(steps, begun):
    feed, seen, highest = Feed(begun), begun, begun
    for number, how in [*steps, (31, "announced"), (31, "asked")]:
        if how == "asked":
            # The database has all that was ever heard of.
            feed.take([event(n) for n in range(feed.last + 1, highest + 1)])
        else:
            highest = max(highest, number)
            feed.hear(number, event(number) if how == "heard" else None)
        assert feed.behind == (feed.last < highest)
        new = numbers(feed.after(seen, 100))
        assert new == list(range(seen + 1, feed.last + 1))
        seen = feed.last
    assert seen == 31


def test_it_keeps_so_many_and_tells_who_asks_for_older_ones():
    feed = Feed(0)
    for number in range(1, KEPT + 11):
        feed.hear(number, event(number))
    assert feed.first == 11
    assert feed.after(9, 1) is None
    assert numbers(feed.after(10, 2)) == [11, 12]
    assert feed.after(KEPT + 10, 1) == []


def test_large_events_take_the_place_of_many():
    feed = Feed(0)
    body = json.dumps("x" * (KEPT_BYTES // 4))
    for number in range(1, 11):
        feed.hear(number, event(number, body))
    assert 8 <= feed.first <= 10
    feed.hear(11, event(11, json.dumps("x" * 2 * KEPT_BYTES)))
    assert feed.first == 11


def test_what_comes_too_early_is_bounded_and_asked_for():
    feed = Feed(0)
    for number in range(2, 2 * KEPT):
        feed.hear(number, event(number))
    feed.hear(1, event(1))
    assert feed.last == KEPT + 1
    assert feed.behind


def test_events_that_are_gone_are_skipped():
    feed = Feed(3)
    feed.hear(9)
    feed.take([event(7), event(8), event(9)])
    assert (feed.first, feed.last, feed.behind) == (7, 9, False)
    feed.hear(12)
    feed.take([])
    assert (feed.first, feed.last, feed.behind) == (13, 12, False)


@pytest.mark.parametrize("body", ['{"a": "b"}', '{\n"a":\r\n"b"}'])
def test_an_event_is_json_on_one_line(body):
    made = event(5, body)
    assert "\n" not in made.data
    assert "\r" not in made.data
    assert json.loads(made.data) == {
        "number": 5,
        "kind": "message",
        "at": "2026-01-02T03:04:05.5Z",
        "body": {"a": "b"},
    }
    assert made.at == 1767323045.5
