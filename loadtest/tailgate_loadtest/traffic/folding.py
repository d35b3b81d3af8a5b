"""Paths become templates: what stands at a place of the path is a name there, or a value.

A segment is a name when it looks like one - it begins with a letter, holds no more than two digits, is no longer than
40 characters, and is of letters, digits, ``.``, ``_`` and ``-`` alone - and when no more than 50 different names stand
at its place. Else all that stands there are values: ``{id}``, the second of a path ``{id2}``, and so on. So numbers,
UUIDs, hashes, dates, tokens, addresses of mail and of machines are values at once, and users' names are as soon as
there are enough of them. What a path bears after ``;`` is not read.

The result does not depend on the order of the paths, as long as there is room for all (``MAX_PLACES``).
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_NAMES = 50
"""Different names at one place; with more of them, they are values."""
MAX_PLACES = 20_000
"""Different places in all paths together, values as one; a path that would need more has no template."""
_DEEPEST = 24
"""Segments of a path."""
_MEMORY = 50_000
"""Paths whose leaf is remembered."""

_NAME = re.compile(r"(?=.{0,40}$)(?!(?:.*[0-9]){3})(?:[A-Za-z][A-Za-z0-9._-]*)?")


@dataclass(slots=True, eq=False)
class Leaf:
    """The requests of one method at one place, by the hour since 1970."""

    hours: Counter[int] = field(default_factory=Counter)
    queried: int = 0
    """How many bore a query."""

    def add(self, other: "Leaf") -> None:
        """Take in another's."""
        self.hours.update(other.hours)
        self.queried += other.queried


@dataclass(slots=True, eq=False)
class _Place:
    names: dict[str, "_Place"] = field(default_factory=dict)
    value: "_Place | None" = None
    folded: bool = False
    """Names here were too many, and are values."""
    leaves: dict[str, Leaf] = field(default_factory=dict)
    """By method."""


class Folding:
    """Learns templates from paths, and counts requests at them, in bounded memory."""

    def __init__(self) -> None:
        self._root = _Place()
        self._places = 1
        self._remembered: dict[tuple[str, str], Leaf] = {}

    def leaf(self, method: str, path: str) -> Leaf | None:
        """Where a request is to be counted, now: the next path may move it. None: there is no room for its path."""
        key = (method, path)
        found = self._remembered.get(key)
        if found is None:
            place = self._place(path)
            if place is None:
                return None
            found = place.leaves.setdefault(method, Leaf())
            if len(self._remembered) >= _MEMORY:
                self._remembered.clear()
            self._remembered[key] = found
        return found

    def templates(self) -> Iterator[tuple[str, str, Leaf]]:
        """Each method and template with its requests."""
        todo: list[tuple[_Place, str, int]] = [(self._root, "", 0)]
        while todo:
            place, path, values = todo.pop()
            for method, leaf in place.leaves.items():
                yield method, path, leaf
            todo += [(child, f"{path}/{name}", values) for name, child in place.names.items()]
            if place.value is not None:
                name = f"{{id{values + 1 if values else ''}}}"
                todo.append((place.value, f"{path}/{name}", values + 1))

    def _place(self, path: str) -> _Place | None:
        segments = path[1:].split("/")
        if len(segments) > _DEEPEST:
            return None
        place = self._root
        for segment in segments:
            child = self._child(place, segment.partition(";")[0])
            if child is None:
                return None
            place = child
        return place

    def _child(self, place: _Place, segment: str) -> _Place | None:
        # An empty segment is a slash more: neither a name to count nor a value to fill in.
        if not _NAME.fullmatch(segment) or (place.folded and segment):
            if place.value is None:
                place.value = self._new()
            return place.value
        child = place.names.get(segment) or self._new()
        if child is None:
            return None
        place.names[segment] = child
        if not _overfull(place):
            return child
        _fold(place)
        self._remembered.clear()  # its leaves may have moved
        self._places = _count(self._root)
        return place.value

    def _new(self) -> _Place | None:
        if self._places >= MAX_PLACES:
            return None
        self._places += 1
        return _Place()


def _overfull(place: _Place) -> bool:
    return len(place.names) - ("" in place.names) > MAX_NAMES


def _fold(place: _Place) -> None:
    """Make values of a place's names."""
    place.folded = True
    place.value = place.value or _Place()
    for name in [name for name in place.names if name]:
        _merge(place.value, place.names.pop(name))


def _merge(into: _Place, other: _Place) -> None:
    for method, leaf in other.leaves.items():
        into.leaves.setdefault(method, Leaf()).add(leaf)
    if other.value is not None:
        into.value = into.value or _Place()
        _merge(into.value, other.value)
    for name, child in other.names.items():
        if into.folded and name:
            into.value = into.value or _Place()
            _merge(into.value, child)
        else:
            _merge(into.names.setdefault(name, _Place()), child)
    if not into.folded and (other.folded or _overfull(into)):
        _fold(into)


def _count(place: _Place) -> int:
    children = [*place.names.values(), *([place.value] if place.value else [])]
    return 1 + sum(map(_count, children))
