"""Callers, in one statement."""

from tailgate_service.errors import UnknownError
from tailgate_service.identity import Identity
from tailgate_service.store import documents
from tailgate_service.store.base import CARD_MESSAGES, CARD_NOTES, Document
from tailgate_service.store.database import Pool
from tailgate_service.store.parallel.told import told, told_by

_CARD = told("""
SELECT (k.id, k.name, k.phone, k.email, k.created_at, k.updated_at) AS contact,
       ARRAY(SELECT (n.id, n.author_id, n.body, n.created_at)
             FROM notes n WHERE n.contact_id = k.id ORDER BY n.created_at DESC, n.id DESC LIMIT $4) AS notes,
       c.document AS conversation,
       ARRAY(SELECT (m.id, m.conversation_id, m.direction, m.body, m.sender_id, m.provider_message_id,
                     m.metadata, m.status, m.created_at)
             FROM messages m WHERE m.conversation_id = c.id
             ORDER BY m.created_at DESC, m.id DESC LIMIT $5) AS messages
FROM contacts k
LEFT JOIN LATERAL (
    SELECT l.id, (l.id, l.contact_id, l.status, l.assigned_to, l.channel, l.domain, l.metadata, l.unread_count,
                  l.last_message_at, l.last_message_preview, l.created_at) AS document
    FROM conversations l WHERE l.contact_id = k.id ORDER BY l.last_message_at DESC, l.id DESC LIMIT 1
) c ON true
WHERE k.workspace_id = me.workspace AND k.phone_digits = $3""")


class ParallelContacts:
    """See ``Contacts``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def card(self, who: Identity, phone_digits: str) -> Document:
        """See ``Contacts``."""
        row = await self._pool.fetchrow(_CARD, *told_by(who), phone_digits, CARD_NOTES, CARD_MESSAGES)
        if row is None:
            raise UnknownError("No contact of this workspace has that phone number.")
        return {
            "contact": documents.named(documents.CONTACT, row["contact"]),
            "notes": [documents.named(documents.NOTE, note) for note in row["notes"]],
            "conversation": row["conversation"] and documents.named(documents.CONVERSATION, row["conversation"]),
            "messages": [documents.named(documents.MESSAGE, message) for message in row["messages"]],
        }
