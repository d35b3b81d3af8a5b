"""What live connections are told: the same JSON by WebSocket and by server-sent events."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, Json

from tailgate_service.models.base import Answer
from tailgate_service.models.contacts import Contact
from tailgate_service.models.conversations import InboxItem, Status
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


class ChangedConversation(Answer):
    """A conversation as the inbox shows it."""

    conversation: InboxItem


class ConversationEvent(Answer):
    """A conversation was changed, or read."""

    kind: Literal["conversation"]
    number: int
    at: datetime
    body: ChangedConversation


class ChangedContact(Answer):
    """A contact as it is now."""

    contact: Contact


class ContactEvent(Answer):
    """A contact was changed."""

    kind: Literal["contact"]
    number: int
    at: datetime
    body: ChangedContact


class ContactId(Answer):
    """A contact that is no more."""

    id: UUID


class DeletedContact(Answer):
    """Of a contact what is left."""

    contact: ContactId


class ContactDeletedEvent(Answer):
    """A contact was deleted, and with it its conversations."""

    kind: Literal["contact_deleted"]
    number: int
    at: datetime
    body: DeletedContact


class Nothing(Answer):
    """What is left of what was told."""


class ErasedEvent(Answer):
    """What happened here was about a contact that has been deleted since."""

    kind: Literal["erased"]
    number: int
    at: datetime
    body: Nothing


class Heartbeat(Answer):
    """Nothing happened after ``number``."""

    kind: Literal["heartbeat"]
    number: int


class Bye(Answer):
    """The last event of a stream that the service ends, with the code of a WebSocket's close."""

    kind: Literal["bye"]
    code: int
    reason: str


LiveMessage = Annotated[
    Hello | MessageEvent | ConversationEvent | ContactEvent | ContactDeletedEvent | ErasedEvent | Heartbeat | Bye,
    Field(discriminator="kind"),
]


class LiveEvent(Answer):
    """A server-sent event; ``id`` is after what to go on, and what says goodbye has none."""

    id: str = ""
    event: Literal["hello", "message", "conversation", "contact", "contact_deleted", "erased", "heartbeat", "bye"]
    data: Json[LiveMessage]
