"""All checks, one after another, in a transaction that is undone."""

from collections.abc import Sequence

import asyncpg

from tailgate_service.errors import VerifyError
from tailgate_service.verify import hot, integrity, policies, role
from tailgate_service.verify.ground import Finding, Ground, undone

LOCK_TIMEOUT = 2.0

_BUSIEST = """
SELECT c.workspace_id AS workspace, c.contact_id AS contact, c.id AS conversation, k.phone_digits
FROM conversations c JOIN contacts k ON k.id = c.contact_id
WHERE c.workspace_id = (SELECT workspace_id FROM conversations GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1)
ORDER BY c.last_message_at DESC, c.id LIMIT 1
"""


async def verify(dsn: str) -> Sequence[Finding]:
    """What each check finds of the database of ``dsn``, whose role must own it, or be above.

    Raises ``VerifyError`` when there is nothing to try things on, or the role may not try them.
    """
    # Statements are not kept: their names come to mean other tables, and then the first ones again.
    connection = await asyncpg.connect(dsn, statement_cache_size=0)  # type: ignore[no-untyped-call]
    try:
        async with undone(connection):
            return await checks(connection)
    finally:
        await connection.close()


async def checks(connection: asyncpg.Connection) -> Sequence[Finding]:
    """The same on a connection, within its transaction."""
    await connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT * 1e3:.0f}")
    try:
        await _see_all(connection)
        busiest = await connection.fetchrow(_BUSIEST)  # type: ignore[no-untyped-call]
        if busiest is None:
            raise VerifyError("there is no conversation to try anything on: seed the database, or let it be used")
        ground = Ground(connection=connection, **busiest)
        return [
            *await hot.check(ground),
            await policies.asked_once(ground),
            await policies.keep_out(ground),
            await integrity.workspace_given(ground),
            await integrity.indexes_valid(ground),
            await integrity.metadata_checked(ground),
            await role.check(ground),
            await integrity.steps_whole(ground),
        ]
    except asyncpg.UndefinedTableError as error:
        raise VerifyError(f"the database has no schema to verify ({error}): migrate it first") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise VerifyError(
            f"{error}: verify as a superuser, or GRANT tailgate_api and SET ON PARAMETER track_functions to the role"
        ) from error


async def _see_all(connection: asyncpg.Connection) -> None:
    """Who is bound by the policies sees an empty database, however full it is."""
    asked = "SELECT current_user, row_security_active('conversations')"
    role, bound = await connection.fetchrow(asked)  # type: ignore[no-untyped-call]
    if bound:
        raise VerifyError(f"the database's policies bind the role {role}: verify as the owner of the tables")
