"""Conversations, the inbox that lists them, and their threads."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from tailgate_service.fields import DomainText, Metadata, TagName
from tailgate_service.models.base import Answer, Change
from tailgate_service.models.contacts import Contact
from tailgate_service.models.messages import Message

Status = Literal["open", "pending", "resolved", "archived"]
MAX_TAGS = 20


class Conversation(Answer):
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


class Tag(Answer):
    """A tag of the workspace."""

    id: UUID
    name: str
    color: str


class Member(Answer):
    """A member of the team."""

    id: UUID
    name: str
    email: str
    role: str


class InboxItem(Conversation):
    """A conversation as the inbox lists it."""

    contact: Contact
    tags: list[Tag]


class Inbox(Answer):
    """A page of conversations, the latest first, and what stands beside the list.

    ``next_before`` asks for the page after this one, wherever the conversations on this one have moved meanwhile.
    """

    conversations: list[InboxItem]
    page: int
    per_page: int
    has_more: bool
    next_before: str | None
    active_count: int
    team: list[Member]


class Thread(Answer):
    """A page of a conversation's messages, newest first; ``next_before`` asks for the page of older ones."""

    conversation_id: UUID
    messages: list[Message]
    next_before: str | None


class ConversationChange(Change):
    """What to change of a conversation; what is left out stays as it is.

    ``assigned_to`` null unassigns, ``unread_count`` 0 marks as read, ``tags`` are the names of all that it is to have.
    """

    status: Annotated[Status, Field(default_factory=str)]
    assigned_to: UUID | None = None
    domain: Annotated[DomainText, Field(default_factory=str)]
    metadata: Annotated[Metadata, Field(default_factory=dict)]
    unread_count: Annotated[Literal[0], Field(default_factory=int)]
    tags: Annotated[
        frozenset[TagName],
        Field(default_factory=frozenset, max_length=MAX_TAGS, json_schema_extra={"uniqueItems": False}),
    ]
