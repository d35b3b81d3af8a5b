"""``tailgate db`` on a Postgres of the user's own."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from tailgate_otel.names import ENV_DATABASE_URL
from tailgate_service.postgres.cluster import Cluster
from tailgate_service.seed.config import SeedConfig
from tailgate_service.template import clone

from tests.tailgate.conftest import Command


@pytest.fixture
def database(tailgate: Command, postgres: Cluster) -> Iterator[str]:
    """An empty database, whose address the command finds in its environment."""
    name = "command"

    async def execute(statement: str) -> None:
        connection = await asyncpg.connect(postgres.dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(execute(f"CREATE DATABASE {name}"))
    dsn = urlunsplit(urlsplit(postgres.dsn)._replace(path=f"/{name}"))
    tailgate.environment[ENV_DATABASE_URL] = dsn
    yield dsn
    asyncio.run(execute(f"DROP DATABASE {name}"))


def test_a_database_is_migrated_seeded_and_rolled_back(tailgate: Command, database: str) -> None:
    applied = json.loads(tailgate("db", "migrate", "--json").stdout)["applied"]
    assert applied[0] == "0001_base"
    assert tailgate.here("db", "migrate").stdout == "nothing to do\n"
    seeded = tailgate.here("db", "seed", "--workspaces", "2", "--conversations", "20", "--messages", "3", "--json")
    assert seeded.returncode == 0, seeded.stderr
    rows = json.loads(seeded.stdout)["rows"]
    assert rows["workspaces"] == 2
    assert rows["conversations"] == 40
    targets = tailgate.cwd / ".tailgate" / "targets.json"
    assert targets.stat().st_mode & 0o777 == 0o600
    assert len(json.loads(targets.read_text())["workspaces"]) == 2
    assert tailgate.here("db", "rollback").stdout == f"taken back {applied[-1]}\n"
    assert tailgate.here("db", "rollback", "--steps", "99").returncode == 2
    left = len(applied) - 1
    refused = tailgate.here("db", "rollback", "--steps", str(left))
    assert refused.returncode == 2
    assert "--drop-everything" in refused.stderr
    assert tailgate.here("db", "seed").stderr.count("has data already") == 1
    dropped = tailgate.here("db", "rollback", "--steps", str(left), "--drop-everything", "--json")
    assert json.loads(dropped.stdout)["taken_back"] == applied[-2::-1]
    assert tailgate.here("db", "migrate").returncode == 0
    assert tailgate.here("db", "migrate", "--to", "1").returncode == 2  # the database is past it


def test_without_an_address_the_variable_is_named(tailgate: Command) -> None:
    done = tailgate.here("db", "migrate")
    assert done.returncode == 2
    assert ENV_DATABASE_URL in done.stderr


def test_a_database_that_cannot_be_reached_is_one_sentence_without_the_password(tailgate: Command) -> None:
    tailgate.environment[ENV_DATABASE_URL] = "postgresql://me:geheim@127.0.0.1:1/none"
    done = tailgate.here("db", "migrate")
    assert done.returncode == 2
    assert "geheim" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_not_empty_is_not_seeded(tailgate: Command, database: str) -> None:
    tailgate.here("db", "migrate")
    few = ("db", "seed", "--workspaces", "1", "--conversations", "5", "--messages", "2")
    assert tailgate.here(*few).returncode == 0
    again = tailgate.here(*few)
    assert again.returncode == 2
    assert "Traceback" not in again.stderr


@pytest.mark.parametrize("verb", ["prune", "seed", "backfill", "verify"])
def test_a_database_without_a_schema_is_to_be_migrated_first(
    refused: Callable[..., str], database: str, verb: str
) -> None:
    said = refused("db", verb)
    assert "migrate" in said
    assert "HINT" not in said


@pytest.mark.parametrize("days", ["-1", "1e300", "nan"])
def test_days_that_cannot_be_are_named(refused: Callable[..., str], database: str, days: str) -> None:
    assert "from 0 to 36500" in refused("db", "prune", "--keep", days)


def test_what_is_the_owners_to_do_says_so_to_the_services_role(
    tailgate: Command, templates: Path, refused: Callable[..., str]
) -> None:
    made = clone("readmodel", SeedConfig(workspaces=1, conversations=5, messages=2), templates)
    with made.cluster:
        tailgate.environment[ENV_DATABASE_URL] = made.dsn
        for verb in ("migrate", "seed", "rollback", "backfill"):
            assert "log in as the owner of the tables" in refused("db", verb), verb
        assert "verify as the owner" in refused("db", "verify")
        assert tailgate.here("db", "prune").stdout == "0 events removed\n"
