"""Reports that arrive once each, whatever becomes of the messages that carry them.

A sender numbers its reports and sends each again until it is acknowledged; a receiver takes each number once.
"""

from collections.abc import Iterator
from typing import Any

_AGAIN = 2.0
"""Seconds without an acknowledgement after which a report is sent again."""


class Outbox:
    """The reports of one worker that are not acknowledged yet."""

    def __init__(self) -> None:
        self._next = 0
        self._waiting: dict[int, tuple[dict[str, Any], float]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, report: dict[str, Any]) -> None:
        """A report is to be sent."""
        self._waiting[self._next] = {**report, "number": self._next}, float("-inf")
        self._next += 1

    def due(self, now: float) -> Iterator[dict[str, Any]]:
        """The reports to send at this moment, in seconds of any clock: the new ones, and the old ones again."""
        for number, (report, sent) in list(self._waiting.items()):
            if now - sent >= _AGAIN:
                self._waiting[number] = report, now
                yield report

    def acknowledged(self, number: int) -> None:
        """Every report up to this number has arrived."""
        for each in [each for each in self._waiting if each <= number]:
            del self._waiting[each]


class Inbox:
    """Which reports of one worker have arrived."""

    AHEAD = 1000
    """How far a number may be ahead of what is complete; nobody has so many reports under way."""

    def __init__(self) -> None:
        self.complete = -1
        """Every report up to this number is here: what is to be acknowledged."""
        self._early: set[int] = set()

    def accept(self, number: int) -> bool:
        """A report has arrived; whether for the first time. Raises ValueError for a number that nobody has reached."""
        if not 0 <= number <= self.complete + self.AHEAD:
            raise ValueError(f"a report of number {number} after {self.complete}")
        if number <= self.complete or number in self._early:
            return False
        self._early.add(number)
        while self.complete + 1 in self._early:
            self.complete += 1
            self._early.remove(self.complete)
        return True
