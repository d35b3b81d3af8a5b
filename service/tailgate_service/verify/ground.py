"""What every check stands on: a connection in a transaction, whoever asks, plans, and what a check finds."""

import asyncio
import json
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tailgate_service.migrations.files import ROLE

RUNS = 5
"""A time is the median of so many."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a check found. Times are seconds of the database: before the schema was tuned, and as it is."""

    name: str
    passed: bool
    detail: str
    evidence: tuple[str, ...] = ()
    before: float | None = None
    after: float | None = None


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A connection within a transaction, and the busiest workspace, which checks try things on."""

    connection: Any
    workspace: UUID
    contact: UUID
    phone_digits: str
    conversation: UUID


@asynccontextmanager
async def undone(connection: Any) -> AsyncIterator[None]:
    """What the block does to the database is undone at its end."""
    attempt = connection.transaction()
    await attempt.start()
    try:
        yield
    finally:
        await attempt.rollback()


@asynccontextmanager
async def asking(connection: Any, workspace: UUID | None) -> AsyncIterator[None]:
    """Within the block the connection is the service's role, and a workspace, or nobody, asks; it is undone."""
    async with undone(connection):
        await connection.execute(
            "SELECT set_config('tailgate.workspace', $1, true), set_config('tailgate.user', '', true)",
            "" if workspace is None else str(workspace),
        )
        await connection.execute(f"SET LOCAL ROLE {ROLE}")
        yield


class Explaining:
    """Stands for the service's pool: each statement is explained as it runs, and then answered."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._one_at_a_time = asyncio.Lock()
        self.seconds = 0.0
        self.plans: list[dict[str, Any]] = []

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        """All rows."""
        async with self._one_at_a_time:
            explained = await self._connection.fetchval(
                f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}", *arguments
            )
            [told] = json.loads(explained)
            self.seconds += (told["Planning Time"] + told["Execution Time"]) / 1e3
            self.plans.append(told["Plan"])
            return list(await self._connection.fetch(query, *arguments))

    async def fetchrow(self, query: str, *arguments: Any) -> Any:
        """The first row, or None."""
        rows = await self.fetch(query, *arguments)
        return rows[0] if rows else None


async def explained(
    connection: Any, workspace: UUID, ask: Callable[[Explaining], Awaitable[object]]
) -> tuple[float, list[dict[str, Any]]]:
    """The median time of what ``ask`` asks as a workspace, and the plans of its statements."""
    runs = []
    async with asking(connection, workspace):
        for _ in range(RUNS):
            pool = Explaining(connection)
            await ask(pool)
            runs.append(pool)
    return statistics.median(run.seconds for run in runs), runs[-1].plans


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each node of a plan."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def scans(plans: list[dict[str, Any]]) -> tuple[str, ...]:
    """How the tables are read, a line each."""
    lines = []
    for plan in plans:
        for node in nodes(plan):
            if "Relation Name" in node or "Index Name" in node:
                line = f"{node['Node Type']} {node.get('Relation Name', '')}".strip()
                index = f" by {node['Index Name']}" if "Index Name" in node else ""
                condition = node.get("Index Cond") or node.get("Filter") or ""
                lines.append(f"{line}{index}{': ' if condition else ''}{condition}")
    return tuple(dict.fromkeys(lines))
