"""Callers, step by step."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg

from tailgate_service.errors import TakenError, UnknownError
from tailgate_service.identity import Identity
from tailgate_service.store import documents, filters
from tailgate_service.store.base import CARD_MESSAGES, CARD_NOTES, PHONE_TAKEN, ContactQuery, Document
from tailgate_service.store.database import Connection, Pool
from tailgate_service.store.sequential.acting import acting
from tailgate_service.store.sequential.words import begun

_SEARCH = begun("(k.name || ' ' || k.phone_digits)", "{n}::text")
_COLUMNS = ("name", "phone", "email")


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

    async def page(self, who: Identity, query: ContactQuery) -> Document:
        """See ``Contacts``."""
        arguments: list[Any] = [who.workspace_id]
        where = filters.contacts(query, arguments, "$1", _SEARCH)
        async with acting(self._pool, who) as connection:
            rows = await connection.fetch(
                f"SELECT * FROM contacts k WHERE {where} ORDER BY created_at DESC, id DESC LIMIT ${len(arguments) + 1}",
                *arguments,
                query.limit + 1,
            )
        return documents.contacts(documents.picked(documents.CONTACT, rows), query.limit)

    async def contact(self, who: Identity, contact_id: UUID) -> Document:
        """See ``Contacts``."""
        async with acting(self._pool, who) as connection:
            return documents.pick(documents.CONTACT, await _contact(connection, who, contact_id))

    async def create(self, who: Identity, values: Mapping[str, Any]) -> Document:
        """See ``Contacts``."""
        async with acting(self._pool, who) as connection:
            made = await connection.fetchrow(
                "INSERT INTO contacts (workspace_id, name, phone, email) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT (workspace_id, phone_digits) DO NOTHING RETURNING *",
                who.workspace_id,
                *(values.get(column) for column in _COLUMNS),
            )
        if made is None:
            raise TakenError("phone", PHONE_TAKEN)
        return documents.pick(documents.CONTACT, made)

    async def update(self, who: Identity, contact_id: UUID, values: Mapping[str, Any]) -> Document:
        """See ``Contacts``."""
        async with acting(self._pool, who) as connection:
            contact = dict(await _contact(connection, who, contact_id, "FOR UPDATE")) | dict(values)
            try:
                changed = await connection.fetchrow(
                    "UPDATE contacts SET name = $2, phone = $3, email = $4, updated_at = now() WHERE id = $1"
                    " RETURNING *",
                    contact_id,
                    *(contact[column] for column in _COLUMNS),
                )
            except asyncpg.UniqueViolationError as error:
                raise TakenError("phone", PHONE_TAKEN) from error
        return documents.pick(documents.CONTACT, changed)

    async def delete(self, who: Identity, contact_id: UUID) -> None:
        """See ``Contacts``."""
        async with acting(self._pool, who) as connection:
            await _contact(connection, who, contact_id, "FOR UPDATE")
            await connection.execute("DELETE FROM contacts WHERE id = $1", contact_id)


async def _contact(connection: Connection, who: Identity, contact_id: UUID, lock: str = "") -> Any:
    row = await connection.fetchrow(
        f"SELECT * FROM contacts WHERE id = $1 AND workspace_id = $2 {lock}", contact_id, who.workspace_id
    )
    if row is None:
        raise UnknownError(documents.NO_CONTACT)
    return row
