"""Messages, by themselves."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from tailgate_service.fields import Metadata, VisibleText
from tailgate_service.models.base import Answer, Request


class Message(Answer):
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


class SendRequest(Request):
    """A message to send."""

    conversation_id: UUID
    body: VisibleText
    sender_id: UUID | None = None
    metadata: Metadata = Field(default={})
