"""Documents in the process's own memory: within bounds, and current as of what was heard last. No I/O.

A document is as of a number of its workspace's changes. What is read from the database is read together with that
number; so of two it is always known which is newer, and what comes late loses.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from uuid import UUID

from tailgate_service.store.readmodel.inbox import Inbox, Item
from tailgate_service.store.readmodel.notice import Change

log = logging.getLogger(__name__)

# A larger document is never kept: the database does not tell it either. In bytes.
LARGEST = 100_000
# What a card takes beside its body, in bytes: its key, and its place in the dictionary.
CARD_OVERHEAD = 500


class _Card(NamedTuple):
    number: int
    body: bytes

    @property
    def size(self) -> int:
        return len(self.body) + CARD_OVERHEAD


class Hot:
    """Cards and inboxes, of ``limit`` bytes together, those used last.

    ``live`` says that whatever changes is heard of; while it is not, nothing is kept.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.live = False
        self.size = 0
        self._cards: OrderedDict[tuple[UUID, str], _Card] = OrderedDict()
        self._inboxes: OrderedDict[UUID, Inbox] = OrderedDict()
        self._unfit: set[UUID] = set()
        self._fills: set[Fill] = set()

    @property
    def documents(self) -> tuple[int, int]:
        """How many cards, and how many items of inboxes."""
        return len(self._cards), sum(map(len, tuple(self._inboxes.values())))

    @property
    def full(self) -> bool:
        """Whether one thing more would put out another."""
        return self.size >= self.limit

    def card(self, workspace: UUID, digits: str) -> bytes | None:
        """A card, if it is hot."""
        card = self._cards.get((workspace, digits))
        if card is None:
            return None
        self._cards.move_to_end((workspace, digits))
        return card.body

    def inbox(self, workspace: UUID) -> Inbox | None:
        """An inbox, if all of it is hot."""
        inbox = self._inboxes.get(workspace)
        if inbox is None or not inbox.complete:
            return None
        self._inboxes.move_to_end(workspace)
        return inbox

    def wants(self, workspace: UUID) -> bool:
        """Whether an inbox could be made hot, and nobody is at it."""
        return self.live and workspace not in self._inboxes and workspace not in self._unfit

    @contextmanager
    def filling(self) -> Iterator["Fill"]:
        """What is read from the database within the context may be kept by the fill."""
        fill = Fill(self)
        self._fills.add(fill)
        try:
            yield fill
        finally:
            self._fills.discard(fill)

    def clear(self) -> None:
        """Forget everything; nor is anything kept of what is on its way."""
        for fill in self._fills:
            fill.void = True
        self._cards.clear()
        self._inboxes.clear()
        self._unfit.clear()
        self.size = 0

    def apply(self, change: Change) -> None:
        """Take a change in, unless what is here is newer."""
        if not self.live:
            return
        for fill in self._fills:
            fill.changed[change.workspace, change.key] = change.number
        if change.kind == "card":
            self._apply_card(change)
            return
        inbox = self._inboxes.get(change.workspace)
        if inbox is None:
            return
        if change.large:
            self.drop(change.workspace)
        elif change.kind == "team":
            if change.number > inbox.team_number and change.body is not None:
                inbox.team, inbox.team_number = change.body, change.number
        elif change.number > inbox.number(change.key):
            self.put(change.workspace, inbox, change.key, change.number, change.body)

    def keep(self, key: tuple[UUID, str], card: _Card, *, last: bool) -> None:
        """Keep a card, as the one used last or as the first to go."""
        self._forget(key)
        self._cards[key] = card
        self._cards.move_to_end(key, last=last)
        self.size += card.size
        self._bound()

    def put(self, workspace: UUID, inbox: Inbox, key: str, number: int, body: bytes | None) -> None:
        """Keep an item of an inbox that is here, or without a body forget it."""
        before = inbox.size
        try:
            inbox.remove(key) if body is None else inbox.put(Item.read(number, body))
        except ValueError as error:
            log.warning("the inbox of workspace %s is not kept: conversation %s: %s", workspace, key, error)
            self.drop(workspace)
            return
        self.size += inbox.size - before
        self._bound()

    def open(self, workspace: UUID) -> Inbox:
        """Begin an inbox: from now on it hears of changes."""
        inbox = self._inboxes[workspace] = Inbox()
        return inbox

    def close(self, workspace: UUID) -> None:
        """Forget an inbox that did not come to be complete."""
        self.size -= self._inboxes.pop(workspace).size

    def drop(self, workspace: UUID) -> None:
        """Forget an inbox that is too large, or has what is; it is not tried again until all is forgotten."""
        self.close(workspace)
        self._unfit.add(workspace)

    def number(self, key: tuple[UUID, str]) -> int:
        """As of which change a card is known; 0 when it is not."""
        card = self._cards.get(key)
        return card.number if card else 0

    def holds(self, workspace: UUID, inbox: Inbox) -> bool:
        """Whether an inbox that was begun is still here."""
        return self._inboxes.get(workspace) is inbox

    def _apply_card(self, change: Change) -> None:
        key = change.workspace, change.key
        if change.number > self.number(key):
            self._forget(key)
            if change.body is not None:
                self.keep(key, _Card(change.number, change.body), last=True)

    def _forget(self, key: tuple[UUID, str]) -> None:
        card = self._cards.pop(key, None)
        if card is not None:
            self.size -= card.size

    def _bound(self) -> None:
        while self.size > self.limit:
            if self._cards:
                _, card = self._cards.popitem(last=False)
                self.size -= card.size
            else:
                self.drop(next(iter(self._inboxes)))


class Fill:
    """What came from the database and may be kept: nothing that changed since, nothing after all was forgotten."""

    def __init__(self, hot: Hot) -> None:
        self.changed: dict[tuple[UUID, str], int] = {}
        self.void = not hot.live
        self._hot = hot

    def card(self, workspace: UUID, digits: str, number: int, body: bytes, *, ahead: bool = False) -> None:
        """Keep a card as of ``number``; one that is loaded ``ahead`` puts nothing out."""
        key = workspace, digits
        if len(body) <= LARGEST and self._newest(key, number) and self._hot.number(key) <= number:
            self._hot.keep(key, _Card(number, body), last=not ahead)

    def item(self, workspace: UUID, inbox: Inbox, key: str, number: int, body: bytes | None) -> None:
        """Keep an item of an inbox that was begun; one that has no body is too large, and with it the inbox."""
        if not self._hot.holds(workspace, inbox) or not self._newest((workspace, key), number):
            return
        if body is None:
            self._hot.drop(workspace)
        else:
            self._hot.put(workspace, inbox, key, number, body)

    def team(self, workspace: UUID, inbox: Inbox, number: int, body: bytes) -> None:
        """Keep the team of an inbox that was begun."""
        if self._newest((workspace, str(workspace)), number):
            inbox.team, inbox.team_number = body, number

    def _newest(self, key: tuple[UUID, str], number: int) -> bool:
        return not self.void and self.changed.get(key, 0) <= number
