"""How far one phase of a probe has come: when enough is asked, and when no more can be."""

from collections.abc import Iterable

from tailgate_loadtest.shapes.orders import Probing

_FRUITLESS = 50
"""Iterations in a row that may ask nothing."""


class Progress:
    """One phase so far, of as many ``iterations`` as are wanted or, where that is None, until enough is asked."""

    def __init__(self, asked: Probing, iterations: int | None, personas: Iterable[str]) -> None:
        self.iterations = 0
        """Those that are over."""
        self._asked, self._wanted = asked, iterations
        self._waiting = set(personas)
        self._requests = self._fruitless = 0

    def add(self, persona: str, requests: int) -> None:
        """An iteration is over, in which so many requests were sent."""
        self.iterations += 1
        self._waiting.discard(persona)
        self._requests += requests
        self._fruitless = 0 if requests else self._fruitless + 1

    def goes_on(self, seconds: float) -> bool:
        """Whether another iteration is wanted, so many seconds after the first began."""
        if self._wanted is not None:
            return self.iterations < self._wanted
        return self._requests < self._asked.requests and (seconds <= self._asked.seconds or bool(self._waiting))

    def cut_short(self, seconds: float) -> str | None:
        """Why there can be no other though it is wanted, if so."""
        if self._fruitless == _FRUITLESS:
            return f"{_FRUITLESS} iterations in a row requested nothing"
        if seconds <= self._asked.most:
            return None
        if self._wanted is None:
            what = f"{', '.join(sorted(self._waiting))} had no turn"
        else:
            what = f"{self.iterations} of {self._wanted} iterations were over"
        return f"{what} after {self._asked.most:g} s; name only the user classes that take less time"

    @property
    def curtailed(self) -> str | None:
        """What became of the requests that were asked for, where no more of them are wanted and there were fewer."""
        if self._wanted is not None or self._requests >= self._asked.requests:
            return None
        return f"{self._requests} of {self._asked.requests} had been sent after {self._asked.seconds:g} s"
