"""What live connections are told: the same JSON by WebSocket and by server-sent events."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, Json

from tailgate_service.models.base import Answer
from tailgate_service.models.conversations import Status
from tailgate_service.models.messages import Message


class Hello(Answer):
    """What follows ``after`` comes; up to ``last`` it has happened already. ``heartbeat`` s are the longest silence."""

    kind: Literal["hello"]
    after: int
    last: int
    heartbeat: float


class MovedConversation(Answer):
    """What a message changes of its conversation in the inbox."""

    id: UUID
    contact_id: UUID
    status: Status
    assigned_to: UUID | None
    unread_count: int
    last_message_at: datetime
    last_message_preview: str | None


class NewMessage(Answer):
    """A message, and its conversation as it is with it."""

    message: Message
    conversation: MovedConversation


class MessageEvent(Answer):
    """A message came in or is to go out; numbers have no gap."""

    kind: Literal["message"]
    number: int
    at: datetime
    body: NewMessage


class Heartbeat(Answer):
    """Nothing happened after ``number``."""

    kind: Literal["heartbeat"]
    number: int


class Bye(Answer):
    """The last event of a stream that the service ends, with the code of a WebSocket's close."""

    kind: Literal["bye"]
    code: int
    reason: str


LiveMessage = Annotated[Hello | MessageEvent | Heartbeat | Bye, Field(discriminator="kind")]


class LiveEvent(Answer):
    """A server-sent event; ``id`` is after what to go on, and what says goodbye has none."""

    id: str = ""
    event: Literal["hello", "message", "heartbeat", "bye"]
    data: Json[LiveMessage]
