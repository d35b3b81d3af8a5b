"""One workspace's inbox in memory: its items in order, filtered here. No I/O."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID

import orjson

from tailgate_service.store.base import ACTIVE, InboxQuery

# What one takes beside its body, in bytes: its fields, and its places in the dictionary and in the order.
OVERHEAD = 900


@dataclass(frozen=True, slots=True)
class Item:
    """A conversation as the inbox lists it, and what it is filtered and ordered by."""

    number: int
    body: bytes
    id: str
    at: datetime
    status: str
    assigned_to: str | None
    domain: str
    tags: frozenset[str]

    @property
    def active(self) -> bool:
        """Whether it counts as active."""
        return self.status in ACTIVE

    @property
    def size(self) -> int:
        """What it takes, in bytes."""
        return len(self.body) + OVERHEAD

    @classmethod
    def read(cls, number: int, body: bytes) -> "Item":
        """The item of a document; raises ``ValueError`` when its time is none, such as infinity."""
        document = orjson.loads(body)
        return cls(
            number=number,
            body=body,
            id=document["id"],
            at=datetime.fromisoformat(document["last_message_at"]),
            status=document["status"],
            assigned_to=document["assigned_to"],
            domain=document["domain"],
            tags=frozenset(tag["name"] for tag in document["tags"]),
        )


class Inbox:
    """All items of a workspace, or, until it is ``complete``, some of them.

    ``team`` is its members as JSON, ``active`` how many items are active, ``size`` what all takes, in bytes.
    """

    def __init__(self) -> None:
        self.complete = False
        self.team = b"[]"
        self.team_number = 0
        self.active = 0
        self.size = 0
        self._items: dict[str, Item] = {}
        # Ascending: the latest is the last. An id's text sorts as the database sorts ids.
        self._order: list[tuple[datetime, str]] = []

    def __len__(self) -> int:
        return len(self._items)

    def number(self, key: str) -> int:
        """As of which change an item is known; 0 when it is not."""
        item = self._items.get(key)
        return item.number if item else 0

    def put(self, item: Item) -> None:
        """Take an item in, in place of the one of before."""
        self.remove(item.id)
        self._items[item.id] = item
        insort(self._order, (item.at, item.id))
        self.active += item.active
        self.size += item.size

    def remove(self, key: str) -> None:
        """Forget an item, if it is there."""
        item = self._items.pop(key, None)
        if item is not None:
            del self._order[bisect_left(self._order, (item.at, item.id))]
            self.active -= item.active
            self.size -= item.size

    def page(self, query: InboxQuery) -> list[Item]:
        """Up to ``per_page + 1`` items, the latest first: the extra one says there are more."""
        end = len(self._order)
        if query.before is not None:
            end = bisect_left(self._order, (query.before.at, str(query.before.id)))
        wanted = query.offset, query.offset + query.per_page + 1
        return list(islice(self._matching(query, end), *wanted))

    def _matching(self, query: InboxQuery, end: int) -> Iterator[Item]:
        assigned_to = str(query.assigned_to) if isinstance(query.assigned_to, UUID) else None
        for index in range(end - 1, -1, -1):
            item = self._items[self._order[index][1]]
            if (
                (query.status is None or item.status == query.status)
                and (query.active is None or item.active == query.active)
                and (query.assigned_to != "unassigned" or item.assigned_to is None)
                and (assigned_to is None or item.assigned_to == assigned_to)
                and (query.domain is None or item.domain == query.domain)
                and item.tags.issuperset(query.tags)
            ):
                yield item
