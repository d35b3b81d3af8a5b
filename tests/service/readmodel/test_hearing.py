"""Who wrote waits for the mark of what they wrote, or until nothing is heard."""

from typing import Any
from uuid import UUID

import pytest
from tailgate_service.errors import NoticeError
from tailgate_service.listener import Listener
from tailgate_service.store.readmodel.hearing import Hearing
from tailgate_service.store.readmodel.notice import CHANNEL

ABOUT = f"7 {UUID(int=1)} card 4930"


class Ears:
    """What is heard, and a way to say it."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        # It is not running: the test speaks in its place.
        listener = Listener("postgresql://nobody.invalid/")
        self.hearing = Hearing(listener, heard=self.heard.append, again=lambda: None, deaf=self.heard.clear)
        self.hearing.subscriber.again()

    def say(self, process: int, payload: str) -> None:
        self.hearing.subscriber.heard[CHANNEL](process, payload)


@pytest.fixture
def ears() -> Ears:
    return Ears()


def test_a_write_is_heard_with_its_mark_and_neither_with_a_part_of_it_nor_with_anothers(ears):
    event = ears.hearing.expect(5)
    ears.say(5, f"{ABOUT} gone")
    ears.say(6, "1234")
    assert not event.is_set()
    ears.say(5, "1235")
    assert event.is_set()
    assert [change.key for change in ears.heard] == ["4930"]


def test_a_loss_frees_who_waits_and_leaves_doubt_about_whose_mark_is_next(ears):
    event, word = ears.hearing.expect(5), ears.hearing.expect("word")
    ears.hearing.subscriber.lost()
    assert event.is_set()
    assert word.is_set()
    assert ears.heard == []
    assert not ears.hearing.listening
    assert not ears.hearing.doubted([6])
    assert ears.hearing.doubted([5, 6])
    assert not ears.hearing.doubted([5, 6])


def test_half_a_document_of_before_a_loss_is_not_completed_by_what_is_heard_after_it(ears):
    ears.say(5, f"{ABOUT} 1/2 [")
    ears.hearing.subscriber.lost()
    ears.hearing.subscriber.again()
    with pytest.raises(NoticeError, match="out of turn"):
        ears.say(5, f"{ABOUT} 2/2 ]")
