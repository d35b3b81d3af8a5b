"""The same statements over the schema before tuning and after it, as the service's own role sees them."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from tailgate_service.seed.config import SeedConfig
from tailgate_service.seed.workspace import EPOCH, NEWEST
from tailgate_service.template import Clone, clone

NOW = EPOCH + timedelta(microseconds=NEWEST)
"""The end of the seed's data."""
_LEAST = 0.02
"""Seconds that a statement is repeated for, so that the clock's grain and the machine's moods even out."""
TELL = "SELECT set_config('tailgate.workspace', $1, false), set_config('tailgate.user', '', false)"

_CONVERSATION = (
    "id, contact_id, status, assigned_to, channel, domain, metadata, unread_count, last_message_at,"
    " last_message_preview, created_at"
)
_MESSAGE = "id, conversation_id, direction, body, sender_id, provider_message_id, metadata, status, created_at"


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """A statement that leaves it to the policies which workspace's rows it sees.

    ``goal``: so many times as quick it must be after tuning.
    """

    name: str
    select: str
    table: str
    conditions: tuple[str, ...] = ()
    arguments: tuple[Any, ...] = ()
    rest: str = ""
    goal: float

    def sql(self, *, named: bool) -> str:
        """The statement; ``named``: with the workspace as a condition of its own, as its last argument."""
        last = (f"workspace_id = ${len(self.arguments) + 1}",) if named else ()
        conditions = " AND ".join((*self.conditions, *last))
        return f"SELECT {self.select} FROM {self.table} {'WHERE ' if conditions else ''}{conditions} {self.rest}"  # noqa: S608


QUERIES = (
    Query(
        name="100 conversations",
        select=_CONVERSATION,
        table="conversations",
        rest="ORDER BY last_message_at DESC, id DESC LIMIT 100",
        goal=50 / 15,
    ),
    Query(name="all conversations", select=_CONVERSATION, table="conversations", goal=800 / 200),
    Query(
        name="domain by day",
        select="(created_at AT TIME ZONE 'UTC')::date AS day, count(*)",
        table="conversations",
        conditions=("domain = $1", "created_at >= $2"),
        arguments=("sales", NOW - timedelta(days=30)),
        rest="GROUP BY 1 ORDER BY 1",
        goal=500 / 10,
    ),
    Query(
        name="by status",
        select=_CONVERSATION,
        table="conversations",
        conditions=("status = $1",),
        arguments=("open",),
        rest="ORDER BY last_message_at DESC, id DESC LIMIT 25",
        goal=300 / 5,
    ),
    Query(
        name="messages by hour",
        select="date_trunc('hour', created_at, 'UTC') AS hour, direction, count(*)",
        table="messages",
        conditions=("created_at >= $1",),
        arguments=(NOW - timedelta(days=7),),
        rest="GROUP BY 1, 2 ORDER BY 1, 2",
        goal=1500 / 20,
    ),
    Query(
        name="latest messages",
        select=_MESSAGE,
        table="messages",
        rest="ORDER BY created_at DESC, id DESC LIMIT 50",
        goal=200 / 2,
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """A query over both schemas: the rows that came, and the seconds it took in each of several rounds.

    ``whole``: the seed is as large as the goals are of.
    """

    query: Query
    named: bool
    whole: bool
    rows: tuple[int, int]
    before: tuple[float, ...]
    after: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """How many times as quick it is after tuning, by the medians of both."""
        return statistics.median(self.before) / statistics.median(self.after)

    @property
    def met(self) -> bool | None:
        """Whether it found the same number of rows, and is as much quicker as it must be.

        None: it is not, but among so few rows there is little to be quicker at.
        """
        if self.rows[0] != self.rows[1]:
            return False
        return self.ratio >= self.query.goal or (False if self.whole else None)


def compare(rounds: int, *, seed: SeedConfig | None = None, cache: Path | None = None) -> list[Compared]:
    """Each of ``QUERIES`` over clones of both schemas, the two by turns, first as it is and then naming the workspace.

    Raises what ``template.clone`` does.
    """
    config = seed or SeedConfig()
    with ExitStack() as running:
        sides = []
        for variant in ("sequential", "parallel"):
            sides.append(clone(variant, config, cache))
            running.enter_context(sides[-1].cluster)
        return asyncio.run(_compare(sides, rounds, whole=whole(config)))


def whole(seed: SeedConfig) -> bool:
    """Whether a seed is as large as the one that the goals are of."""
    goals = SeedConfig()
    return (
        seed.workspaces >= goals.workspaces
        and seed.conversations >= goals.conversations
        and seed.messages >= goals.messages
    )


async def _compare(sides: Sequence[Clone], rounds: int, *, whole: bool) -> list[Compared]:
    before, after = [await _connected(side) for side in sides]
    try:
        return [
            await _one(query, before, after, rounds, named=named, whole=whole)
            for named in (False, True)
            for query in QUERIES
        ]
    finally:
        await before.connection.close()
        await after.connection.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Side:
    connection: Any
    workspace: UUID


async def _connected(side: Clone) -> _Side:
    """A connection of the service's role that has told who asks, to a database that has been tidied up."""
    owner = await asyncpg.connect(side.cluster.dsn)  # type: ignore[no-untyped-call]
    try:
        # What autovacuum does in a while: what the migrations wrote is no longer new.
        await owner.execute("VACUUM (ANALYZE)")
        workspace = await owner.fetchval("SELECT id FROM workspaces ORDER BY id LIMIT 1")
    finally:
        await owner.close()
    connection = await asyncpg.connect(side.dsn)  # type: ignore[no-untyped-call]
    await connection.execute(TELL, str(workspace))
    return _Side(connection=connection, workspace=workspace)


async def _one(query: Query, before: _Side, after: _Side, rounds: int, *, named: bool, whole: bool) -> Compared:
    found: list[tuple[int, list[float]]] = [(0, []), (0, [])]
    statements = [await side.connection.prepare(query.sql(named=named)) for side in (before, after)]
    for _ in range(rounds):
        for number, (side, statement) in enumerate(zip((before, after), statements, strict=True)):
            arguments = (*query.arguments, side.workspace) if named else query.arguments
            rows, seconds = await _timed(statement, arguments)
            found[number] = rows, [*found[number][1], seconds]
    (rows_before, seconds_before), (rows_after, seconds_after) = found
    return Compared(
        query=query,
        named=named,
        whole=whole,
        rows=(rows_before, rows_after),
        before=tuple(seconds_before),
        after=tuple(seconds_after),
    )


async def _timed(statement: Any, arguments: Sequence[Any]) -> tuple[int, float]:
    """The number of rows, and the mean time of as many runs as fill the clock's grain."""
    began, runs = time.perf_counter(), 0
    while True:
        rows = await statement.fetch(*arguments)
        runs += 1
        spent = time.perf_counter() - began
        if spent >= _LEAST:
            return len(rows), spent / runs
