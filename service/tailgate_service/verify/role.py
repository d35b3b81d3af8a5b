"""The service's role is bound by row-level security, and nothing it may touch is without."""

import asyncpg

from tailgate_service.migrations.files import ROLE
from tailgate_service.verify.ground import Finding, Ground, asking

_POWERS = """
SELECT array_remove(ARRAY[
    CASE WHEN rolsuper THEN 'is a superuser' END,
    CASE WHEN rolbypassrls THEN 'bypasses row-level security' END,
    CASE WHEN rolcreaterole THEN 'makes roles' END,
    CASE WHEN rolreplication THEN 'replicates' END,
    CASE WHEN EXISTS (SELECT FROM pg_roles o WHERE o.oid <> r.oid AND (o.rolsuper OR o.rolbypassrls)
                      AND NOT r.rolsuper AND pg_has_role(r.oid, o.oid, 'MEMBER'))
        THEN 'is a member of a role that bypasses it' END,
    CASE WHEN EXISTS (SELECT FROM pg_class WHERE relowner = r.oid) THEN 'owns tables' END,
    CASE WHEN EXISTS (SELECT FROM pg_class c WHERE relnamespace = 'public'::regnamespace
                      AND pg_has_role(r.oid, c.relowner, 'MEMBER')) THEN 'is a member of the tables'' owner' END
], NULL) FROM pg_roles r WHERE rolname = $1
"""
_OPEN = """
SELECT relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'm', 'f')
    AND relname <> 'schema_migrations' AND NOT relrowsecurity
    AND has_table_privilege($1, oid, 'SELECT, INSERT, UPDATE, DELETE')
UNION ALL
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'
    AND NOT coalesce('security_invoker=true' = ANY(reloptions), false) AND has_table_privilege($1, oid, 'SELECT')
ORDER BY 1
"""


async def check(ground: Ground) -> Finding:
    """It has no power above the policies, sees no table without them, and cannot turn them off."""
    connection = ground.connection
    powers = await connection.fetchval(_POWERS, ROLE)
    wrong = [f"{ROLE} {power}" for power in powers] if powers is not None else [f"there is no role {ROLE}"]
    wrong += [f"{row[0]} is open to it without a policy" for row in await connection.fetch(_OPEN, ROLE)]
    said = "it was not refused"
    async with asking(connection, ground.workspace):
        await connection.execute("SET LOCAL row_security = off")
        try:
            await connection.fetch("SELECT id FROM public.contacts LIMIT 1")
            wrong.append("it can turn row-level security off")
        except asyncpg.InsufficientPrivilegeError as error:
            said = str(error)
    return Finding(
        name="the service's role cannot bypass",
        passed=not wrong,
        detail="; ".join(wrong) or "no power, no table without policies, no way to turn them off",
        evidence=(f"SET row_security = off: {said}",),
    )
