"""What the database says on the channel of documents, read. No I/O.

One transaction's notifications come one after another: of each document that changed ``number workspace kind key`` and
then ``gone``, ``large`` (it is only said to have changed), or ``part/parts text``; last a word by itself, its mark.
"""

import re
from dataclasses import dataclass
from typing import Literal, cast
from uuid import UUID

import orjson

from tailgate_service.errors import NoticeError

CHANNEL = "documents"
Kind = Literal["card", "item", "team"]

_CHANGE = re.compile(
    r"(?P<about>(?P<number>[0-9]+) (?P<workspace>[0-9a-f-]{36}) (?P<kind>card|item|team) (?P<key>[^ ]+))"
    r" (?:(?P<fate>gone|large)|(?P<part>[0-9]+)/(?P<parts>[0-9]+) (?P<text>.*))",
    re.DOTALL | re.ASCII,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A document became ``body``, or without one is gone; or is too ``large`` to be told.

    ``number`` counts the changes of its workspace in the order of their commits.
    """

    number: int
    workspace: UUID
    kind: Kind
    key: str
    body: bytes | None = None
    large: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """All that a transaction has to say has been said."""

    word: str


class Reader:
    """Puts together what comes in parts."""

    def __init__(self) -> None:
        self._about = ""
        self._parts: list[str] = []

    def read(self, payload: str) -> Change | Mark | None:
        """What a notification completes; None when there is more to come. Raises ``NoticeError``."""
        if " " not in payload:
            return Mark(word=payload)
        match = _CHANGE.fullmatch(payload)
        if match is None:
            raise NoticeError(f"a notification that is none of ours begins with {payload[:60]!r}")
        body, large = None, match["fate"] == "large"
        if match["fate"] is None:
            text = self._joined(match)
            if text is None:
                return None
            try:
                body = canonical(text)
            except ValueError:
                # More than the service can read is more than it can keep.
                large = True
        return Change(
            number=int(match["number"]),
            workspace=UUID(match["workspace"]),
            kind=cast("Kind", match["kind"]),
            key=match["key"],
            body=body,
            large=large,
        )

    def _joined(self, match: re.Match[str]) -> str | None:
        if match["part"] == "1":
            self._about, self._parts = match["about"], []
        if match["about"] != self._about or int(match["part"]) != len(self._parts) + 1:
            raise NoticeError(f"part {match['part']} of {match['about']!r} came out of turn")
        self._parts.append(match["text"])
        if match["part"] != match["parts"]:
            return None
        text, self._parts = "".join(self._parts), []
        return text


def canonical(text: str) -> bytes:
    """JSON as the service writes it, whoever wrote it; raises ``ValueError`` when it cannot be read."""
    # A copy: what orjson makes keeps the room it was made in, which is up to fifteen times as much.
    return bytes(memoryview(orjson.dumps(orjson.loads(text))))
