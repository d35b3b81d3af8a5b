"""What every variant of the data layer must do, and the values that go in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from tailgate_service.cursor import Cursor

Document = dict[str, Any]
"""A JSON object in the making, shaped as the response model that the method names; UUIDs and datetimes stay
as they are until the response is written."""

Intake = Literal["accepted", "duplicate"]

ACTIVE = ("open", "pending")
CARD_NOTES = 20
CARD_MESSAGES = 20
PREVIEW_CHARACTERS = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """A workspace as its API key finds it."""

    id: UUID
    api_key_sha256: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class InboxQuery:
    """Filters, all of which must hold, and a page (counted from 1) of the inbox."""

    status: str | None = None
    active: bool | None = None
    assigned_to: UUID | Literal["unassigned"] | None = None
    tag: str | None = None
    search: str | None = None
    page: int = 1
    per_page: int = 25

    @property
    def offset(self) -> int:
        """Rows before the page."""
        return (self.page - 1) * self.per_page


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One incoming message as the provider delivered it; ``sent_at`` is never in the future."""

    phone_number_id: str
    provider_message_id: str
    phone: str
    name: str | None
    body: str
    sent_at: datetime


class Store(Protocol):
    """One way of reading and writing the database. Every variant answers the same, document for document."""

    async def ping(self) -> None:
        """Return once the database has answered a statement."""
        ...

    async def workspace_by_key(self, key_sha256: bytes) -> Workspace | None:
        """The workspace whose key hashes to ``key_sha256``."""
        ...

    async def card(self, workspace_id: UUID, phone_digits: str) -> Document:
        """``models.ContactCard`` of the caller; raises ``UnknownError``."""
        ...

    async def inbox(self, workspace_id: UUID, query: InboxQuery) -> Document:
        """``models.Inbox``: newest conversation first."""
        ...

    async def thread(self, workspace_id: UUID, conversation_id: UUID, *, limit: int, before: Cursor | None) -> Document:
        """``models.Thread``: newest message first; raises ``UnknownError``."""
        ...

    async def send(self, workspace_id: UUID, conversation_id: UUID, *, body: str, sender_id: UUID | None) -> Document:
        """Store an outgoing message: ``models.Message``; raises ``UnknownError``, ``UnknownSenderError``."""
        ...

    async def take_in(self, delivery: Delivery) -> Intake:
        """Store an incoming message once, however often and in whatever order it comes.

        One transaction: contact found or made by its phone's digits, active conversation found or opened,
        message inserted, conversation brought forward (never back in time). A duplicate changes nothing.
        Raises ``UnknownError``.
        """
        ...


def preview(body: str) -> str:
    """What the inbox shows of a message."""
    return body[:PREVIEW_CHARACTERS]
