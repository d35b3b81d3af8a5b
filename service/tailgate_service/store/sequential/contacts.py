"""Callers, step by step."""

from tailgate_service.errors import UnknownError
from tailgate_service.identity import Identity
from tailgate_service.store import documents
from tailgate_service.store.base import CARD_MESSAGES, CARD_NOTES, Document
from tailgate_service.store.database import Pool
from tailgate_service.store.sequential.acting import acting


class SequentialContacts:
    """See ``Contacts``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def card(self, who: Identity, phone_digits: str) -> Document:
        """See ``Contacts``."""
        async with acting(self._pool, who) as connection:
            contact = await connection.fetchrow(
                "SELECT * FROM contacts WHERE workspace_id = $1 AND phone_digits = $2",
                who.workspace_id,
                phone_digits,
            )
            if contact is None:
                raise UnknownError("No contact of this workspace has that phone number.")
            notes = await connection.fetch(
                "SELECT * FROM notes WHERE contact_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2",
                contact["id"],
                CARD_NOTES,
            )
            conversation = await connection.fetchrow(
                "SELECT * FROM conversations WHERE contact_id = $1 ORDER BY last_message_at DESC, id DESC LIMIT 1",
                contact["id"],
            )
            messages = []
            if conversation is not None:
                messages = await connection.fetch(
                    "SELECT * FROM messages WHERE conversation_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2",
                    conversation["id"],
                    CARD_MESSAGES,
                )
        return {
            "contact": documents.pick(documents.CONTACT, contact),
            "notes": documents.picked(documents.NOTE, notes),
            "conversation": conversation and documents.pick(documents.CONVERSATION, conversation),
            "messages": documents.picked(documents.MESSAGE, messages),
        }
