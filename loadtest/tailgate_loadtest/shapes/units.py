"""Durations as people write them in a profile."""

import re

_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """Read ``500ms``, ``1.5s``, ``2m``, ``1h``, or several after one another (``1m30s``), as seconds.

    A bare number is seconds, as Locust takes it.

    Raises:
        ValueError: the text is no duration; the message says what one looks like.
    """
    text = text.strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    total, end = 0.0, 0
    while match := _DURATION.match(text, end):
        total += float(match["number"]) * _SECONDS[match["unit"]]
        end = match.end()
    if not text or end != len(text):
        raise ValueError(f"{text!r} is no duration; write one like 500ms, 30s, 1m30s or 2h")
    return total
