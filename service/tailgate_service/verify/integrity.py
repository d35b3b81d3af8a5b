"""What the migrations promise of the data, and of the indexes."""

import re

import asyncpg

from tailgate_service.migrations.files import load
from tailgate_service.verify.ground import Finding, Ground, undone

COMPOSITE = 8
_MADE = re.compile(r"CREATE INDEX CONCURRENTLY (\w+) ON")
_INDEXES = """
SELECT relname AS name, indisvalid AND indisready AS valid, indnkeyatts > 1 AND NOT indisunique AS composite,
       pg_get_indexdef(indexrelid) AS definition
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE relnamespace = 'public'::regnamespace ORDER BY 1
"""
_ORPHANS = {
    "messages of another workspace than their conversation": """
        SELECT count(*) FROM public.messages m JOIN public.conversations c ON c.id = m.conversation_id
        WHERE m.workspace_id IS DISTINCT FROM c.workspace_id""",
    "messages without conversation": """
        SELECT count(*) FROM public.messages m
        WHERE NOT EXISTS (SELECT FROM public.conversations c WHERE c.id = m.conversation_id)""",
    "conversations of another workspace than their contact": """
        SELECT count(*) FROM public.conversations c JOIN public.contacts k ON k.id = c.contact_id
        WHERE c.workspace_id <> k.workspace_id""",
    "conversations without contact": """
        SELECT count(*) FROM public.conversations c
        WHERE NOT EXISTS (SELECT FROM public.contacts k WHERE k.id = c.contact_id)""",
}
_BAD = ("[]", '{"Key": 1}', '{"deep": {"er": 1}}', '{"list": []}', '{"' + "a" * 41 + '": 1}')
_CONSTRAINTS = """
SELECT conrelid::regclass::text AS table, conname, convalidated, pg_get_constraintdef(oid) AS definition
FROM pg_constraint WHERE contype = 'c' AND conrelid = ANY(ARRAY['public.conversations', 'public.messages']::regclass[])
    AND pg_get_constraintdef(oid) LIKE '%metadata%'
"""


async def workspace_given(ground: Ground) -> Finding:
    """Each message has its workspace, the right one, and each thing what it belongs to (requirement B3)."""
    connection, wrong = ground.connection, []
    required = await connection.fetchval(
        "SELECT attnotnull FROM pg_attribute WHERE attrelid = 'public.messages'::regclass AND attname = 'workspace_id'"
    )
    if not required:
        wrong.append("messages.workspace_id may be NULL")
    lines = [f"messages.workspace_id {'NOT NULL' if required else 'NULL allowed'}"]
    for what, query in _ORPHANS.items():
        count = await connection.fetchval(query)
        lines.append(f"{what}: {count}")
        if count:
            wrong.append(f"{count} {what}")
    return Finding(
        name="each message has its workspace, and nothing is an orphan",
        passed=not wrong,
        detail="; ".join(wrong) or "NOT NULL, and no orphan",
        evidence=tuple(lines),
    )


async def indexes_valid(ground: Ground) -> Finding:
    """The indexes that migrations build are there and valid, eight or more of several columns (requirement B4)."""
    rows = {row["name"]: row for row in await ground.connection.fetch(_INDEXES)}
    made = [name for migration in load() for name in _MADE.findall(migration.up.sql)]
    wrong = [f"{name} is missing: migrate" for name in made if name not in rows]
    wrong += [f"{name} is invalid: REINDEX INDEX CONCURRENTLY {name}" for name, row in rows.items() if not row["valid"]]
    composite = [row["definition"] for row in rows.values() if row["composite"] and row["valid"]]
    if len(composite) < COMPOSITE:
        wrong.append(f"{len(composite)} composite indexes, where {COMPOSITE} are needed")
    return Finding(
        name=f"{COMPOSITE} or more composite indexes are valid",
        passed=not wrong,
        detail="; ".join(wrong) or f"{len(composite)} composite, {len(rows)} in all",
        evidence=tuple(composite),
    )


async def metadata_checked(ground: Ground) -> Finding:
    """Both tables' metadata is constrained, validated, and bad metadata is refused (requirement B5)."""
    connection = ground.connection
    rows = await connection.fetch(_CONSTRAINTS)
    wrong, lines = [], []
    for table in ("conversations", "messages"):
        own = [row for row in rows if row["table"].removeprefix("public.") == table]
        lines += [f"{table} {row['conname']}: {row['definition']}" for row in own]
        if not own:
            wrong.append(f"{table} has no constraint on metadata: migrate")
        wrong += [f"{table}: {row['conname']} is not validated: migrate" for row in own if not row["convalidated"]]
        async with undone(connection):
            await connection.execute(f"CREATE TEMP TABLE tried (LIKE public.{table} INCLUDING CONSTRAINTS)")
            await connection.execute(
                "DO $$ DECLARE c name; BEGIN FOR c IN SELECT attname FROM pg_attribute"
                " WHERE attrelid = 'pg_temp.tried'::regclass AND attnum > 0 AND attnotnull"
                " LOOP EXECUTE format('ALTER TABLE pg_temp.tried ALTER COLUMN %I DROP NOT NULL', c); END LOOP; END $$"
            )
            for bad in _BAD:
                if await _taken(ground, bad):
                    wrong.append(f"{table} takes {bad[:40]}")
            if not await _taken(ground, '{"source": "web", "priority": 2}'):
                wrong.append(f"{table} refuses good metadata")
    return Finding(
        name="metadata is constrained on both tables",
        passed=not wrong,
        detail="; ".join(wrong) or f"validated, and {len(_BAD)} kinds of bad metadata refused",
        evidence=tuple(lines),
    )


async def _taken(ground: Ground, metadata: str) -> bool:
    async with undone(ground.connection):
        try:
            await ground.connection.execute("INSERT INTO pg_temp.tried (metadata) VALUES ($1::text::jsonb)", metadata)
        except asyncpg.CheckViolationError:
            return False
    return True


async def steps_whole(ground: Ground) -> Finding:
    """Every migration is applied, and none is half way back."""
    rows = await ground.connection.fetch("SELECT version, leaving FROM public.schema_migrations ORDER BY version")
    newest = len(load())
    wrong = [f"{row['version']} is half way back: migrate" for row in rows if row["leaving"]]
    if len(rows) < newest:
        wrong.append(f"at {len(rows)} of {newest}: migrate")
    return Finding(
        name="every migration is applied, whole",
        passed=not wrong,
        detail="; ".join(wrong) or f"all {newest}",
    )
