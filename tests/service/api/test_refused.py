"""A database that is there and lets nobody in."""

import asyncpg
import pytest

from tests.service.api.conftest import client_of, serving, settings_for


@pytest.fixture(scope="module")
def database(clone_of):
    return clone_of("sequential")


@pytest.mark.parametrize(
    ("shut", "opened"),
    [
        ("ALTER DATABASE postgres ALLOW_CONNECTIONS false", "ALTER DATABASE postgres ALLOW_CONNECTIONS true"),
        ("ALTER ROLE tailgate_api NOLOGIN", "ALTER ROLE tailgate_api LOGIN"),
        ("ALTER ROLE tailgate_api CONNECTION LIMIT 0", "ALTER ROLE tailgate_api CONNECTION LIMIT -1"),
        ("ALTER DATABASE postgres RENAME TO gone", "ALTER DATABASE gone RENAME TO postgres"),
    ],
)
async def test_a_database_that_refuses_connections_is_503_until_it_takes_them_again(database, shut, opened):
    key = database.targets["workspaces"][0]["api_key"]
    owner = await asyncpg.connect(database.owner_dsn, database="template1")
    try:
        async with serving(settings_for("sequential", database.dsn)) as app, client_of(app, key) as client:
            await owner.execute("ALTER ROLE tailgate_api NOLOGIN")
            await owner.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'postgres'"
            )
            await owner.execute("ALTER ROLE tailgate_api LOGIN")
            await owner.execute(shut)
            try:
                for path in ("/api/contacts", "/health"):
                    answer = await client.get(path)
                    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1"), answer.text
            finally:
                await owner.execute(opened)
            assert (await client.get("/api/contacts")).status_code == 200
    finally:
        await owner.close()
