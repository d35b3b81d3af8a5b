"""The inbox, its threads, and messages in and out, step by step."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
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
from tailgate_service.store.sequential.acting import acting, tell
from tailgate_service.store.sequential.words import begun

_INBOX = """
SELECT c.* FROM conversations c WHERE {where}
ORDER BY c.last_message_at DESC, c.id DESC LIMIT ${size} OFFSET ${offset}"""
_SEARCH = (
    "EXISTS (SELECT FROM contacts k WHERE k.id = c.contact_id AND "
    + begun("concat_ws(' ', k.name, k.phone_digits, c.last_message_preview)", "{n}::text")
    + ")"
)
_COLUMNS = ("status", "assigned_to", "domain", "metadata", "unread_count")


class SequentialConversations:
    """See ``Conversations``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def inbox(self, who: Identity, query: InboxQuery) -> Document:
        """See ``Conversations``."""
        arguments: list[Any] = [who.workspace_id]
        where = filters.conversations(query, arguments, "$1", _SEARCH)
        page = _INBOX.format(where=where, size=len(arguments) + 1, offset=len(arguments) + 2)
        # Step by step, and yet of one moment: what is deleted between two steps is there to the last.
        async with acting(self._pool, who, "repeatable_read") as connection:
            rows = await connection.fetch(page, *arguments, query.per_page + 1, query.offset)
            contacts = await connection.fetch(
                "SELECT * FROM contacts WHERE id = ANY($1::uuid[])", [row["contact_id"] for row in rows]
            )
            links = await connection.fetch(
                "SELECT * FROM conversation_tags WHERE conversation_id = ANY($1::uuid[])",
                [row["id"] for row in rows],
            )
            tags = await connection.fetch(
                "SELECT * FROM tags WHERE workspace_id = $1 ORDER BY name, id", who.workspace_id
            )
            active = await connection.fetchval(
                "SELECT count(*) FROM conversations WHERE workspace_id = $1 AND status = ANY($2::text[])",
                who.workspace_id,
                ACTIVE,
            )
            team = await connection.fetch(
                "SELECT * FROM users WHERE workspace_id = $1 ORDER BY name, id", who.workspace_id
            )
        by_id = {contact["id"]: documents.pick(documents.CONTACT, contact) for contact in contacts}
        tag_ids = defaultdict(set)
        for link in links:
            tag_ids[link["conversation_id"]].add(link["tag_id"])
        conversations = [
            documents.pick(documents.CONVERSATION, row)
            | {
                "contact": by_id[row["contact_id"]],
                "tags": documents.picked(documents.TAG, (tag for tag in tags if tag["id"] in tag_ids[row["id"]])),
            }
            for row in rows
        ]
        return documents.inbox(
            conversations, query.page, query.per_page, active, documents.picked(documents.MEMBER, team)
        )

    async def thread(self, who: Identity, conversation_id: UUID, *, limit: int, before: Cursor | None) -> Document:
        """See ``Conversations``."""
        async with acting(self._pool, who) as connection:
            await _conversation(connection, who, conversation_id)
            if before is None:
                rows = await connection.fetch(
                    "SELECT * FROM messages WHERE conversation_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2",
                    conversation_id,
                    limit + 1,
                )
            else:
                rows = await connection.fetch(
                    "SELECT * FROM messages WHERE conversation_id = $1 AND (created_at, id) < ($3, $4)"
                    " ORDER BY created_at DESC, id DESC LIMIT $2",
                    conversation_id,
                    limit + 1,
                    before.at,
                    before.id,
                )
        return documents.thread(conversation_id, documents.picked(documents.MESSAGE, rows), limit)

    async def send(self, who: Identity, message: Outgoing) -> Document:
        """See ``Conversations``."""
        async with acting(self._pool, who) as connection:
            # Nobody deletes it until the message is stored.
            await _conversation(connection, who, message.conversation_id, "FOR KEY SHARE")
            if message.sender_id is not None:
                await _member(connection, who, message.sender_id, "sender_id")
            stored = await connection.fetchrow(
                "INSERT INTO messages (workspace_id, conversation_id, direction, body, sender_id, metadata, status)"
                " VALUES ($1, $2, 'out', $3, $4, $5, 'queued') RETURNING *",
                who.workspace_id,
                message.conversation_id,
                message.body,
                message.sender_id,
                message.metadata,
            )
            await _bring_forward(connection, message.conversation_id, message.body, stored["created_at"], unread=0)
        return documents.pick(documents.MESSAGE, stored)

    async def change(self, who: Identity, conversation_id: UUID, values: Mapping[str, Any]) -> Document:
        """See ``Conversations``."""
        async with acting(self._pool, who) as connection:
            conversation = dict(await _conversation(connection, who, conversation_id, "FOR UPDATE")) | dict(values)
            if values.get("assigned_to") is not None:
                await _member(connection, who, values["assigned_to"], "assigned_to")
            changed = await connection.fetchrow(
                "UPDATE conversations SET status = $2, assigned_to = $3, domain = $4, metadata = $5, unread_count = $6"
                " WHERE id = $1 RETURNING *",
                conversation_id,
                *(conversation[column] for column in _COLUMNS),
            )
            if "tags" in values:
                await _tag(connection, who, conversation_id, values["tags"])
            contact = await connection.fetchrow("SELECT * FROM contacts WHERE id = $1", changed["contact_id"])
            tags = await connection.fetch(
                "SELECT t.* FROM tags t JOIN conversation_tags ct ON ct.tag_id = t.id WHERE ct.conversation_id = $1"
                " ORDER BY t.name, t.id",
                conversation_id,
            )
        return documents.pick(documents.CONVERSATION, changed) | {
            "contact": documents.pick(documents.CONTACT, contact),
            "tags": documents.picked(documents.TAG, tags),
        }

    async def take_in(self, delivery: Delivery) -> Intake:
        """See ``Conversations``."""
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await _insert(connection, delivery)
        except DuplicateError:
            return "duplicate"
        return "accepted"


async def _insert(connection: Connection, delivery: Delivery) -> None:
    workspace_id = await connection.fetchval("SELECT workspace_by_number($1)", delivery.phone_number_id)
    if workspace_id is None:
        raise UnknownError("No workspace has that phone_number_id.")
    await tell(connection, Identity(workspace_id=workspace_id))
    # The update changes nothing but locks the row: intakes of one caller queue here, so that only one of them
    # can find no active conversation and open one.
    contact = await connection.fetchrow(
        "INSERT INTO contacts (workspace_id, name, phone) VALUES ($1, $2, $3)"
        " ON CONFLICT (workspace_id, phone_digits) DO UPDATE SET name = contacts.name RETURNING *",
        workspace_id,
        delivery.name or delivery.phone,
        delivery.phone,
    )
    conversation = await connection.fetchrow(
        "SELECT * FROM conversations WHERE contact_id = $1 AND status = ANY($2::text[])"
        " ORDER BY last_message_at DESC, id DESC LIMIT 1",
        contact["id"],
        ACTIVE,
    )
    if conversation is None:
        conversation = await connection.fetchrow(
            "INSERT INTO conversations (workspace_id, contact_id, last_message_at, metadata)"
            " VALUES ($1, $2, $3, $4) RETURNING *",
            workspace_id,
            contact["id"],
            delivery.sent_at,
            delivery.about,
        )
    message = await connection.fetchrow(
        "INSERT INTO messages"
        " (workspace_id, conversation_id, direction, body, provider_message_id, metadata, status, created_at)"
        " VALUES ($1, $2, 'in', $3, $4, $6, 'received', $5)"
        " ON CONFLICT (workspace_id, provider_message_id) DO NOTHING RETURNING *",
        workspace_id,
        conversation["id"],
        delivery.body,
        delivery.provider_message_id,
        delivery.sent_at,
        delivery.metadata,
    )
    if message is None:
        raise DuplicateError
    await _bring_forward(connection, conversation["id"], delivery.body, delivery.sent_at, unread=1)


async def _bring_forward(
    connection: Connection, conversation_id: UUID, body: str, at: datetime, *, unread: int
) -> None:
    """Show a message in the inbox, unless a newer one is shown already."""
    await connection.execute(
        "UPDATE conversations SET unread_count = unread_count + $4,"
        " last_message_at = greatest(last_message_at, $2),"
        " last_message_preview = CASE WHEN $2 >= last_message_at THEN $3 ELSE last_message_preview END"
        " WHERE id = $1",
        conversation_id,
        at,
        preview(body),
        unread,
    )


async def _conversation(connection: Connection, who: Identity, conversation_id: UUID, lock: str = "") -> Any:
    row = await connection.fetchrow(
        f"SELECT * FROM conversations WHERE id = $1 AND workspace_id = $2 {lock}", conversation_id, who.workspace_id
    )
    if row is None:
        raise UnknownError(documents.NO_CONVERSATION)
    return row


async def _member(connection: Connection, who: Identity, user_id: UUID, field: str) -> None:
    row = await connection.fetchrow(
        "SELECT * FROM users WHERE workspace_id = $1 AND id = $2", who.workspace_id, user_id
    )
    if row is None:
        raise UnfitError(field, NO_MEMBER)


async def _tag(connection: Connection, who: Identity, conversation_id: UUID, names: frozenset[str]) -> None:
    """Let a conversation have the tags of these names and no others."""
    tags = await connection.fetch(
        "SELECT * FROM tags WHERE workspace_id = $1 AND name = ANY($2::text[])", who.workspace_id, sorted(names)
    )
    if len(tags) < len(names):
        raise UnfitError("tags", NO_TAG)
    # What it has already is left: nobody is told of tags that are as they were.
    await connection.execute(
        "DELETE FROM conversation_tags WHERE conversation_id = $1 AND tag_id <> ALL($2::uuid[])",
        conversation_id,
        [tag["id"] for tag in tags],
    )
    for tag in tags:
        await connection.execute(
            "INSERT INTO conversation_tags (conversation_id, tag_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            conversation_id,
            tag["id"],
        )
