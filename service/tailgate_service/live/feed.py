"""The newest events of one workspace: whole and in order, however they come in."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import orjson

from tailgate_service.store.base import Event

KEPT = 512
"""Events that are kept for those who read a little slower than things happen,"""
KEPT_BYTES = 1 << 20
"""and how large they may be together, in characters, the newest apart."""
ERASED = "erased"
"""What an event is once its contact has been deleted: its number and no more."""
CONTACT_DELETED = "contact_deleted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """An event as it is sent: ``data`` is JSON on one line; ``at`` is when it was numbered, seconds since 1970.

    Those before it that name ``erases`` are erased by it.
    """

    number: int
    kind: str
    at: float
    data: str
    erases: str | None = None


def told(event: Event) -> Told:
    """``event``, written once for all who are sent it; raises ``ValueError`` when it is none of ours."""
    # Between the tokens of JSON a line's end is as good as a blank, and within them there is none.
    body = event.body.replace("\n", " ").replace("\r", " ")
    head = orjson.dumps({"number": event.number, "kind": event.kind, "at": event.at}).decode()
    return Told(
        number=event.number,
        kind=event.kind,
        at=datetime.fromisoformat(event.at).timestamp(),
        data=f'{head[:-1]},"body":{body}}}',
        erases=_erased_by(event) if event.kind == CONTACT_DELETED else None,
    )


def _erased_by(event: Event) -> str:
    match orjson.loads(event.body):
        case {"contact": {"id": str(contact)}} if contact:
            return contact
    raise ValueError(f"event {event.number} does not say who was deleted")


def _erased(event: Told) -> Told:
    return told(Event(number=event.number, kind=ERASED, at=orjson.loads(event.data)["at"], body="{}"))


class Feed:
    """What is known of a workspace's events: all up to ``last``, of which the newest are kept.

    Numbers have no gap, so a number says whether something is missing. What comes too early waits for what is missing;
    what was there before is dropped. Nothing here waits or asks: whoever holds a feed asks for what ``behind`` says.
    """

    def __init__(self, last: int) -> None:
        self.last = last
        self._heard = last
        self._kept: deque[Told] = deque()
        self._size = 0
        self._early: dict[int, Told] = {}

    @property
    def behind(self) -> bool:
        """Whether there are events that did not come in."""
        return self._heard > self.last

    @property
    def first(self) -> int:
        """The number of the oldest event kept; the next one's when none is."""
        return self.last + 1 - len(self._kept)

    def hear(self, number: int, event: Told | None = None) -> None:
        """There is an event of that number; it is told itself unless it has to be asked for."""
        if number <= self.last:
            return
        self._heard = max(self._heard, number)
        if event is not None and (number == self.last + 1 or len(self._early) < KEPT):
            self._early[number] = event
        self._advance()

    def take(self, page: Sequence[Told]) -> None:
        """What was asked for: the events that follow ``last``, in order.

        What is not there any more, or is more than is kept, is skipped: who has not seen it has to ask for it.
        """
        if not page:
            self.skip_to(self._heard)
            return
        if page[0].number > self.last + 1:
            self.skip_to(page[0].number - 1)
        for event in page:
            if event.number == self.last + 1:
                self._append(event)
        self._heard = max(self._heard, self.last)
        self._advance()

    def skip_to(self, number: int) -> None:
        """Go on after ``number``, with nothing kept."""
        self._kept.clear()
        self._size = 0
        self.last = number
        self._heard = max(self._heard, number)
        self._advance()

    def after(self, number: int, limit: int) -> list[Told] | None:
        """Up to ``limit`` events after ``number``; None when the first of them is not kept any more."""
        skipped = number + 1 - self.first
        if skipped < 0:
            return None
        return list(islice(self._kept, skipped, skipped + limit))

    def _advance(self) -> None:
        while (event := self._early.pop(self.last + 1, None)) is not None:
            self._append(event)
        if self._early and min(self._early) <= self.last:
            self._early = {number: event for number, event in self._early.items() if number > self.last}

    def _append(self, event: Told) -> None:
        if event.erases is not None:
            # As the database did. Whatever names her is taken for hers.
            self._kept = deque(_erased(kept) if event.erases in kept.data else kept for kept in self._kept)
            self._size = sum(len(kept.data) for kept in self._kept)
        self._kept.append(event)
        self._size += len(event.data)
        self.last = event.number
        while len(self._kept) > KEPT or (self._size > KEPT_BYTES and len(self._kept) > 1):
            self._size -= len(self._kept.popleft().data)
