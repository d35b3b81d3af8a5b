"""Makes the documents of what was written before there were any, and compares each with what it is made of."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from tailgate_service.errors import MigrationError

# Documents that are compared by one statement, which has one snapshot of them and of the tables.
_PAGE_SIZE = 500
_FIRST = UUID(int=0), "", ""

_COMPARE = """
SELECT d.workspace_id, d.kind, d.key,
       made.document IS NOT NULL AND made.document::text = d.document::text AND made.recent = d.recent AS same
FROM (
    SELECT * FROM documents WHERE (workspace_id, kind, key) > ($1, $2, $3) ORDER BY workspace_id, kind, key LIMIT $4
) d CROSS JOIN LATERAL document_of(d.workspace_id, d.kind, d.key) made
ORDER BY d.workspace_id, d.kind, d.key"""
# What is stale is made anew when the transaction commits, as after a write.
_MEND = """
INSERT INTO stale_documents (workspace_id, kind, key) SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[])"""


@dataclass(frozen=True, kw_only=True)
class Backfilled:
    """How many documents were ``made``, how many compared with the tables, and how many of those ``mended``."""

    made: int
    compared: int
    mended: int


async def backfill(dsn: str) -> Backfilled:
    """Make every document that is missing, and mend every one that is not as it should be.

    It goes by small transactions while others write, and broken off, it goes on where it was. Raises ``MigrationError``
    when the schema has no documents yet.
    """
    connection: Any = await asyncpg.connect(dsn)  # type: ignore[no-untyped-call]
    try:
        if await connection.fetchval("SELECT to_regclass('documents') IS NULL"):
            raise MigrationError("the schema has no documents yet: bring it there with `tailgate db migrate`")
        before = await connection.fetchval("SELECT count(*) FROM documents")
        await connection.execute("CALL fill_documents()")
        made = await connection.fetchval("SELECT count(*) FROM documents") - before
        compared, mended = await _compare(connection)
    finally:
        await connection.close()
    return Backfilled(made=max(made, 0), compared=compared, mended=mended)


async def _compare(connection: Any) -> tuple[int, int]:
    compared = mended = 0
    place: tuple[UUID, str, str] = _FIRST
    while rows := await connection.fetch(_COMPARE, *place, _PAGE_SIZE):
        if wrong := [(row["workspace_id"], row["kind"], row["key"]) for row in rows if not row["same"]]:
            await connection.execute(_MEND, *zip(*wrong, strict=True))
        compared, mended = compared + len(rows), mended + len(wrong)
        place = rows[-1]["workspace_id"], rows[-1]["kind"], rows[-1]["key"]
    return compared, mended
