"""``tailgate db verify``: what it shows, and how it ends."""

import asyncio
import json
from collections.abc import Iterator

import asyncpg
import pytest
from tailgate_otel.names import ENV_DATABASE_URL
from tailgate_service.migrations.runner import migrate
from tailgate_service.seed.config import SeedConfig
from tailgate_service.template import Clone, clone

from tests.tailgate.conftest import Command


@pytest.fixture
def database(tailgate: Command, templates) -> Iterator[Clone]:
    made = clone("parallel", SeedConfig(workspaces=3, conversations=1000, messages=4), templates)
    with made.cluster:
        asyncio.run(migrate(made.cluster.dsn))
        tailgate.environment[ENV_DATABASE_URL] = made.cluster.dsn
        yield made


@pytest.mark.row("B7")
def test_a_database_is_verified_with_times_and_evidence_and_a_check_that_fails_is_exit_1(tailgate, database) -> None:
    done = tailgate.here("db", "verify", "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    told = json.loads(done.stdout)
    assert told["passed"] is True
    assert len(told["checks"]) >= 8
    assert all(set(check) == {"name", "passed", "detail", "evidence", "before", "after"} for check in told["checks"])

    async def undo() -> None:
        connection = await asyncpg.connect(database.cluster.dsn)
        await connection.execute("DROP POLICY deleting ON messages")
        await connection.close()

    asyncio.run(undo())
    done = tailgate.here("db", "verify")
    assert done.returncode == 1
    assert "FAIL" in done.stdout
    assert "messages DELETE: there is none" in " ".join(done.stdout.split())


def test_what_cannot_be_verified_is_one_sentence_and_exit_2(tailgate, postgres) -> None:
    tailgate.environment[ENV_DATABASE_URL] = postgres.dsn
    done = tailgate.here("db", "verify")
    assert done.returncode == 2
    assert "migrate it first" in done.stderr
    assert "Traceback" not in done.stderr
