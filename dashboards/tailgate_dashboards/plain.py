"""Text of others as one line that can be shown."""

_LONGEST = 300


def plain(text: str) -> str:
    """The text without what a terminal would obey and blanks around it, at most 300 characters of it."""
    line = "".join(each if each.isprintable() else " " for each in text).strip()
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
