"""What a server says of its own time, in the header ``Server-Timing`` (https://www.w3.org/TR/server-timing/)."""

import re
from typing import NamedTuple

from tailgate_otel.names import (
    TIMING_APP,
    TIMING_DB,
    TIMING_POOL,
    TIMING_QUERIES,
    TIMING_ROUND_TRIPS,
    TIMING_TRACE,
)

_MAX_SIZE = 4096

# Possessive throughout: whatever a server sends, no part of it is looked at twice.
_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_VALUE = rf'(?:{_WORD}|"(?:[^"\\]|\\.)*+")'
_METRIC = re.compile(
    rf"[ \t]*+({_WORD})"
    rf"(?:[ \t]*+;[ \t]*+({_WORD})[ \t]*+(?:=[ \t]*+({_VALUE})[ \t]*+)?+)?+"
    rf"(?:;[ \t]*+{_WORD}[ \t]*+(?:=[ \t]*+{_VALUE}[ \t]*+)?+)*+"
    r"[ \t]*+(?:,|\Z)"
)
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_COUNT = re.compile(r"[0-9]{1,9}")
_MILLISECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_SECONDS = (TIMING_DB, TIMING_POOL, TIMING_APP)
# What our own servers write, in one go: it may come with every answer.
_WHOLE = re.compile(
    rf'{TIMING_TRACE};desc="({_TRACE_ID.pattern})", {TIMING_QUERIES};desc="({_COUNT.pattern})", '
    rf'{TIMING_ROUND_TRIPS};desc="({_COUNT.pattern})", '
    + ", ".join(rf"{name};dur=({_MILLISECONDS.pattern})" for name in _SECONDS)
)


class ServerTiming(NamedTuple):
    """The server's side of one request; None where it does not say."""

    trace_id: str | None
    """32 hexadecimal digits."""
    queries: int | None
    db: float | None
    """Seconds in the database."""
    pool: float | None
    """Seconds of waiting for a connection to it."""
    app: float | None
    """Seconds in the application, the others apart."""
    round_trips: int | None = None
    """Round trips to the database, but for what a connection does once, such as preparing a statement."""


def parse(value: bytes) -> ServerTiming | None:
    """What a header says; None where it is malformed or too long, or says nothing that we know.

    Of a metric the first parameter counts, as our own servers write them; of two metrics of a name, the first.
    """
    if len(value) > _MAX_SIZE:
        return None
    text = value.decode("latin-1")
    whole = _WHOLE.fullmatch(text)
    if whole is not None:
        trace_id, queries, trips, db, pool, app = whole.groups()
        return ServerTiming(trace_id, int(queries), float(db) / 1e3, float(pool) / 1e3, float(app) / 1e3, int(trips))
    return _of(_metrics(text))


def _metrics(text: str) -> dict[str, str]:
    """The values of the metrics we know, by name; none where the text is malformed."""
    at = 0
    found: dict[str, str] = {}
    while at < len(text):
        metric = _METRIC.match(text, at)
        if metric is None:
            return {}
        name, parameter, given = metric.groups()
        if given is not None and parameter == ("dur" if name in _SECONDS else "desc"):
            found.setdefault(name, given.strip('"'))
        at = metric.end()
    return found


def _of(found: dict[str, str]) -> ServerTiming | None:
    trace_id = found.get(TIMING_TRACE, "")
    timing = ServerTiming(
        trace_id if _TRACE_ID.fullmatch(trace_id) else None,
        _count(found.get(TIMING_QUERIES, "")),
        db=_seconds(found.get(TIMING_DB, "")),
        pool=_seconds(found.get(TIMING_POOL, "")),
        app=_seconds(found.get(TIMING_APP, "")),
        round_trips=_count(found.get(TIMING_ROUND_TRIPS, "")),
    )
    return None if timing == _NOTHING else timing


def _count(number: str) -> int | None:
    return int(number) if _COUNT.fullmatch(number) else None


def _seconds(milliseconds: str) -> float | None:
    return float(milliseconds) / 1e3 if _MILLISECONDS.fullmatch(milliseconds) else None


_NOTHING = ServerTiming(None, None, None, None, None)
