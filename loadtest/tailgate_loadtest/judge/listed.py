"""As many names as one reads of a list, and how many there are besides."""

from collections.abc import Sequence

_MOST = 6


def listed(names: Sequence[str], separator: str = ", ") -> str:
    """``a, b, c``; of more than six the first six ``and 3 more``."""
    more = len(names) - _MOST
    return separator.join(names[:_MOST]) + (f" and {more} more" if more > 0 else "")
