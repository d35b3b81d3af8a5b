"""What a feed has room for, and what gives it back."""

from tailgate_service.live.feed import KEPT, KEPT_BYTES, Feed

from tests.service.live.test_feed import event, numbers

FIFTH = "x" * (KEPT_BYTES // 5)


def test_what_is_heard_while_it_is_asked_for_is_not_told_twice():
    feed = Feed(0)
    feed.hear(2)
    page = [event(number) for number in (1, 2)]
    for number in (1, 2, 3):
        feed.hear(number, event(number))
    feed.take(page)
    assert numbers(feed.after(0, 10)) == [1, 2, 3]
    assert (feed.first, feed.last, feed.behind) == (1, 3, False)


def test_what_goes_leaves_its_room_to_what_comes():
    feed = Feed(0)
    for number in range(1, 2 * KEPT):
        feed.hear(number, event(number, FIFTH if number % 2 else "{}"))
        assert len(feed.after(feed.first - 1, KEPT)) >= min(number, 8)
    feed.skip_to(3 * KEPT)
    for number in range(3 * KEPT + 1, 3 * KEPT + 5):
        feed.hear(number, event(number, FIFTH))
    assert feed.first == 3 * KEPT + 1


def test_what_came_too_early_and_was_skipped_leaves_its_room_to_what_comes_early_next():
    feed = Feed(0)
    for number in range(2, KEPT + 3):
        feed.hear(number, event(number))
    feed.skip_to(10 * KEPT)
    feed.hear(10 * KEPT + 2, event(10 * KEPT + 2))
    feed.hear(10 * KEPT + 1, event(10 * KEPT + 1))
    assert (feed.last, feed.behind) == (10 * KEPT + 2, False)
