"""The values of a profile's keys, each checked when it is read: what is wrong is named with its place."""

import difflib
from collections.abc import Sequence
from reprlib import repr as short
from typing import Any

from tailgate_loadtest.errors import ProfileError
from tailgate_loadtest.shapes.plain import LONGEST
from tailgate_loadtest.shapes.units import seconds

MAX_SECONDS = 7 * 24 * 3600.0


def mapping(raw: Any, where: str, what: str) -> dict[Any, Any]:
    """A mapping of keys to values. Here and below, raises ProfileError, which begins with ``where``."""
    if not isinstance(raw, dict):
        raise ProfileError(f"{where}: {what} must be a mapping of keys to values, not {type(raw).__name__}")
    return raw


def known(raw: dict[Any, Any], where: str, keys: Sequence[str]) -> None:
    """See that a mapping has no key but these."""
    for key in raw:
        if key not in keys:
            raise ProfileError(f"{where}: unknown key {short(key)}{nearest(key, keys)}")


def number(raw: Any, where: str, low: float, high: float) -> float:
    """A number from ``low`` to ``high``."""
    # bool is an int in Python; `users: yes` is not a number of users.
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not low <= raw <= high:
        raise ProfileError(f"{where}: {short(raw)} must be a number from {low:g} to {high:g}")
    return float(raw)


def whole(raw: Any, where: str, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``."""
    found = number(raw, where, low, high)
    if not found.is_integer():
        raise ProfileError(f"{where}: {short(raw)} must be a whole number")
    return int(found)


def text(raw: Any, where: str) -> str:
    """A text."""
    if not isinstance(raw, str):
        raise ProfileError(f"{where}: {short(raw)} must be a text; put it in quotes")
    return raw


def duration(raw: Any, where: str) -> float:
    """Seconds, written as a duration or as a number of them."""
    if not isinstance(raw, str):
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            raise ProfileError(f"{where}: {short(raw)} must be a duration like 30s")
        return number(raw, where, 0, MAX_SECONDS)
    try:
        return seconds(raw)
    except ValueError:
        raise ProfileError(f"{where}: {short(raw)} is no duration; write one like 500ms, 30s, 1m30s or 2h") from None


def nearest(name: Any, candidates: Sequence[str]) -> str:
    """A hint at the candidate most like a name; empty where there is none."""
    close = difflib.get_close_matches(str(name)[:LONGEST], candidates, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
