"""Row-level security: asked once for each statement, and nobody gets past it."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from tailgate_service.migrations.files import ROLE
from tailgate_service.verify.ground import RUNS, Finding, Ground, asking, undone

ROWS = 1000
MOST_ASKED = 3
"""Times a policy may ask for one statement: it may name its question more than once."""

_POLICIES = """
SELECT c.relname AS table, p.polname AS name, p.polcmd AS command,
       pg_get_expr(p.polqual, p.polrelid) AS qual, pg_get_expr(p.polwithcheck, p.polrelid) AS checked,
       ARRAY(SELECT refobjid FROM pg_depend WHERE classid = 'pg_policy'::regclass AND objid = p.oid
             AND refclassid = 'pg_proc'::regclass) AS functions,
       (SELECT attname FROM pg_attribute a WHERE a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped
        ORDER BY attnum DESC LIMIT 1) AS last_column
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1, 2
"""
_ASKED = "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_xact_user_functions WHERE funcid = ANY($1::oid[])"
# How a row's workspace is known, where it has no workspace_id of its own, and how policies asked for it before.
_OF_WORKSPACE = {
    "workspaces": "id = $1",
    "conversation_tags": "tag_id IN (SELECT id FROM public.tags WHERE workspace_id = $1)",
}
_PER_ROW = {
    "workspaces": "may_see(id)",
    "conversation_tags": "may_see(workspace_of(conversation_id))",
    "messages": "may_see(workspace_of(conversation_id))",
}
_FOR = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "*": "ALL"}
_GUARDED = ("conversations", "messages")


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One policy of one table, for one command."""

    table: str
    name: str
    command: str
    expression: str
    functions: tuple[int, ...]
    last_column: str

    @property
    def statement(self) -> str:
        """What the policy alone is asked for: nothing of the row is read, for which another policy would be asked."""
        return {
            "INSERT": "INSERT INTO pg_temp.tried SELECT * FROM pg_temp.given",
            "UPDATE": f"UPDATE pg_temp.tried SET {self.last_column} = NULL",  # noqa: S608 - the catalogue's name
            "DELETE": "DELETE FROM pg_temp.tried",
        }.get(self.command, "SELECT * FROM pg_temp.tried")


async def policies(connection: Any) -> Sequence[Policy]:
    """All of them."""
    return [
        Policy(
            table=row["table"],
            name=row["name"],
            command=_FOR[row["command"].decode()],
            expression=row["qual"] or row["checked"],
            functions=tuple(row["functions"]),
            last_column=row["last_column"],
        )
        for row in await connection.fetch(_POLICIES)
    ]


async def asked_once(ground: Ground) -> Finding:
    """Each policy asks who may see what as often for a thousand rows as for one (requirement B1)."""
    lines, wrong, before, after = [], [], 0.0, 0.0
    for policy in await policies(ground.connection):
        asked, seconds, plan = await _tried(ground, policy, policy.expression)
        per_row = _PER_ROW.get(policy.table, "may_see(workspace_id)")
        _, slow, _ = await _tried(ground, policy, per_row)
        before, after = before + slow, after + seconds
        label = f"{policy.table}.{policy.name}"
        once = 0 < asked <= MOST_ASKED
        lines.append(
            f"{label} {policy.command}: asked {asked} time(s) for {ROWS} rows, {'InitPlan' if plan else 'per row'}, "
            f"{slow * 1e3:.2f} -> {seconds * 1e3:.2f} ms"
        )
        if not once:
            wrong.append(f"{label} ({asked})")
    detail = f"{len(lines)} policies" if not wrong else f"asked for each row, or not at all: {', '.join(wrong)}"
    return Finding(
        name="each policy is asked once a statement",
        passed=bool(lines) and not wrong,
        detail=detail,
        evidence=tuple(lines),
        before=before,
        after=after,
    )


async def _tried(ground: Ground, policy: Policy, expression: str) -> tuple[int, float, bool]:
    """How often a policy asked for a statement over many rows, the time that took, and whether ahead of the rows."""
    connection, times = ground.connection, []
    async with undone(connection):
        await connection.execute("SET LOCAL track_functions = 'all'")
        await _copy(ground, policy, expression, ROWS)
        async with asking(connection, ground.workspace):
            plan = await connection.fetch(f"EXPLAIN (COSTS OFF) {policy.statement}")
            asked = -await connection.fetchval(_ASKED, policy.functions)
            await connection.execute(policy.statement)
            asked += await connection.fetchval(_ASKED, policy.functions)
        for _ in range(RUNS):
            async with asking(connection, ground.workspace):
                began = time.perf_counter()
                await connection.execute(f"EXPLAIN ANALYZE {policy.statement}")
                times.append(time.perf_counter() - began)
    return asked, statistics.median(times), any("InitPlan" in line[0] for line in plan)


async def _copy(ground: Ground, policy: Policy, expression: str, rows: int) -> None:
    """A copy of a row of the policy's table, so many times, with that policy and no other."""
    connection, table = ground.connection, policy.table
    where = _OF_WORKSPACE.get(table, "workspace_id = $1").replace("$1", f"'{ground.workspace}'::uuid")
    await connection.execute(
        f"CREATE TEMP TABLE given AS SELECT one.* FROM generate_series(1, {rows})"  # noqa: S608 - the catalogue's names
        f" LEFT JOIN (SELECT * FROM public.{table} WHERE {where} LIMIT 1) one ON true"
    )
    await connection.execute("CREATE TEMP TABLE tried AS TABLE pg_temp.given")
    await connection.execute("ALTER TABLE pg_temp.tried ENABLE ROW LEVEL SECURITY")
    clause = "WITH CHECK" if policy.command == "INSERT" else "USING"
    await connection.execute(f"CREATE POLICY tried ON pg_temp.tried FOR {policy.command} {clause} ({expression})")
    await connection.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON pg_temp.tried, pg_temp.given TO {ROLE}")


async def keep_out(ground: Ground) -> Finding:
    """The policies of conversations and messages, one for each command, each tried from outside (requirement B2)."""
    found = {
        (policy.table, policy.command): policy
        for policy in await policies(ground.connection)
        if policy.table in _GUARDED
    }
    lines, wrong = [], []
    for table in _GUARDED:
        for command in ("SELECT", "INSERT", "UPDATE", "DELETE"):
            policy = found.get((table, command))
            said = "there is none" if policy is None else await _let_in(ground, policy)
            lines.append(f"{table} {command}: {said or 'its own workspace, and no other'}")
            if said is not None:
                wrong.append(f"{table} {command}: {said}")
    wrong += await _real(ground)
    return Finding(
        name="8 policies on conversations and messages keep others out",
        passed=not wrong,
        detail="; ".join(wrong) or "each tried by itself and on the tables, by another workspace and by nobody",
        evidence=tuple(lines),
    )


async def _let_in(ground: Ground, policy: Policy) -> str | None:
    """Whom a policy lets in that it should not, or keeps out that belongs in."""
    async with undone(ground.connection):
        await _copy(ground, policy, policy.expression, 1)
        for whom, workspace in (("another workspace", uuid4()), ("nobody", None)):
            if await _reached(ground.connection, policy.statement, workspace):
                return f"{whom} is let in"
        if not await _reached(ground.connection, policy.statement, ground.workspace):
            return "its own workspace is kept out"
    return None


async def _real(ground: Ground) -> list[str]:
    """What another workspace, or nobody, reaches of the tables themselves."""
    new = {
        "conversations": f"(workspace_id, contact_id) VALUES ('{ground.workspace}', '{ground.contact}')",
        "messages": "(workspace_id, conversation_id, direction, body, status)"
        f" VALUES ('{ground.workspace}', '{ground.conversation}', 'out', 'x', 'queued')",
    }
    wrong = []
    for table, own in (("conversations", "id"), ("messages", "conversation_id")):
        where = f"WHERE {own} = '{ground.conversation}'"
        for statement in (
            f"SELECT id FROM public.{table} {where}",  # noqa: S608 - names of ours, ids of the database
            f"UPDATE public.{table} SET metadata = metadata {where}",  # noqa: S608
            f"DELETE FROM public.{table} {where}",  # noqa: S608
            f"INSERT INTO public.{table} {new[table]}",
        ):
            wrong += [
                f"{whom} may {statement[:60]}"
                for whom, workspace in (("another workspace", uuid4()), ("nobody", None))
                if await _reached(ground.connection, statement, workspace)
            ]
    return wrong


async def _reached(connection: Any, statement: str, workspace: UUID | None) -> bool:
    """Whether a statement reaches a row, asked by a workspace or by nobody."""
    async with asking(connection, workspace):
        try:
            return not str(await connection.execute(statement)).endswith(" 0")
        except asyncpg.InsufficientPrivilegeError:
            return False
