"""The inbox, its threads, and messages in and out: each answer in one round trip, or several at once."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from tailgate_service.cursor import Cursor
from tailgate_service.errors import DuplicateError, UnfitError, UnknownError
from tailgate_service.identity import Identity
from tailgate_service.store import documents, filters
from tailgate_service.store.base import (
    ACTIVE,
    NO_MEMBER,
    NO_TAG,
    Delivery,
    Document,
    InboxQuery,
    Intake,
    Outgoing,
    preview,
)
from tailgate_service.store.database import Connection, Pool
from tailgate_service.store.parallel.told import ME, told, told_by

# The page is cut before its relations are joined: rows that the offset skips cost none.
_INBOX = """
WITH page AS (
    SELECT c.id, c.contact_id, c.status, c.assigned_to, c.channel, c.domain, c.metadata, c.unread_count,
           c.last_message_at, c.last_message_preview, c.created_at
    FROM conversations c WHERE {where}
    ORDER BY c.last_message_at DESC, c.id DESC LIMIT ${size} OFFSET ${offset}
)
SELECT (p.id, p.contact_id, p.status, p.assigned_to, p.channel, p.domain, p.metadata, p.unread_count,
        p.last_message_at, p.last_message_preview, p.created_at) AS conversation,
       (k.id, k.name, k.phone, k.email, k.created_at, k.updated_at) AS contact,
       ARRAY(SELECT ct.tag_id FROM conversation_tags ct WHERE ct.conversation_id = p.id) AS tag_ids
FROM page p JOIN contacts k ON k.id = p.contact_id
ORDER BY p.last_message_at DESC, p.id DESC"""
_SEARCH = "c.id IN (SELECT conversations_found({workspace}, {n}))"

_WORKSPACE_SUMMARY = told("""
SELECT (SELECT count(*) FROM conversations WHERE workspace_id = me.workspace AND status = ANY($3::text[])) AS active,
       ARRAY(SELECT (id, name, email, role) FROM users WHERE workspace_id = me.workspace ORDER BY name, id) AS team,
       ARRAY(SELECT (id, name, color) FROM tags WHERE workspace_id = me.workspace ORDER BY name, id) AS tags""")

# No row: no such conversation. One row without a message: the thread is empty.
_THREAD = """
SELECT m.id, m.conversation_id, m.direction, m.body, m.sender_id, m.provider_message_id, m.metadata,
       m.status, m.created_at
FROM conversations c
LEFT JOIN LATERAL (
    SELECT id, conversation_id, direction, body, sender_id, provider_message_id, metadata, status, created_at
    FROM messages WHERE conversation_id = c.id {before}
    ORDER BY created_at DESC, id DESC LIMIT $4
) m ON true
WHERE c.id = $3 AND c.workspace_id = me.workspace
ORDER BY m.created_at DESC, m.id DESC"""
_THREAD_START = told(_THREAD.format(before=""))
_THREAD_BEFORE = told(_THREAD.format(before="AND (created_at, id) < ($5, $6)"))

# No row: no such conversation. One row without a message: the sender is no member.
_SEND = f"""
WITH {ME}, conversation AS (
    SELECT c.id, c.sent FROM me, LATERAL (
        SELECT id, $5::uuid IS NULL OR EXISTS (SELECT FROM users WHERE id = $5 AND workspace_id = me.workspace) AS sent
        FROM conversations WHERE id = $3 AND workspace_id = me.workspace OFFSET 0
    ) c
), message AS (
    INSERT INTO messages (workspace_id, conversation_id, direction, body, sender_id, metadata, status)
    SELECT $1::uuid, id, 'out', $4::text, $5::uuid, $7::jsonb, 'queued' FROM conversation WHERE sent
    RETURNING id, conversation_id, direction, body, sender_id, provider_message_id, metadata, status, created_at
), forward AS (
    UPDATE conversations c SET
        last_message_at = greatest(c.last_message_at, message.created_at),
        last_message_preview = CASE WHEN message.created_at >= c.last_message_at THEN $6
                                    ELSE c.last_message_preview END
    FROM message WHERE c.id = message.conversation_id
)
SELECT message.* FROM conversation LEFT JOIN message ON true"""

# No row: no such conversation. One row without a conversation: the assignee is no member, a tag is none, or it is gone.
# Written, and so locked, before tags are: the next statement sees those of whoever changed them just before.
_CHANGE = f"""
WITH {ME}, found AS MATERIALIZED (
    SELECT f.id, f.assignable, f.tagged FROM me, LATERAL (
        SELECT c.id,
               $6::uuid IS NULL OR EXISTS (SELECT FROM users u WHERE u.id = $6 AND u.workspace_id = me.workspace)
                   AS assignable,
               (SELECT count(*) FROM tags t WHERE t.workspace_id = me.workspace AND t.name = ANY($10::text[]))
                   = cardinality($10::text[]) AS tagged
        FROM conversations c WHERE c.id = $3 AND c.workspace_id = me.workspace OFFSET 0
    ) f
), changed AS (
    UPDATE conversations c SET
        status = coalesce($4, c.status), assigned_to = CASE WHEN $5 THEN $6::uuid ELSE c.assigned_to END,
        domain = coalesce($7, c.domain), metadata = coalesce($8::jsonb, c.metadata),
        unread_count = coalesce($9::integer, c.unread_count)
    WHERE c.id = (SELECT id FROM found WHERE assignable AND tagged)
    RETURNING c.id, c.contact_id, c.status, c.assigned_to, c.channel, c.domain, c.metadata, c.unread_count,
              c.last_message_at, c.last_message_preview, c.created_at
)
SELECT found.assignable, found.tagged, h.id, h.contact_id, h.status, h.assigned_to, h.channel, h.domain, h.metadata,
       h.unread_count, h.last_message_at, h.last_message_preview, h.created_at
FROM found LEFT JOIN changed h ON true"""

# Which tags it has after this statement, which itself still sees those of before.
_TAG = """
WITH given AS (
    SELECT t.id, t.name, t.color FROM tags t WHERE t.workspace_id = $3 AND t.name = ANY($4::text[])
), removed AS (
    DELETE FROM conversation_tags WHERE conversation_id = $1 AND $4::text[] IS NOT NULL
        AND tag_id NOT IN (SELECT id FROM given)
), added AS (
    INSERT INTO conversation_tags (conversation_id, tag_id) SELECT $1, id FROM given ON CONFLICT DO NOTHING
)
SELECT (k.id, k.name, k.phone, k.email, k.created_at, k.updated_at) AS contact,
       ARRAY(SELECT (t.id, t.name, t.color) FROM tags t
             WHERE t.id IN (SELECT id FROM given) OR ($4::text[] IS NULL AND t.id IN (
                 SELECT ct.tag_id FROM conversation_tags ct WHERE ct.conversation_id = $1))
             ORDER BY t.name, t.id) AS tags
FROM contacts k WHERE k.id = $2"""

# Who is written to is found by the number, and is who asks from then on.
_RECIPIENT = """
WITH me AS MATERIALIZED (
    SELECT found.workspace, set_config('tailgate.workspace', found.workspace::text, true) AS told,
           set_config('tailgate.user', '', true) AS member
    FROM (SELECT workspace_by_number($1) AS workspace) found
)
SELECT me.workspace, taken.taken FROM me, LATERAL (
    SELECT EXISTS (
        SELECT FROM messages m WHERE m.workspace_id = me.workspace AND m.provider_message_id = $2
    ) AS taken OFFSET 0
) taken"""

# The update changes nothing but locks the row: intakes of one caller queue here, so that only one of them can
# find no active conversation and open one. The next statement looks for it with a snapshot of its own.
_CONTACT = f"""
WITH {ME}
INSERT INTO contacts (workspace_id, name, phone) SELECT me.workspace, $3, $4 FROM me
ON CONFLICT (workspace_id, phone_digits) DO UPDATE SET name = contacts.name RETURNING id"""

# A conversation opened here is not seen by the update beside it: it is opened as the update would leave it.
_INTAKE = """
WITH active AS (
    SELECT id FROM conversations WHERE contact_id = $2 AND status = ANY($7::text[])
    ORDER BY last_message_at DESC, id DESC LIMIT 1
), opened AS (
    INSERT INTO conversations (workspace_id, contact_id, unread_count, last_message_at, last_message_preview, metadata)
    SELECT $1, $2, 1, $5::timestamptz, $6::text, $9::jsonb WHERE NOT EXISTS (SELECT FROM active) RETURNING id
), message AS (
    INSERT INTO messages
        (workspace_id, conversation_id, direction, body, provider_message_id, metadata, status, created_at)
    SELECT $1, id, 'in', $4::text, $3::text, $8::jsonb, 'received', $5::timestamptz
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


class ParallelConversations:
    """See ``Conversations``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def inbox(self, who: Identity, query: InboxQuery) -> Document:
        """See ``Conversations``."""
        arguments: list[Any] = [*told_by(who)]
        where = filters.conversations(query, arguments, "me.workspace", _SEARCH)
        page = told(_INBOX.format(where=where, size=len(arguments) + 1, offset=len(arguments) + 2))
        rows, summary = await asyncio.gather(
            self._pool.fetch(page, *arguments, query.per_page + 1, query.offset),
            self._pool.fetchrow(_WORKSPACE_SUMMARY, *told_by(who), ACTIVE),
        )
        tags = [documents.named(documents.TAG, tag) for tag in summary["tags"]]
        team = [documents.named(documents.MEMBER, member) for member in summary["team"]]
        conversations = [
            documents.named(documents.CONVERSATION, row["conversation"])
            | {
                "contact": documents.named(documents.CONTACT, row["contact"]),
                "tags": [tag for tag in tags if tag["id"] in row["tag_ids"]],
            }
            for row in rows
        ]
        return documents.inbox(conversations, query.page, query.per_page, summary["active"], team)

    async def thread(self, who: Identity, conversation_id: UUID, *, limit: int, before: Cursor | None) -> Document:
        """See ``Conversations``."""
        if before is None:
            rows = await self._pool.fetch(_THREAD_START, *told_by(who), conversation_id, limit + 1)
        else:
            rows = await self._pool.fetch(
                _THREAD_BEFORE, *told_by(who), conversation_id, limit + 1, before.at, before.id
            )
        if not rows:
            raise UnknownError(documents.NO_CONVERSATION)
        messages = documents.picked(documents.MESSAGE, (row for row in rows if row["id"] is not None))
        return documents.thread(conversation_id, messages, limit)

    async def send(self, who: Identity, message: Outgoing) -> Document:
        """See ``Conversations``."""
        row = await self._pool.fetchrow(
            _SEND,
            *told_by(who),
            message.conversation_id,
            message.body,
            message.sender_id,
            preview(message.body),
            message.metadata,
        )
        if row is None:
            raise UnknownError(documents.NO_CONVERSATION)
        if row["id"] is None:
            raise UnfitError("sender_id", NO_MEMBER)
        return documents.pick(documents.MESSAGE, row)

    async def change(self, who: Identity, conversation_id: UUID, values: Mapping[str, Any]) -> Document:
        """See ``Conversations``."""
        tags = sorted(values["tags"]) if "tags" in values else None
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(
                _CHANGE,
                *told_by(who),
                conversation_id,
                values.get("status"),
                "assigned_to" in values,
                values.get("assigned_to"),
                values.get("domain"),
                values.get("metadata"),
                values.get("unread_count"),
                tags or [],
            )
            if row is None:
                raise UnknownError(documents.NO_CONVERSATION)
            if not row["assignable"]:
                raise UnfitError("assigned_to", NO_MEMBER)
            if not row["tagged"]:
                raise UnfitError("tags", NO_TAG)
            if row["id"] is None:
                # Deleted since it was found.
                raise UnknownError(documents.NO_CONVERSATION)
            beside = await connection.fetchrow(_TAG, conversation_id, row["contact_id"], who.workspace_id, tags)
        return documents.pick(documents.CONVERSATION, row) | {
            "contact": documents.named(documents.CONTACT, beside["contact"]),
            "tags": [documents.named(documents.TAG, tag) for tag in beside["tags"]],
        }

    async def take_in(self, delivery: Delivery) -> Intake:
        """See ``Conversations``. A retry, which is what most duplicates are, is answered by one statement."""
        async with self._pool.acquire() as connection:
            recipient = await connection.fetchrow(_RECIPIENT, delivery.phone_number_id, delivery.provider_message_id)
            if recipient["workspace"] is None:
                raise UnknownError("No workspace has that phone_number_id.")
            if recipient["taken"]:
                return "duplicate"
            try:
                async with connection.transaction():
                    await _insert(connection, recipient["workspace"], delivery)
            except DuplicateError:
                return "duplicate"
        return "accepted"


async def _insert(connection: Connection, workspace_id: UUID, delivery: Delivery) -> None:
    contact_id = await connection.fetchval(
        _CONTACT,
        *told_by(Identity(workspace_id=workspace_id)),
        delivery.name or delivery.phone,
        delivery.phone,
    )
    taken = await connection.fetchval(
        _INTAKE,
        workspace_id,
        contact_id,
        delivery.provider_message_id,
        delivery.body,
        delivery.sent_at,
        preview(delivery.body),
        ACTIVE,
        delivery.metadata,
        delivery.about,
    )
    if taken is None:
        raise DuplicateError
