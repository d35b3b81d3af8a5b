"""The provider's webhook: who sent it, and what it says. No I/O.

The payload is version 2 of Kapso's ``whatsapp.message.received``: the message as WhatsApp's Cloud API writes
it, the conversation beside it, the receiving number's ``phone_number_id`` on top. What they say beyond that is kept as
metadata where it fits; what does not fit is let be, since a message is worth more than what stands beside it.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from tailgate_service import problems
from tailgate_service.fields import MessageText, Phone, SentAt, ShortText, fitting
from tailgate_service.store.base import Delivery

_PREFIX = "sha256="


class _Text(BaseModel):
    body: MessageText


class _MessageExtras(BaseModel):
    model_config = ConfigDict(extra="allow")

    direction: Literal["inbound"] = "inbound"
    content: MessageText | None = None


class _Message(BaseModel):
    id: ShortText
    timestamp: SentAt
    type: ShortText = "text"
    text: _Text | None = None
    context: Any = None
    kapso: _MessageExtras = _MessageExtras()


class _ConversationExtras(BaseModel):
    contact_name: ShortText | None = None


class _Conversation(BaseModel):
    phone_number: Phone
    metadata: Any = None
    kapso: _ConversationExtras = _ConversationExtras()


class Payload(BaseModel):
    """One incoming message."""

    message: _Message
    conversation: _Conversation
    phone_number_id: ShortText

    def delivery(self) -> Delivery:
        """The message to store. A message that is no text shows the provider's rendering, or its type."""
        message = self.message
        return Delivery(
            phone_number_id=self.phone_number_id,
            provider_message_id=message.id,
            phone=self.conversation.phone_number,
            name=self.conversation.kapso.contact_name,
            body=message.text.body if message.text else message.kapso.content or f"[{message.type}]",
            sent_at=message.timestamp,
            metadata=fitting(self._beside()),
            about=fitting(_entries(self.conversation.metadata)),
        )

    def _beside(self) -> dict[str, Any]:
        """What the payload says of the message: its type, which one it answers, and the provider's own words."""
        message = self.message
        answered = _entries(message.context).get("id")
        ours = {"type": message.type} | ({"reply_to": answered} if answered else {})
        return ours | {key: value for key, value in _entries(message.kapso.model_extra).items() if key not in ours}


def _entries(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def sign(secret: str, body: bytes) -> str:
    """The signature of ``body``: HMAC-SHA256 in hexadecimal, over the bytes as they travel."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def signed(secret: str, body: bytes, signature: str) -> bool:
    """Whether ``signature``, with or without ``sha256=`` before it, is that of ``body``; in constant time."""
    # Compared as bytes: as text, a signature that is not ASCII would raise.
    return hmac.compare_digest(sign(secret, body).encode(), signature.removeprefix(_PREFIX).lower().encode())


def read(body: bytes) -> Delivery:
    """The delivery in ``body``; raises ``Problem`` 422 naming each field at fault."""
    try:
        return Payload.model_validate_json(body).delivery()
    except ValidationError as error:
        raise problems.invalid(error.errors(include_url=False, include_input=False), "body") from error
