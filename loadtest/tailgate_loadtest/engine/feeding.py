"""Rows of a file for users: each row goes to one user only, however many processes put the load on.

users = feed("users.csv", mode="unique")

class Customer(LoadUser):
def on_start(self):
self.client.post("/login", json=users.next())
"""

import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import gevent
import locust
from gevent.event import AsyncResult
from locust.runners import WorkerRunner

from tailgate_loadtest.errors import FeedError
from tailgate_loadtest.shapes.dealing import Files, Key
from tailgate_loadtest.shapes.rows import MODES, Mode, Row

_FIRST = 10
"""Rows that a worker asks for at first; later, as many as it used since it asked last, twice over."""
_PATIENCE = 5.0
"""Seconds in which rows must come before they are asked for again."""
_TRIES = 3


class FeedExhausted(FeedError):  # noqa: N818 - reads as the report reads
    """Every row has been dealt."""

    def __init__(self, file: str) -> None:
        super().__init__(f"feed {file}: every row has been dealt; give it more rows, or let mode='cycle' begin again")
        self.counted_as = f"FeedExhausted: {Path(file).name}"


class Feed:
    """Deals rows to the users of this process."""

    def __init__(self, key: Key, source: "Source") -> None:
        self._key = key
        self._source = source
        self.refusal: str | None = None
        """Why no row can be dealt here."""

    def next(self) -> Row:
        """The next row, by the names in the file's head.

        Raises:
            FeedExhausted: there is none left.
            FeedError: the file is damaged, or the master deals no rows.
        """
        if self.refusal is not None:
            raise FeedError(f"feed {self._key[0]}: {self.refusal}")
        row = self._source.next(self._key)
        if row is None:
            raise FeedExhausted(self._key[0])
        return row


class Source(Protocol):
    """Where the rows of a process come from."""

    def open(self, key: Key, path: Path) -> None:
        """A feed is made."""

    def next(self, key: Key) -> Row | None:
        """Its next row; None when there is none left."""


class Dealt:
    """Rows that the master deals. Each ask is numbered: asked again, the master gives the same rows again."""

    def __init__(self) -> None:
        self.ask: Callable[[dict[str, Any]], None] = lambda _: None
        """Sends an ask to the master."""
        self._hands: dict[Key, _Hand] = {}

    def open(self, key: Key, path: Path) -> None:
        """See Source; the file is the master's."""
        del path
        self._hands[key] = _Hand(key, self)

    def fill(self) -> None:
        """Have some rows of every feed here before the load begins."""
        for hand in self._hands.values():
            hand.fetch()

    def next(self, key: Key) -> Row | None:
        """See Source."""
        return self._hands[key].next()

    def answered(self, data: Any) -> None:
        """Rows have come."""
        hand = self._hands.get((data["file"], data["mode"]))
        if hand is not None:
            hand.answered(data)


class _Hand:
    """The rows of one feed that this worker holds."""

    def __init__(self, key: Key, dealt: Dealt) -> None:
        self._key = key
        self._dealt = dealt
        self._rows: deque[Row] = deque()
        self._over = False
        self._number = 0
        self._used = 0
        self._coming: AsyncResult | None = None

    def next(self) -> Row | None:
        while not self._rows and not self._over:
            self.fetch()
        self._used += 1
        if len(self._rows) <= self._used and not self._over and self._coming is None:
            gevent.spawn(self.fetch)
        return self._rows.popleft() if self._rows else None

    def fetch(self) -> None:
        """Wait for rows, asking for them unless they are on their way."""
        if self._coming is not None:
            self._coming.get()
            return
        self._coming = coming = AsyncResult()
        file, mode = self._key
        count, self._used = max(2 * self._used, _FIRST), 0
        self._number += 1
        for _ in range(_TRIES):
            self._dealt.ask({"file": file, "mode": mode, "count": count, "number": self._number})
            if coming.wait(_PATIENCE):
                break
        self._coming = None
        if not coming.ready():
            error = FeedError(f"feed {file}: the master deals no rows")
            coming.set_exception(error)
        coming.get()

    def answered(self, data: Any) -> None:
        if self._coming is None or data["number"] != self._number or self._coming.ready():
            return  # an answer to what was asked twice
        if data.get("error"):
            self._coming.set_exception(FeedError(str(data["error"])))
            return
        self._rows += data["rows"]
        self._over = not data["rows"]
        self._coming.set(None)


_source: Source = Files()


def use(source: Source) -> None:
    """Have the rows of this process come from elsewhere; before the locustfile is loaded."""
    global _source
    _source = source


def feed(file: str, mode: Mode = "unique") -> Feed:
    """The rows of a CSV file with a head, beside the locustfile that asks for them.

    Args:
        file: its name; UTF-8.
        mode: ``unique`` deals each row once and then raises FeedExhausted; ``cycle`` begins again; ``random`` draws.

    Raises:
        FeedError: there is nothing to deal.

    """
    if mode not in MODES:
        raise FeedError(f"feed {file}: mode {mode!r} must be one of {', '.join(MODES)}")
    beside = Path(sys._getframe(1).f_globals.get("__file__", "")).parent
    made = Feed((file, mode), _source)
    _source.open((file, mode), beside / file)

    def check(runner: Any, **_: Any) -> None:
        if isinstance(runner, WorkerRunner) and isinstance(_source, Files):
            made.refusal = "Locust's own workers would deal the same rows twice; use `tailgate run --worker`"

    locust.events.init.add_listener(check)
    return made
