"""What is kept in memory: the newer of two, within bounds; one test for each race."""

import logging
from uuid import UUID

import orjson
import pytest
from tailgate_service.store.readmodel.hot import CARD_OVERHEAD, LARGEST, Hot
from tailgate_service.store.readmodel.inbox import Item
from tailgate_service.store.readmodel.notice import Change

HERE, THERE = UUID(int=1), UUID(int=2)


def hot(limit: int = 1 << 20) -> Hot:
    made = Hot(limit)
    made.live = True
    return made


def change(number: int, body: bytes | None, *, key: str = "49", kind="card", large: bool = False) -> Change:
    return Change(number=number, workspace=HERE, kind=kind, key=key, body=body, large=large)


def item(number: int, at: str = "2025-01-01T12:00:00Z") -> bytes:
    document = {
        "id": str(UUID(int=number)),
        "last_message_at": at,
        "status": "open",
        "assigned_to": None,
        "domain": "x",
    }
    return orjson.dumps(document | {"tags": []})


def test_a_change_replaces_an_older_card_and_not_a_newer_one():
    kept = hot()
    kept.apply(change(2, b"two"))
    kept.apply(change(1, b"one"))
    assert kept.card(HERE, "49") == b"two"
    assert kept.card(THERE, "49") is None
    kept.apply(change(3, None))
    assert kept.card(HERE, "49") is None
    assert kept.size == 0


def test_a_fill_loses_to_a_change_that_overtook_it():
    kept = hot()
    with kept.filling() as fill:
        kept.apply(change(5, b"five"))
        fill.card(HERE, "49", 4, b"four")
    assert kept.card(HERE, "49") == b"five"


def test_a_fill_does_not_bring_back_what_was_deleted_meanwhile():
    kept = hot()
    with kept.filling() as fill:
        kept.apply(change(5, None))
        fill.card(HERE, "49", 4, b"four")
    assert kept.card(HERE, "49") is None


def test_of_two_reads_the_later_stays_whichever_comes_first():
    kept = hot()
    with kept.filling() as early, kept.filling() as late:
        late.card(HERE, "49", 6, b"six")
        early.card(HERE, "49", 5, b"five")
    assert kept.card(HERE, "49") == b"six"
    with kept.filling() as again:
        again.card(HERE, "49", 7, b"seven")
    assert kept.card(HERE, "49") == b"seven"
    assert kept.size == len(b"seven") + CARD_OVERHEAD


def test_what_was_read_before_anything_had_ever_changed_is_kept():
    kept = hot()
    with kept.filling() as fill:
        fill.card(HERE, "49", 0, b"none")
    assert kept.card(HERE, "49") == b"none"


def test_a_fill_that_saw_more_than_was_heard_wins_over_what_is_heard_late():
    kept = hot()
    with kept.filling() as fill:
        fill.card(HERE, "49", 6, b"six")
    kept.apply(change(5, b"five"))
    assert kept.card(HERE, "49") == b"six"


def test_nothing_of_before_a_loss_is_kept_after_it():
    kept = hot()
    with kept.filling() as fill:
        kept.live = False
        kept.clear()
        kept.live = True
        fill.card(HERE, "49", 4, b"four")
    assert kept.card(HERE, "49") is None


def test_after_a_loss_nothing_is_left_of_what_was_kept():
    kept = hot()
    kept.apply(change(1, b"one"))
    inbox = kept.open(HERE)
    kept.put(HERE, inbox, str(UUID(int=1)), 1, item(1))
    inbox.complete = True
    kept.clear()
    assert kept.card(HERE, "49") is None
    assert kept.inbox(HERE) is None
    assert (kept.size, kept.documents) == (0, (0, 0))


def test_nothing_is_kept_while_nothing_is_heard():
    kept = Hot(1 << 20)
    with kept.filling() as fill:
        fill.card(HERE, "49", 4, b"four")
    kept.apply(change(1, b"one"))
    assert kept.card(HERE, "49") is None


def test_the_card_used_longest_ago_goes_first():
    kept = hot(3 * (CARD_OVERHEAD + 10))
    for key in ("1", "2", "3"):
        kept.apply(change(1, b"x" * 10, key=key))
    kept.card(HERE, "1")
    kept.apply(change(1, b"x" * 10, key="4"))
    assert [kept.card(HERE, key) is not None for key in ("1", "2", "3", "4")] == [True, False, True, True]
    assert kept.size <= kept.limit


@pytest.mark.parametrize(("missing", "left"), [(0, 2), (1, 1)])
def test_the_bound_is_the_last_byte_that_may_be_taken(missing, left):
    kept = hot(2 * (CARD_OVERHEAD + 10) - missing)
    kept.apply(change(1, b"x" * 10, key="1"))
    assert not kept.full
    kept.apply(change(1, b"x" * 10, key="2"))
    assert kept.documents == (left, 0)
    assert kept.full == (left == 2)
    assert kept.size == left * (CARD_OVERHEAD + 10)


def test_a_card_that_is_loaded_ahead_puts_nothing_out():
    kept = hot(CARD_OVERHEAD + 10)
    kept.apply(change(1, b"x" * 10, key="1"))
    with kept.filling() as fill:
        fill.card(HERE, "2", 1, b"x" * 10, ahead=True)
    assert kept.card(HERE, "1") is not None
    assert kept.card(HERE, "2") is None


def test_what_is_too_large_is_not_kept_and_forgotten_when_it_becomes_so():
    kept = hot()
    kept.apply(change(1, b"small"))
    kept.apply(change(2, None, large=True))
    with kept.filling() as fill:
        fill.card(HERE, "49", 2, b"x" * (LARGEST + 1))
    assert kept.card(HERE, "49") is None


def test_an_inbox_is_read_when_all_of_it_is_here():
    kept = hot()
    inbox, another = kept.open(HERE), kept.open(THERE)
    assert kept.inbox(HERE) is None
    with kept.filling() as fill:
        for number in (1, 2, 3):
            fill.item(HERE, inbox, str(UUID(int=number)), 1, item(number))
        fill.team(HERE, inbox, 1, b"[1]")
    inbox.complete = True
    assert kept.inbox(HERE) is inbox
    assert kept.inbox(THERE) is None
    assert len(another) == 0
    kept.apply(change(1, b"one"))
    assert kept.documents == (1, 3)
    assert kept.size == inbox.size + len(b"one") + CARD_OVERHEAD


def test_an_inbox_is_wanted_by_nobody_else_and_only_while_changes_are_heard():
    kept = Hot(1 << 20)
    assert not kept.wants(HERE)
    kept.live = True
    assert kept.wants(HERE)
    kept.open(HERE)
    assert not kept.wants(HERE)
    kept.close(HERE)
    assert kept.wants(HERE)


def test_a_change_replaces_an_older_item_and_an_older_team_and_no_newer_ones():
    kept = hot()
    inbox = kept.open(HERE)
    for number, newest in ((2, 2), (1, 2), (3, 3), (2, 3)):
        kept.apply(change(number, item(1), key=str(UUID(int=1)), kind="item"))
        kept.apply(change(number, b"[%d]" % number, key=str(HERE), kind="team"))
        assert inbox.number(str(UUID(int=1))) == newest
        assert inbox.team == b"[%d]" % newest


def test_an_inbox_that_is_being_loaded_hears_of_changes_already():
    kept = hot()
    inbox = kept.open(HERE)
    with kept.filling() as fill:
        kept.apply(change(5, item(1), key=str(UUID(int=1)), kind="item"))
        kept.apply(change(6, None, key=str(UUID(int=2)), kind="item"))
        kept.apply(change(7, b"[7]", key=str(HERE), kind="team"))
        for number in (1, 2, 3):
            fill.item(HERE, inbox, str(UUID(int=number)), 4, item(number, "2025-01-01T11:00:00Z"))
        fill.team(HERE, inbox, 4, b"[4]")
    assert [inbox.number(str(UUID(int=number))) for number in (1, 2, 3)] == [5, 0, 4]
    assert inbox.team == b"[7]"


def test_an_inbox_with_an_item_that_cannot_be_kept_is_left_to_the_database(caplog):
    kept = hot()
    for body, large in ((item(1, ""), False), (None, True)):
        kept.clear()
        kept.open(HERE).complete = True
        with caplog.at_level(logging.ERROR):
            kept.apply(change(1, body, key=str(UUID(int=1)), kind="item", large=large))
        assert kept.inbox(HERE) is None
        assert not kept.wants(HERE)
        assert kept.size == 0
    kept.clear()
    assert kept.wants(HERE)


def test_an_inbox_beyond_the_bound_goes_after_all_cards():
    kept = hot(4_500)
    kept.apply(change(1, b"x" * 10, key="1"))
    inbox = kept.open(HERE)
    with kept.filling() as fill:
        for number in range(4):
            fill.item(HERE, inbox, str(UUID(int=number)), 1, item(number))
        assert kept.holds(HERE, inbox)
        assert kept.card(HERE, "1") is None
        for number in range(4, 9):
            fill.item(HERE, inbox, str(UUID(int=number)), 1, item(number))
    assert not kept.holds(HERE, inbox)
    assert kept.size == 0


def test_an_inbox_that_is_loaded_with_an_item_too_large_is_left_to_the_database():
    kept = hot()
    inbox = kept.open(HERE)
    with kept.filling() as fill:
        fill.item(HERE, inbox, str(UUID(int=1)), 1, item(1))
        fill.item(HERE, inbox, str(UUID(int=2)), 1, None)
    assert not kept.holds(HERE, inbox)
    assert not kept.wants(HERE)
    assert kept.size == 0


def test_the_inbox_used_longest_ago_goes_first():
    one = hot().open(HERE)
    one.put(Item.read(1, item(1)))
    kept = hot(2 * one.size)
    for workspace in (HERE, THERE):
        inbox = kept.open(workspace)
        kept.put(workspace, inbox, str(UUID(int=1)), 1, item(1))
        inbox.complete = True
    here = kept.inbox(HERE)
    kept.put(HERE, here, str(UUID(int=2)), 1, item(2))
    assert kept.inbox(HERE) is here
    assert kept.inbox(THERE) is None
    assert kept.size == here.size == 2 * one.size
