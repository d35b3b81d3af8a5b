"""Who asks."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from tailgate_service.models.base import Answer


class Belonging(Answer):
    """A workspace that who asks may ask for, and as what; a key is no user."""

    workspace_id: UUID
    workspace: str
    user_id: UUID | None
    role: Literal["admin", "agent", "key"]


class Me(Answer):
    """Who asks. A token ends, a key does not."""

    belongings: list[Belonging]
    expires_at: datetime | None


class LiveTicket(Answer):
    """Lets one live connection in, once."""

    ticket: str
    expires_at: datetime
