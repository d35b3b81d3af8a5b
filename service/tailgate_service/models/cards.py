"""What is shown of a caller when a call comes in."""

from tailgate_service.models.base import Answer
from tailgate_service.models.contacts import Contact, Note
from tailgate_service.models.conversations import Conversation
from tailgate_service.models.messages import Message


class ContactCard(Answer):
    """All that is wanted when a call comes in: notes and messages newest first, the latest conversation."""

    contact: Contact
    notes: list[Note]
    conversation: Conversation | None
    messages: list[Message]
