"""Each hot query uses its index: the service's own statements, explained as they run under its role."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from tailgate_service.identity import Identity
from tailgate_service.store.base import InboxQuery
from tailgate_service.store.database import Pool
from tailgate_service.store.parallel.contacts import ParallelContacts
from tailgate_service.store.parallel.conversations import ParallelConversations
from tailgate_service.verify import before
from tailgate_service.verify.ground import Explaining, Finding, Ground, explained, nodes, scans, undone


@dataclass(frozen=True, kw_only=True)
class Hot:
    """A query, and the columns that lead the index it needs."""

    name: str
    table: str
    columns: tuple[str, ...]
    ask: Callable[[Ground, Pool], Awaitable[object]]


def _who(ground: Ground) -> Identity:
    return Identity(workspace_id=ground.workspace)


HOT = (
    Hot(
        name="a caller is found by workspace and number",
        table="contacts",
        columns=("workspace_id", "phone_digits"),
        ask=lambda ground, pool: ParallelContacts(pool).card(_who(ground), ground.phone_digits),
    ),
    Hot(
        name="the inbox is read in its order",
        table="conversations",
        columns=("workspace_id", "last_message_at"),
        ask=lambda ground, pool: ParallelConversations(pool).inbox(_who(ground), InboxQuery()),
    ),
    Hot(
        name="a thread is read in its order",
        table="messages",
        columns=("conversation_id", "created_at"),
        ask=lambda ground, pool: ParallelConversations(pool).thread(
            _who(ground), ground.conversation, limit=50, before=None
        ),
    ),
)

_LEADING = """
SELECT relname AS index, indrelid::regclass::text AS table,
       ARRAY(SELECT pg_get_indexdef(indexrelid, n, false) FROM generate_series(1, indnkeyatts) n ORDER BY n) AS columns
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indisvalid AND relname = ANY($1::text[])
"""


async def check(ground: Ground) -> Sequence[Finding]:
    """A finding for each hot query, the first three of requirement A6."""
    untuned: dict[str, float] = {}
    async with undone(ground.connection):
        if await before.restore(ground.connection):
            for hot in HOT:
                untuned[hot.name], _ = await _explained(ground, hot)
    return [await _one(ground, hot, untuned.get(hot.name)) for hot in HOT]


async def _one(ground: Ground, hot: Hot, untuned: float | None) -> Finding:
    seconds, plans = await _explained(ground, hot)
    used = {node["Index Name"] for plan in plans for node in nodes(plan) if "Index Name" in node}
    rows = await ground.connection.fetch(_LEADING, list(used))
    fitting = [
        row["index"]
        for row in rows
        if row["table"] == hot.table and tuple(row["columns"][: len(hot.columns)]) == hot.columns
    ]
    wanted = f"{hot.table} ({', '.join(hot.columns)})"
    return Finding(
        name=hot.name,
        passed=bool(fitting),
        detail=f"by {', '.join(fitting)}" if fitting else f"no index on {wanted} is used: migrate, or ANALYZE",
        evidence=scans(plans),
        before=untuned,
        after=seconds,
    )


async def _explained(ground: Ground, hot: Hot) -> tuple[float, list[dict[str, Any]]]:
    def ask(pool: Explaining) -> Awaitable[object]:
        return hot.ask(ground, cast("Pool", pool))

    return await explained(ground.connection, ground.workspace, ask)
