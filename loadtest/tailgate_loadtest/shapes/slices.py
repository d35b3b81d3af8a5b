"""How arrivals are shared among workers: each takes every ``step``-th, and what one leaves others share anew."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slice:
    """The arrivals of a schedule whose number is ``start``, ``start + step``, ``start + 2 * step`` and so on."""

    start: int
    step: int
    after: float = 0.0
    """Of those, only the ones due after this many seconds."""

    def split(self, parts: int, after: float) -> list["Slice"]:
        """What is due after a moment, in so many slices; together they hold each arrival once."""
        return [Slice(self.start + part * self.step, self.step * parts, after) for part in range(parts)]


def shares(parts: int) -> list[Slice]:
    """A whole schedule in so many slices."""
    return Slice(0, 1).split(parts, 0.0)


def portion(whole: int, part: int, parts: int) -> int:
    """The ``part``-th of ``parts`` nearly equal whole portions, at least 1: together they are no more, if they can."""
    return max(whole * (part + 1) // parts - whole * part // parts, 1)
