"""The data layer after tuning: explicit columns, relations in one statement, independent ones at once."""

import asyncio
from typing import Any
from uuid import UUID

from tailgate_service.cursor import Cursor
from tailgate_service.errors import DuplicateError, UnknownError, UnknownSenderError
from tailgate_service.store import documents
from tailgate_service.store.base import (
    ACTIVE,
    CARD_MESSAGES,
    CARD_NOTES,
    Delivery,
    Document,
    InboxQuery,
    Intake,
    Workspace,
    preview,
)
from tailgate_service.store.database import Connection, Pool
from tailgate_service.store.filters import conditions

_WORKSPACE_BY_KEY = "SELECT id, api_key_sha256 FROM workspaces WHERE api_key_sha256 = $1"

_CARD = """
SELECT (k.id, k.name, k.phone, k.email, k.created_at, k.updated_at) AS contact,
       ARRAY(SELECT (n.id, n.author_id, n.body, n.created_at)
             FROM notes n WHERE n.contact_id = k.id ORDER BY n.created_at DESC, n.id DESC LIMIT $3) AS notes,
       c.document AS conversation,
       ARRAY(SELECT (m.id, m.conversation_id, m.direction, m.body, m.sender_id, m.provider_message_id,
                     m.status, m.created_at)
             FROM messages m WHERE m.conversation_id = c.id
             ORDER BY m.created_at DESC, m.id DESC LIMIT $4) AS messages
FROM contacts k
LEFT JOIN LATERAL (
    SELECT l.id, (l.id, l.contact_id, l.status, l.assigned_to, l.channel, l.unread_count, l.last_message_at,
                  l.last_message_preview, l.created_at) AS document
    FROM conversations l WHERE l.contact_id = k.id ORDER BY l.last_message_at DESC, l.id DESC LIMIT 1
) c ON true
WHERE k.workspace_id = $1 AND k.phone_digits = $2"""

# The page is cut before its relations are joined: rows that the offset skips cost none.
_INBOX = """
WITH page AS (
    SELECT c.id, c.contact_id, c.status, c.assigned_to, c.channel, c.unread_count, c.last_message_at,
           c.last_message_preview, c.created_at
    FROM conversations c WHERE {where}
    ORDER BY c.last_message_at DESC, c.id DESC LIMIT ${size} OFFSET ${offset}
)
SELECT p.id, p.contact_id, p.status, p.assigned_to, p.channel, p.unread_count, p.last_message_at,
       p.last_message_preview, p.created_at,
       k.id, k.name, k.phone, k.email, k.created_at, k.updated_at,
       ARRAY(SELECT ct.tag_id FROM conversation_tags ct WHERE ct.conversation_id = p.id) AS tag_ids
FROM page p JOIN contacts k ON k.id = p.contact_id
ORDER BY p.last_message_at DESC, p.id DESC"""

# Of a row of the inbox these are the conversation's own columns; its contact's follow.
_OWN = len(documents.CONVERSATION)

_WORKSPACE_SUMMARY = """
SELECT (SELECT count(*) FROM conversations WHERE workspace_id = $1 AND status = ANY($2::text[])) AS active,
       ARRAY(SELECT (id, name, email, role) FROM users WHERE workspace_id = $1 ORDER BY name, id) AS team,
       ARRAY(SELECT (id, name, color) FROM tags WHERE workspace_id = $1 ORDER BY name, id) AS tags"""

# No row: no such conversation. One row without a message: the thread is empty.
_THREAD = """
SELECT m.id, m.conversation_id, m.direction, m.body, m.sender_id, m.provider_message_id, m.status,
       m.created_at
FROM conversations c
LEFT JOIN LATERAL (
    SELECT id, conversation_id, direction, body, sender_id, provider_message_id, status, created_at
    FROM messages WHERE conversation_id = c.id {before}
    ORDER BY created_at DESC, id DESC LIMIT $3
) m ON true
WHERE c.id = $2 AND c.workspace_id = $1
ORDER BY m.created_at DESC, m.id DESC"""
_THREAD_START = _THREAD.format(before="")
_THREAD_BEFORE = _THREAD.format(before="AND (created_at, id) < ($4, $5)")

# No row: no such conversation. One row without a message: the sender is no member.
_SEND = """
WITH conversation AS (
    SELECT id FROM conversations WHERE id = $2 AND workspace_id = $1
), message AS (
    INSERT INTO messages (workspace_id, conversation_id, direction, body, sender_id, status)
    SELECT $1, id, 'out', $3::text, $4::uuid, 'queued' FROM conversation
    WHERE $4::uuid IS NULL OR EXISTS (SELECT FROM users WHERE id = $4 AND workspace_id = $1)
    RETURNING id, conversation_id, direction, body, sender_id, provider_message_id, status, created_at
), forward AS (
    UPDATE conversations c SET
        last_message_at = greatest(c.last_message_at, message.created_at),
        last_message_preview = CASE WHEN message.created_at >= c.last_message_at THEN $5
                                    ELSE c.last_message_preview END
    FROM message WHERE c.id = message.conversation_id
)
SELECT message.* FROM conversation LEFT JOIN message ON true"""

_RECIPIENT = """
SELECT w.id,
       EXISTS (SELECT FROM messages m WHERE m.workspace_id = w.id AND m.provider_message_id = $2) AS taken
FROM workspaces w WHERE w.phone_number_id = $1"""

# The update changes nothing but locks the row: intakes of one caller queue here, so that only one of them can
# find no active conversation and open one. The next statement looks for it with a snapshot of its own.
_CONTACT = """
INSERT INTO contacts (workspace_id, name, phone) VALUES ($1, $2, $3)
ON CONFLICT (workspace_id, phone_digits) DO UPDATE SET name = contacts.name RETURNING id"""

# A conversation opened here is not seen by the update beside it: it is opened as the update would leave it.
_INTAKE = """
WITH active AS (
    SELECT id FROM conversations WHERE contact_id = $2 AND status = ANY($7::text[])
    ORDER BY last_message_at DESC, id DESC LIMIT 1
), opened AS (
    INSERT INTO conversations (workspace_id, contact_id, unread_count, last_message_at, last_message_preview)
    SELECT $1, $2, 1, $5::timestamptz, $6::text WHERE NOT EXISTS (SELECT FROM active) RETURNING id
), message AS (
    INSERT INTO messages
        (workspace_id, conversation_id, direction, body, provider_message_id, status, created_at)
    SELECT $1, id, 'in', $4::text, $3::text, 'received', $5::timestamptz
    FROM (SELECT id FROM active UNION ALL SELECT id FROM opened) one
    ON CONFLICT (workspace_id, provider_message_id) DO NOTHING RETURNING conversation_id
), forward AS (
    UPDATE conversations c SET
        unread_count = c.unread_count + 1,
        last_message_at = greatest(c.last_message_at, $5),
        last_message_preview = CASE WHEN $5 >= c.last_message_at THEN $6 ELSE c.last_message_preview END
    FROM message WHERE c.id = message.conversation_id
)
SELECT conversation_id FROM message"""


class ParallelStore:
    """Works on the schema with its composite indexes; no answer waits longer than it must."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def ping(self) -> None:
        """See ``Store``."""
        await self._pool.fetchval("SELECT 1")

    async def workspace_by_key(self, key_sha256: bytes) -> Workspace | None:
        """See ``Store``."""
        row = await self._pool.fetchrow(_WORKSPACE_BY_KEY, key_sha256)
        return Workspace(id=row["id"], api_key_sha256=row["api_key_sha256"]) if row else None

    async def card(self, workspace_id: UUID, phone_digits: str) -> Document:
        """See ``Store``."""
        row = await self._pool.fetchrow(_CARD, workspace_id, phone_digits, CARD_NOTES, CARD_MESSAGES)
        if row is None:
            raise UnknownError("No contact of this workspace has that phone number.")
        return {
            "contact": documents.named(documents.CONTACT, row["contact"]),
            "notes": [documents.named(documents.NOTE, note) for note in row["notes"]],
            "conversation": row["conversation"] and documents.named(documents.CONVERSATION, row["conversation"]),
            "messages": [documents.named(documents.MESSAGE, message) for message in row["messages"]],
        }

    async def inbox(self, workspace_id: UUID, query: InboxQuery) -> Document:
        """See ``Store``."""
        arguments: list[Any] = [workspace_id]
        where = conditions(query, arguments)
        page = _INBOX.format(where=where, size=len(arguments) + 1, offset=len(arguments) + 2)
        rows, summary = await asyncio.gather(
            self._pool.fetch(page, *arguments, query.per_page + 1, query.offset),
            self._pool.fetchrow(_WORKSPACE_SUMMARY, workspace_id, ACTIVE),
        )
        tags = [documents.named(documents.TAG, tag) for tag in summary["tags"]]
        team = [documents.named(documents.MEMBER, member) for member in summary["team"]]
        conversations = [
            documents.named(documents.CONVERSATION, row[:_OWN])
            | {
                "contact": documents.named(documents.CONTACT, row[_OWN:-1]),
                "tags": [tag for tag in tags if tag["id"] in row["tag_ids"]],
            }
            for row in rows
        ]
        return documents.inbox(conversations, query.page, query.per_page, summary["active"], team)

    async def thread(self, workspace_id: UUID, conversation_id: UUID, *, limit: int, before: Cursor | None) -> Document:
        """See ``Store``."""
        if before is None:
            rows = await self._pool.fetch(_THREAD_START, workspace_id, conversation_id, limit + 1)
        else:
            rows = await self._pool.fetch(
                _THREAD_BEFORE, workspace_id, conversation_id, limit + 1, before.at, before.id
            )
        if not rows:
            raise UnknownError("This workspace has no such conversation.")
        messages = documents.picked(documents.MESSAGE, (row for row in rows if row["id"] is not None))
        return documents.thread(conversation_id, messages, limit)

    async def send(self, workspace_id: UUID, conversation_id: UUID, *, body: str, sender_id: UUID | None) -> Document:
        """See ``Store``."""
        row = await self._pool.fetchrow(_SEND, workspace_id, conversation_id, body, sender_id, preview(body))
        if row is None:
            raise UnknownError("This workspace has no such conversation.")
        if row["id"] is None:
            raise UnknownSenderError
        return documents.pick(documents.MESSAGE, row)

    async def take_in(self, delivery: Delivery) -> Intake:
        """See ``Store``. A retry, which is what most duplicates are, is answered by one statement."""
        async with self._pool.acquire() as connection:
            recipient = await connection.fetchrow(_RECIPIENT, delivery.phone_number_id, delivery.provider_message_id)
            if recipient is None:
                raise UnknownError("No workspace has that phone_number_id.")
            if recipient["taken"]:
                return "duplicate"
            try:
                async with connection.transaction():
                    await _insert(connection, recipient["id"], delivery)
            except DuplicateError:
                return "duplicate"
        return "accepted"


async def _insert(connection: Connection, workspace_id: UUID, delivery: Delivery) -> None:
    contact_id = await connection.fetchval(_CONTACT, workspace_id, delivery.name or delivery.phone, delivery.phone)
    taken = await connection.fetchval(
        _INTAKE,
        workspace_id,
        contact_id,
        delivery.provider_message_id,
        delivery.body,
        delivery.sent_at,
        preview(delivery.body),
        ACTIVE,
    )
    if taken is None:
        raise DuplicateError
