"""Statements as people recognise them: what they are about, and not what all they list."""

import re

MOST = 110
"""Characters of a shortened statement."""
_SHORT = 14
"""Lists and what stands in parentheses are left out when they are longer."""
_GAP = "..."

_BRACKETS = re.compile(r"\(([^()]*)\)")
_SELECTED = re.compile(r"\b(select(?: distinct)?) (.+?)(?= from\b)", re.IGNORECASE)
_RETURNED = re.compile(r"\b(returning) (.+)", re.IGNORECASE)
_SET = re.compile(r"\b(set) (.+?)(?= (?:where|from|returning)\b|\Z)", re.IGNORECASE)
_MASKED = re.compile(r"\x00(\d+)\x00")


def shortened(text: str) -> str:
    """A statement in one line of at most MOST characters.

    Lists of columns and what stands in parentheses become ``...``: what remains are its tables and conditions.

    >>> shortened("SELECT id, name, phone FROM contacts WHERE id = $1")
    'SELECT ... FROM contacts WHERE id = $1'
    """
    line = _outermost(" ".join(text.replace("\x00", " ").split()))
    for listed in (_SELECTED, _SET, _RETURNED):
        line = listed.sub(_without_list, line)
    if len(line) <= MOST:
        return line
    cut = line[: MOST - len(_GAP)]
    return f"{cut.rpartition(' ')[0] or cut} {_GAP}"[:MOST]


def _without_list(found: re.Match[str]) -> str:
    return found[0] if len(found[2]) <= _SHORT else f"{found[1]} {_GAP}"


def _outermost(line: str) -> str:
    """The line with everything in parentheses that is long left out, from within; few levels, or it is cut anyway."""
    kept: list[str] = []

    def masked(found: re.Match[str]) -> str:
        inside = _MASKED.sub(lambda mask: kept[int(mask[1])], found[1])
        kept.append(f"({inside if len(inside) <= _SHORT else _GAP})")
        return f"\x00{len(kept) - 1}\x00"

    while True:
        line, found = _BRACKETS.subn(masked, line)
        if not found:
            return _MASKED.sub(lambda mask: kept[int(mask[1])], line)
