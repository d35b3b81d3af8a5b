"""What is kept, and under what name."""

from dataclasses import dataclass
from uuid import UUID

_NUMBERS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """A body of one kind, made of a row of a workspace; ``name`` tells several of one kind apart."""

    kind: str
    workspace: UUID
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.workspace}:{self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A body, and the revision of the row that it was made of."""

    revision: int
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A body that is kept.

    ``session`` had begun when the row was read that it was made of; ``revision`` is that row's; ``until`` is when its
    time is over, in whole seconds since 1970.
    """

    session: int
    revision: int
    until: int
    body: bytes

    def __bytes__(self) -> bytes:
        return b"%d %d %d\n%b" % (self.session, self.revision, self.until, self.body)

    @classmethod
    def parse(cls, data: bytes) -> "Entry | None":
        """What ``bytes`` wrote; None for anything else."""
        head, separator, body = data.partition(b"\n")
        numbers = head.split(b" ")
        if not separator or len(numbers) != _NUMBERS or not all(number.isdigit() for number in numbers):
            return None
        session, revision, until = map(int, numbers)
        return cls(session=session, revision=revision, until=until, body=body)
