"""The inbox from memory, filtered there; or in one statement that reads documents, as searches always are."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from orjson import Fragment

from tailgate_service.identity import Identity
from tailgate_service.store import documents, filters
from tailgate_service.store.base import ACTIVE, Delivery, Document, InboxQuery, Intake, Outgoing
from tailgate_service.store.database import Pool
from tailgate_service.store.parallel.conversations import ParallelConversations
from tailgate_service.store.parallel.told import told, told_by
from tailgate_service.store.readmodel.inbox import Inbox
from tailgate_service.store.readmodel.model import ReadModel
from tailgate_service.store.readmodel.notice import canonical

_SEARCH = "c.id IN (SELECT conversations_found({workspace}, {n}))"
_INBOX = """
SELECT ARRAY(
           SELECT (p.id, p.last_message_at, d.document::text) FROM (
               SELECT c.id, c.last_message_at FROM conversations c WHERE {where}
               ORDER BY c.last_message_at DESC, c.id DESC LIMIT ${size} OFFSET ${offset}
           ) p JOIN documents d ON d.workspace_id = me.workspace AND d.kind = 'item' AND d.key = p.id::text
           ORDER BY p.last_message_at DESC, p.id DESC) AS items,
       (SELECT count(*) FROM conversations c
        WHERE c.workspace_id = me.workspace AND c.status = ANY(${active}::text[])) AS active,
       (SELECT d.document::text FROM documents d WHERE d.workspace_id = me.workspace AND d.kind = 'team') AS team"""


class ReadModelConversations(ParallelConversations):
    """See ``Conversations``. What is no document is read, and everything is written, as ``parallel`` does."""

    def __init__(self, pool: Pool, model: ReadModel) -> None:
        super().__init__(pool)
        self.model = model

    async def inbox(self, who: Identity, query: InboxQuery) -> Document:
        """See ``Conversations``."""
        inbox = self.model.hot.inbox(who.workspace_id) if query.search is None else None
        if inbox is not None:
            self.model.metrics.read(hot=True)
            return _from_memory(inbox, query)
        self.model.metrics.read(hot=False)
        if query.search is None:
            self.model.want(who.workspace_id)
        arguments: list[Any] = [*told_by(who)]
        where = filters.conversations(query, arguments, "me.workspace", _SEARCH)
        size = len(arguments) + 1
        statement = told(_INBOX.format(where=where, size=size, offset=size + 1, active=size + 2))
        row = await self._pool.fetchrow(statement, *arguments, query.per_page + 1, query.offset, ACTIVE)
        items = [(at, id_, canonical(document)) for id_, at, document in row["items"]]
        return _page(items, query, row["active"], canonical(row["team"] or "[]"))

    async def send(self, who: Identity, message: Outgoing) -> Document:
        """See ``Conversations``."""
        async with self.model.writing() as pool:
            return await ParallelConversations(pool).send(who, message)

    async def change(self, who: Identity, conversation_id: UUID, values: Mapping[str, Any]) -> Document:
        """See ``Conversations``."""
        async with self.model.writing() as pool:
            return await ParallelConversations(pool).change(who, conversation_id, values)

    async def take_in(self, delivery: Delivery) -> Intake:
        """See ``Conversations``."""
        async with self.model.writing() as pool:
            intake = await ParallelConversations(pool).take_in(delivery)
            if intake == "duplicate":
                pool.nothing()
        if intake == "duplicate":
            # It is stored, by whomever; who is told so reads it here.
            await self.model.catch_up()
        return intake


def _from_memory(inbox: Inbox, query: InboxQuery) -> Document:
    items = [(item.at, item.id, item.body) for item in inbox.page(query)]
    return _page(items, query, inbox.active, inbox.team)


def _page(items: list[Any], query: InboxQuery, active: int, team: bytes) -> Document:
    places: list[Document] = [{"last_message_at": at, "id": UUID(str(id_))} for at, id_, _ in items]
    page = documents.inbox(places, query.page, query.per_page, active, [])
    bodies = [Fragment(body) for _, _, body in items[: query.per_page]]
    return page | {"conversations": bodies, "team": Fragment(team)}
