"""The nearest spelling of a name that is not known."""

import difflib
from collections.abc import Iterable

# A comparison costs the product of both lengths; no name of ours is longer.
_LONGEST = 200


def nearest(name: str, candidates: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The candidate most like ``name``, letter case aside, or None when nothing resembles it."""
    by_folded = {candidate[:_LONGEST].casefold(): candidate for candidate in sorted(candidates)}
    found = difflib.get_close_matches(name[:_LONGEST].casefold(), list(by_folded), n=1, cutoff=cutoff)
    return by_folded[found[0]] if found else None


def nearest_route(name: str, candidates: Iterable[str]) -> str | None:
    """The route most like ``name`` (both ``METHOD template``), or None when nothing resembles it."""
    return nearest(name, candidates, cutoff=0.5)


def suggestion(name: str, candidates: Iterable[str]) -> str:
    """A cure: the nearest candidate when one resembles ``name``, all of them when they are few."""
    known = sorted(candidates)
    if found := nearest(name, known):
        return f"Did you mean {found}?"
    if not known:
        return ""
    return "Known: " + ", ".join(known[:8]) + (", …" if len(known) > 8 else "")
