"""Label values as many as there may be: whoever calls or answers us cannot make more series than that."""

from collections.abc import Iterable


class Bounded:
    """The values of one label: the first ``limit`` keep their names, all later ones are ``other``.

    Those known beforehand keep their names in any case, and count towards the limit.
    """

    def __init__(self, limit: int, other: str, known: Iterable[str] = ()) -> None:
        self._limit = limit
        self._other = other
        self._values = set(known)

    def __call__(self, value: str) -> str:
        """The label value that stands for a value."""
        if value in self._values:
            return value
        if len(self._values) >= self._limit:
            return self._other
        self._values.add(value)
        return value
