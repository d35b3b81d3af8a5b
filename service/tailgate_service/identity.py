"""Who asks: for which workspace, and as what."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

Role = Literal["admin", "agent", "key"]
"""A member's role, or ``key``: a program with the workspace's API key, which may do what an admin may."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """A workspace, and the member of it who asks; no member when an API key does.

    ``proof`` is the SHA-256 of what let in, the key or the token's subject, and ``expires_at`` is when the token ends;
    neither is there for who was not asked: the sender of a webhook.
    """

    workspace_id: UUID
    user_id: UUID | None = None
    role: Role = "key"
    proof: bytes | None = field(default=None, repr=False)
    expires_at: datetime | None = None

    @property
    def administers(self) -> bool:
        """Whether it may do what only admins may."""
        return self.role != "agent"
