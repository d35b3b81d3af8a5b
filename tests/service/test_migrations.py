"""Migrations: up, down and up again, one runner at a time, and nothing edited behind their back."""

import asyncio
import shutil
from uuid import uuid4

import asyncpg
import pytest
from tailgate_service.errors import MigrationEditedError, MigrationError, MigrationLockedError
from tailgate_service.migrations.files import HERE, LEVELS, load, upto
from tailgate_service.migrations.runner import LOCK, migrate, rollback

SHAPE = """
SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable AS line
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL
SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT concat_ws(' ', 'policy', tablename, policyname, cmd, qual, with_check) FROM pg_policies
UNION ALL
SELECT 'view ' || viewname || definition FROM pg_views WHERE schemaname = 'public'
UNION ALL
SELECT 'function ' || pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL
SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
ORDER BY line
"""
COUNT = len(load())


@pytest.fixture
async def database(postgres):
    """A database of this test's own."""
    name = f"migrations_{uuid4().hex}"
    connection = await asyncpg.connect(postgres.dsn)
    await connection.execute(f"CREATE DATABASE {name}")
    yield postgres.dsn.replace("/postgres?", f"/{name}?")
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


async def shape(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    rows = [row["line"] for row in await connection.fetch(SHAPE)]
    await connection.close()
    return [row for row in rows if "schema_migrations" not in row]


async def test_each_step_down_undoes_exactly_its_step_up(database):
    shapes = [await shape(database)]
    for version in range(1, COUNT + 1):
        assert [migration.version for migration in await migrate(database, to=version)] == [version]
        shapes.append(await shape(database))
    assert len({tuple(lines) for lines in shapes}) == COUNT + 1
    for version in range(COUNT, 0, -1):
        assert [migration.version for migration in await rollback(database)] == [version]
        assert await shape(database) == shapes[version - 1]


async def test_up_down_and_up_again_comes_to_the_same(database):
    await migrate(database)
    first = await shape(database)
    assert [migration.version for migration in await rollback(database, COUNT)] == list(range(COUNT, 0, -1))
    assert await shape(database) == []
    await migrate(database)
    assert await shape(database) == first


async def test_what_is_applied_is_not_applied_again(database):
    assert len(await migrate(database)) == COUNT
    assert await migrate(database) == ()


async def test_an_edited_migration_is_refused_by_name(database, tmp_path):
    await migrate(database, to=1)
    edited = tmp_path / "migrations"
    shutil.copytree(HERE, edited)
    with (edited / "0001_base.up.sql").open("a") as file:
        file.write("-- a harmless comment\n")
    with pytest.raises(MigrationEditedError, match="0001_base"):
        await migrate(database, migrations=load(edited))
    with pytest.raises(MigrationEditedError, match="0001_base"):
        await rollback(database, migrations=load(edited))


async def test_a_failing_migration_leaves_nothing_of_itself(database, tmp_path):
    (tmp_path / "0001_half.up.sql").write_text("CREATE TABLE half (); SELECT 1 / 0;")
    (tmp_path / "0001_half.down.sql").write_text("DROP TABLE half;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(database, migrations=load(tmp_path))
    assert await shape(database) == []


async def test_an_index_left_invalid_by_a_kill_is_built_again(database):
    await migrate(database, to=1)
    connection = await asyncpg.connect(database)
    await connection.execute("CREATE INDEX conversations_inbox ON conversations (id)")
    await connection.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'conversations_inbox'::regclass"
    )
    await migrate(database)
    row = "FROM pg_index WHERE indexrelid = 'conversations_inbox'::regclass"
    valid, definition = await connection.fetchrow(f"SELECT indisvalid, pg_get_indexdef(indexrelid) {row}")
    assert valid
    assert "last_message_at DESC" in definition
    await connection.close()


async def test_a_second_runner_waits_for_the_first_and_finds_nothing_to_do(database):
    first, second = await asyncio.gather(migrate(database), migrate(database))
    assert sorted([len(first), len(second)]) == [0, COUNT]


async def test_a_runner_that_waits_too_long_says_so(database):
    connection = await asyncpg.connect(database)
    await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
    with pytest.raises(MigrationLockedError, match="another migration"):
        await migrate(database, lock_within=0)
    await connection.close()


async def test_a_database_newer_than_asked_for_or_known_is_left_alone(database):
    await migrate(database)
    with pytest.raises(MigrationError, match=f"at {COUNT}, newer than 1: roll back {COUNT - 1}"):
        await migrate(database, to=1)
    with pytest.raises(MigrationError, match="upgrade it"):
        await migrate(database, migrations=load()[:1])
    with pytest.raises(MigrationError, match=f"cannot roll back {COUNT + 1}"):
        await rollback(database, COUNT + 1)


def test_every_variant_has_a_level():
    assert [migration.version for migration in upto("sequential")] == [1]
    assert [upto(variant)[-1].name for variant in ("parallel", "readmodel")] == ["views", load()[-1].name]
    with pytest.raises(MigrationError, match="one of " + ", ".join(LEVELS)):
        upto("fast")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["0001_a.up.sql"], r"no way back: write 0001_a\.down\.sql"),
        (["0002_a.up.sql", "0002_a.down.sql"], r"numbered 0001"),
        (["0001_a.up.sql", "0001_a.down.sql", "0001_b.up.sql", "0001_b.down.sql"], r"without gap or double"),
        (["1_a.up.sql"], r"is not named NNNN_name"),
    ],
)
def test_files_that_do_not_make_a_sequence_are_named(tmp_path, names, message):
    for name in names:
        (tmp_path / name).write_text("SELECT 1;")
    with pytest.raises(MigrationError, match=message):
        load(tmp_path)
