"""What a histogram in the log counts, and how its tag says so."""

from enum import StrEnum
from functools import lru_cache
from urllib.parse import quote, unquote

from tailgate_loadtest.errors import HistogramError


class Kind(StrEnum):
    """The kinds of time kept per route."""

    RESPONSE = "response"
    """From the moment a request was due to its last byte; requests that succeeded."""
    SERVICE = "service"
    """From the send to the last byte; requests that succeeded."""
    FAILED = "failed"
    """As response, of requests that failed."""
    CENSORED = "censored"
    """From the moment due to the end of the drain, of requests not answered by then: their time is longer."""
    LOST = "lost"
    """Requests nobody knows the end of, because the worker that was to make them was lost; always 0."""
    SETUP = "setup"
    """From the send to the last byte, of requests a user made before its first arrival; never judged."""


def tag(route: str, kind: Kind) -> str:
    """The tag of a log line; percent-encoded, since a tag holds neither comma nor white space."""
    return quote(f"{kind.value} {route}", safe="")


@lru_cache(maxsize=1024)
def untag(text: str) -> tuple[str, Kind]:
    """The route and kind of a tag.

    Raises:
        HistogramError: the tag is not one of ours.
    """
    kind, _, route = unquote(text).partition(" ")
    try:
        return route, Kind(kind)
    except ValueError as error:
        raise HistogramError(f"the tag {text!r} names no known kind of time") from error
