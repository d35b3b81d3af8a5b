"""Who asks: for which workspace, and as what."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

Role = Literal["admin", "agent", "key"]
"""A member's role, or ``key``: a program with the workspace's API key, which may do what an admin may."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """A workspace, and the member of it who asks; no member when an API key does."""

    workspace_id: UUID
    user_id: UUID | None = None
    role: Role = "key"

    @property
    def administers(self) -> bool:
        """Whether it may do what only admins may."""
        return self.role != "agent"
