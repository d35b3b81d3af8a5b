"""Callers: cards from memory, or in one statement that reads a document."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from tailgate_service.errors import UnknownError
from tailgate_service.identity import Identity
from tailgate_service.store.base import Document
from tailgate_service.store.database import Pool
from tailgate_service.store.parallel.contacts import ParallelContacts
from tailgate_service.store.parallel.told import told, told_by
from tailgate_service.store.readmodel.model import NUMBER, ReadModel
from tailgate_service.store.readmodel.notice import canonical

_CARD = told(f"""
SELECT (SELECT d.document::text FROM documents d
        WHERE d.workspace_id = me.workspace AND d.kind = 'card' AND d.key = $3) AS document,
       {NUMBER} AS number""")


class ReadModelContacts(ParallelContacts):
    """See ``Contacts``. What is no document is read, and everything is written, as ``parallel`` does."""

    def __init__(self, pool: Pool, model: ReadModel) -> None:
        super().__init__(pool)
        self.model = model

    async def card(self, who: Identity, phone_digits: str) -> bytes:  # type: ignore[override] # ready to be sent
        """See ``Contacts``."""
        card = self.model.hot.card(who.workspace_id, phone_digits)
        if card is not None:
            self.model.metrics.read(hot=True)
            return card
        self.model.metrics.read(hot=False)
        with self.model.hot.filling() as fill:
            row = await self._pool.fetchrow(_CARD, *told_by(who), phone_digits)
            if row["document"] is None:
                raise UnknownError("No contact of this workspace has that phone number.")
            card = canonical(row["document"])
            fill.card(who.workspace_id, phone_digits, row["number"], card)
        return card

    async def create(self, who: Identity, values: Mapping[str, Any]) -> Document:
        """See ``Contacts``."""
        async with self.model.writing() as pool:
            return await ParallelContacts(pool).create(who, values)

    async def update(self, who: Identity, contact_id: UUID, values: Mapping[str, Any]) -> Document:
        """See ``Contacts``."""
        async with self.model.writing() as pool:
            return await ParallelContacts(pool).update(who, contact_id, values)

    async def delete(self, who: Identity, contact_id: UUID) -> None:
        """See ``Contacts``."""
        async with self.model.writing() as pool:
            await ParallelContacts(pool).delete(who, contact_id)
