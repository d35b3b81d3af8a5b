"""Which role of the database the service may be."""

import asyncpg
import pytest
from tailgate_service.errors import NotReadyError
from tailgate_service.server import check_role
from tailgate_service.verify.ground import undone


@pytest.fixture
async def connection(seeded_database):
    """The owner's, in a transaction that is undone."""
    made = await asyncpg.connect(seeded_database.owner_dsn)
    async with undone(made):
        yield made
    await made.close()


@pytest.mark.row("A9")
async def test_the_role_that_the_migrations_make_is_taken(connection):
    await connection.execute("SET LOCAL ROLE tailgate_api")
    await check_role(connection)


@pytest.mark.row("A9")
@pytest.mark.parametrize(
    "above",
    [
        "ALTER ROLE tailgate_api SUPERUSER",
        "ALTER ROLE tailgate_api BYPASSRLS",
        "CREATE ROLE guardian BYPASSRLS; GRANT guardian TO tailgate_api",
        "CREATE ROLE owner; ALTER TABLE contacts OWNER TO owner; GRANT owner TO tailgate_api",
        "ALTER TABLE contacts OWNER TO tailgate_api",
    ],
)
async def test_a_role_that_policies_do_not_bind_is_refused_by_name(connection, above):
    await connection.execute(above)
    await connection.execute("SET LOCAL ROLE tailgate_api")
    with pytest.raises(NotReadyError, match="role tailgate_api is above its row-level security"):
        await check_role(connection)
