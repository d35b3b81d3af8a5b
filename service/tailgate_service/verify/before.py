"""The tables as they were before the schema was tuned: copies in front of the real ones, for this session alone.

A name without a schema means the copy as long as there is one, so the service's own statements run on it unchanged. The
indexes and policies are those of ``0001_base.up.sql``.
"""

from typing import Any

from tailgate_service.migrations.files import ROLE

MOST = 2_000_000
"""Messages; of more no copy is made."""

_POLICIES = {
    "contacts": "may_see(workspace_id)",
    "notes": "may_see(workspace_id)",
    "conversations": "may_see(workspace_id)",
    "messages": "may_see(workspace_of(conversation_id))",
}
_INDEXES = """
ALTER TABLE pg_temp.contacts ADD PRIMARY KEY (id), ADD UNIQUE (workspace_id, phone_digits);
ALTER TABLE pg_temp.notes ADD PRIMARY KEY (id);
CREATE INDEX ON pg_temp.notes (workspace_id);
CREATE INDEX ON pg_temp.notes (contact_id);
ALTER TABLE pg_temp.conversations ADD PRIMARY KEY (id);
CREATE INDEX ON pg_temp.conversations (workspace_id);
CREATE INDEX ON pg_temp.conversations (contact_id);
CREATE INDEX ON pg_temp.conversations (assigned_to);
ALTER TABLE pg_temp.messages ADD PRIMARY KEY (id), ADD UNIQUE (workspace_id, provider_message_id);
CREATE INDEX ON pg_temp.messages (conversation_id);
"""


async def restore(connection: Any) -> bool:
    """Put the copies there; false, and nothing, when there is more than is copied."""
    # Counted, as far as need be: what the catalogue believes is nothing before the first ANALYZE.
    if await connection.fetchval("SELECT count(*) FROM (SELECT FROM public.messages LIMIT $1) m", MOST + 1) > MOST:
        return False
    for table in _POLICIES:
        await connection.execute(f"CREATE TEMP TABLE {table} AS SELECT * FROM public.{table}")  # noqa: S608
    await connection.execute(_INDEXES)
    for table, policy in _POLICIES.items():
        await connection.execute(f"ALTER TABLE pg_temp.{table} ENABLE ROW LEVEL SECURITY")
        await connection.execute(f"CREATE POLICY own ON pg_temp.{table} USING ({policy})")
        await connection.execute(f"GRANT SELECT ON pg_temp.{table} TO {ROLE}")
        await connection.execute(f"ANALYZE pg_temp.{table}")
    return True
