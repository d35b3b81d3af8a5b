"""The API's requests and answers, as OpenAPI describes them."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from tailgate_service.fields import MessageText, Metadata

Status = Literal["open", "pending", "resolved", "archived"]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Health(_Answer):
    """The service serves, and its database answers."""

    status: Literal["ok"]
    variant: str


class Contact(_Answer):
    """A caller."""

    id: UUID
    name: str
    phone: str
    email: str | None
    created_at: datetime
    updated_at: datetime


class Note(_Answer):
    """What a member wrote about a contact."""

    id: UUID
    author_id: UUID | None
    body: str
    created_at: datetime


class Conversation(_Answer):
    """A conversation by itself."""

    id: UUID
    contact_id: UUID
    status: Status
    assigned_to: UUID | None
    channel: str
    domain: str
    metadata: dict[str, Any]
    unread_count: int
    last_message_at: datetime
    last_message_preview: str | None
    created_at: datetime


class Message(_Answer):
    """A message, incoming or outgoing."""

    id: UUID
    conversation_id: UUID
    direction: Literal["in", "out"]
    body: str
    sender_id: UUID | None
    provider_message_id: str | None
    metadata: dict[str, Any]
    status: Literal["received", "queued", "sent", "delivered", "read", "failed"]
    created_at: datetime


class Tag(_Answer):
    """A tag of the workspace."""

    id: UUID
    name: str
    color: str


class Member(_Answer):
    """A member of the team."""

    id: UUID
    name: str
    email: str
    role: str


class ContactCard(_Answer):
    """All that is wanted when a call comes in: notes and messages newest first, the latest conversation."""

    contact: Contact
    notes: list[Note]
    conversation: Conversation | None
    messages: list[Message]


class InboxItem(Conversation):
    """A conversation as the inbox lists it."""

    contact: Contact
    tags: list[Tag]


class Inbox(_Answer):
    """A page of conversations, the latest first, and what stands beside the list."""

    conversations: list[InboxItem]
    page: int
    per_page: int
    has_more: bool
    active_count: int
    team: list[Member]


class Thread(_Answer):
    """A page of a conversation's messages, newest first; ``next_before`` asks for the page of older ones."""

    conversation_id: UUID
    messages: list[Message]
    next_before: str | None


class SendRequest(BaseModel):
    """A message to send."""

    model_config = ConfigDict(extra="forbid")

    conversation_id: UUID
    body: MessageText
    sender_id: UUID | None = None
    metadata: Metadata = {}


class IntakeAnswer(_Answer):
    """What became of a delivery."""

    status: Literal["accepted", "duplicate"]
