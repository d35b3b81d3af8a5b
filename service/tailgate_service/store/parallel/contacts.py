"""Callers, each answer in one statement."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg

from tailgate_service.errors import TakenError, UnknownError
from tailgate_service.identity import Identity
from tailgate_service.store import documents, filters
from tailgate_service.store.base import CARD_MESSAGES, CARD_NOTES, PHONE_TAKEN, ContactQuery, Document
from tailgate_service.store.database import Pool
from tailgate_service.store.parallel.told import ME, told, told_by

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

_PAGE = """
SELECT k.id, k.name, k.phone, k.email, k.created_at, k.updated_at FROM contacts k WHERE {where}
ORDER BY k.created_at DESC, k.id DESC LIMIT ${limit}"""
_SEARCH = "k.id IN (SELECT contacts_found({workspace}, {n}))"

_CONTACT = told("""
SELECT k.id, k.name, k.phone, k.email, k.created_at, k.updated_at
FROM contacts k WHERE k.id = $3 AND k.workspace_id = me.workspace""")

_CREATE = f"""
WITH {ME}
INSERT INTO contacts (workspace_id, name, phone, email) SELECT me.workspace, $3, $4, $5 FROM me
ON CONFLICT (workspace_id, phone_digits) DO NOTHING
RETURNING id, name, phone, email, created_at, updated_at"""

# What is changed is found first, when the database has been told, and then reached by its key.
_FOUND = f"""
WITH {ME}, found AS MATERIALIZED (
    SELECT k.id FROM me, LATERAL (
        SELECT id FROM contacts WHERE id = $3 AND workspace_id = me.workspace OFFSET 0
    ) k
)"""
_UPDATE = f"""{_FOUND}
UPDATE contacts SET name = CASE WHEN $4 THEN $5 ELSE name END, phone = CASE WHEN $6 THEN $7 ELSE phone END,
    email = CASE WHEN $8 THEN $9 ELSE email END, updated_at = now()
WHERE id = (SELECT id FROM found)
RETURNING id, name, phone, email, created_at, updated_at"""
_DELETE = f"""{_FOUND}
DELETE FROM contacts WHERE id = (SELECT id FROM found) RETURNING id"""


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

    async def page(self, who: Identity, query: ContactQuery) -> Document:
        """See ``Contacts``."""
        arguments: list[Any] = [*told_by(who)]
        where = filters.contacts(query, arguments, "me.workspace", _SEARCH)
        page = told(_PAGE.format(where=where, limit=len(arguments) + 1))
        rows = await self._pool.fetch(page, *arguments, query.limit + 1)
        return documents.contacts(documents.picked(documents.CONTACT, rows), query.limit)

    async def contact(self, who: Identity, contact_id: UUID) -> Document:
        """See ``Contacts``."""
        return _known(await self._pool.fetchrow(_CONTACT, *told_by(who), contact_id))

    async def create(self, who: Identity, values: Mapping[str, Any]) -> Document:
        """See ``Contacts``."""
        row = await self._pool.fetchrow(_CREATE, *told_by(who), values["name"], values["phone"], values.get("email"))
        if row is None:
            raise TakenError("phone", PHONE_TAKEN)
        return documents.pick(documents.CONTACT, row)

    async def update(self, who: Identity, contact_id: UUID, values: Mapping[str, Any]) -> Document:
        """See ``Contacts``."""
        changes = (each for column in ("name", "phone", "email") for each in (column in values, values.get(column)))
        try:
            row = await self._pool.fetchrow(_UPDATE, *told_by(who), contact_id, *changes)
        except asyncpg.UniqueViolationError as error:
            raise TakenError("phone", PHONE_TAKEN) from error
        return _known(row)

    async def delete(self, who: Identity, contact_id: UUID) -> None:
        """See ``Contacts``."""
        if await self._pool.fetchval(_DELETE, *told_by(who), contact_id) is None:
            raise UnknownError(documents.NO_CONTACT)


def _known(row: Any) -> Document:
    if row is None:
        raise UnknownError(documents.NO_CONTACT)
    return documents.pick(documents.CONTACT, row)
