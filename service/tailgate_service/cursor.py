"""A place in a list that is ordered by time and then by id, newest first, as a client carries it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT = re.compile(r"([0-9]{1,17})-([0-9a-f]{32})", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """The last row of a page: what comes next is older, or equally old with a smaller id.

    As text it is microseconds since 1970, a dash and the id's 32 hexadecimal digits. The time is whole to the
    microsecond, as in the database, so no row is skipped and none is shown twice.
    """

    at: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{(self.at - _EPOCH) // timedelta(microseconds=1)}-{self.id.hex}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """The cursor that ``str`` wrote; raises ``ValueError`` for any other text."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ValueError("not a cursor: take next_before of the page before")
        return cls(at=_EPOCH + timedelta(microseconds=int(match[1])), id=UUID(hex=match[2]))
