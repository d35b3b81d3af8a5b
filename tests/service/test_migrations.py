"""Migrations: up, down and up again, one runner at a time, and nothing edited behind their back."""

import asyncio
import re
import shutil
import subprocess
import sys
from uuid import uuid4

import asyncpg
import pytest
from tailgate_service.errors import MigrationEditedError, MigrationError, MigrationLockedError
from tailgate_service.migrations import records, runner
from tailgate_service.migrations.files import HERE, LEVELS, Script, load, upto
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
        assert [migration.version for migration in await rollback(database, drop_everything=True)] == [version]
        assert await shape(database) == shapes[version - 1]


async def test_up_down_and_up_again_comes_to_the_same(database):
    await migrate(database)
    first = await shape(database)
    undone = await rollback(database, COUNT, drop_everything=True)
    assert [migration.version for migration in undone] == list(range(COUNT, 0, -1))
    assert await shape(database) == []
    await migrate(database)
    assert await shape(database) == first


async def test_the_tables_themselves_are_not_taken_back_unless_that_is_said(database):
    await migrate(database)
    whole = await shape(database)
    with pytest.raises(MigrationError, match=rf"--drop-everything.*--steps {COUNT - 1} keeps"):
        await rollback(database, COUNT)
    assert await shape(database) == whole


async def test_a_server_that_is_too_old_is_told_before_anything_is_applied(database, monkeypatch):
    monkeypatch.setattr(runner, "OLDEST_SERVER", 99)
    with pytest.raises(MigrationError, match=r"is Postgres \d+\.\d+, and the schema needs 99 or newer"):
        await migrate(database)
    assert await shape(database) == []


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


@pytest.mark.row("B4")
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


# Each child of it dies at one more of the statements that are left, every other time with the statement under way,
# until one comes to the end.
MORTAL = """
import asyncio, os, signal, sys
import asyncpg
from tailgate_service.migrations import runner

dsn, steps = sys.argv[1], int(sys.argv[2])
runner.LOCK_POLL = 0.01
execute = asyncpg.Connection.execute


def child(last, left):
    sent = 0

    async def counted(self, statement, *args, **options):
        nonlocal sent
        sent += not statement.startswith("SET ")
        if sent == last:
            if last % 2:
                asyncio.create_task(execute(self, statement, *args, **options))
                await asyncio.sleep(0)
            os.kill(os.getpid(), signal.SIGKILL)
        return await execute(self, statement, *args, **options)

    asyncpg.Connection.execute = counted
    if left or not steps:
        asyncio.run(runner.rollback(dsn, left) if steps else runner.migrate(dsn))
    os._exit(0)


async def level():
    running = "SELECT count(*) FROM pg_stat_activity WHERE (datname, application_name) = (current_database(), $1)"
    while await connection.fetchval(running, "tailgate-migrate"):
        await asyncio.sleep(0.005)
    return await connection.fetchval("SELECT count(*) FROM schema_migrations")


# The parent's own, of which no child makes use.
loop = asyncio.new_event_loop()
connection = loop.run_until_complete(asyncpg.connect(dsn))
began = loop.run_until_complete(level())
killed, last, before = 0, 1, None
while True:
    now = began - loop.run_until_complete(level())
    last, before = (1 if now != before else last + 1), now
    pid = os.fork()
    if pid == 0:
        child(last, steps - now)
    status = os.waitpid(pid, 0)[1]
    if status == 0:
        break
    if not os.WIFSIGNALED(status):
        sys.exit(1)
    killed += 1
print(killed)
"""


def until_done(dsn: str, steps: int) -> int:
    """Migrate, or take so many steps back, with a SIGKILL at every statement; how many there were."""
    done = subprocess.run(
        [sys.executable, "-c", MORTAL, dsn, str(steps)], capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


async def test_a_runner_killed_at_any_statement_on_the_way_up_goes_on_where_it_was(database):
    await migrate(database)
    whole = await shape(database)
    await rollback(database, COUNT - 1)
    statements = sum(len(step.up.statements) for step in load()[1:] if step.up.outside)
    assert await asyncio.to_thread(until_done, database, 0) >= statements
    assert await shape(database) == whole


async def test_a_runner_killed_at_any_statement_on_the_way_down_goes_on_where_it_was(database):
    await migrate(database, to=1)
    base = await shape(database)
    await migrate(database)
    statements = sum(len(step.down.statements) for step in load()[1:] if step.down.outside)
    assert await asyncio.to_thread(until_done, database, COUNT - 1) >= statements
    assert await shape(database) == base


async def test_a_step_half_way_back_is_made_whole_by_going_up(database):
    await migrate(database)
    whole = await shape(database)
    connection = await asyncpg.connect(database)
    await rollback(database, COUNT - 6)
    await records.leaving(connection, load()[5], really=True)
    for statement in load()[5].down.statements[:9]:
        await connection.execute(statement)
    assert await connection.fetchval(records.LEVEL) == 5
    await migrate(database)
    assert await connection.fetchval(records.LEVEL) == COUNT
    assert await shape(database) == whole
    await connection.close()


async def test_a_lock_that_cannot_be_had_in_time_is_asked_for_again(database, monkeypatch, caplog):
    monkeypatch.setattr(runner, "LOCK_TIMEOUT", 0.05)
    monkeypatch.setattr(runner, "PAUSE", 0.01)
    await migrate(database, to=5)
    reader = await asyncpg.connect(database)
    transaction = reader.transaction()
    await transaction.start()
    await reader.execute("TABLE contacts")
    migrating = asyncio.create_task(migrate(database, to=6))
    async with asyncio.timeout(30):
        while not caplog.messages:  # noqa: ASYNC110 - the log is all there is to see of it
            await asyncio.sleep(0.01)
    assert re.search(
        r"0006_policies: attempt 1 of \d+: .*lock timeout; oldest: process \d+ .*TABLE contacts", caplog.text
    )
    await transaction.commit()
    assert [step.version for step in await migrating] == [6]
    await reader.close()


async def test_a_lock_that_never_comes_is_given_up_and_who_has_it_is_named(database, monkeypatch):
    monkeypatch.setattr(runner, "LOCK_TIMEOUT", 0.05)
    monkeypatch.setattr(runner, "ATTEMPTS", 2)
    monkeypatch.setattr(runner, "PAUSE", 0)
    await migrate(database)
    whole = await shape(database)
    reader = await asyncpg.connect(database)
    async with reader.transaction():
        await reader.execute("TABLE view_actionable_leads")
        with pytest.raises(
            MigrationLockedError, match=r"end the transaction in its way.*process \d+ .*view_actionable"
        ):
            await rollback(database, COUNT - 14)
        assert await reader.fetchval(records.LEVEL) == 15, "a transaction that did not happen leaves the step"
    await migrate(database)
    assert await shape(database) == whole
    await reader.close()


@pytest.mark.row("B3")
async def test_not_null_believes_the_constraint_and_reads_no_row(database):
    await migrate(database, to=6)
    connection = await asyncpg.connect(database)
    said: list[str] = []
    connection.add_log_listener(lambda _, message: said.append(message.message))
    await connection.execute("SET client_min_messages = debug1")
    for statement in load()[6].up.statements:
        await connection.execute(statement)
    assert any("sufficient to prove that it does not contain nulls" in message for message in said)
    await connection.close()


@pytest.mark.row("B4")
@pytest.mark.parametrize("migration", load()[1:], ids=lambda migration: migration.label)
def test_no_step_builds_an_index_or_checks_a_constraint_while_it_holds_others_up(migration):
    sql = migration.up.sql
    for table in re.findall(r"CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY).*? ON (\w+)", sql):
        assert re.search(rf"CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?{table}\b", sql), "only of its own table"
    assert not [line for line in re.findall(r".*ADD CONSTRAINT.*", sql) if "NOT VALID" not in line]
    assert not re.search(r"^(VACUUM FULL|CLUSTER|REINDEX (?!.*CONCURRENTLY)|LOCK)", sql, re.MULTILINE)


def test_a_script_is_cut_where_its_statements_end_and_not_within_bodies():
    first = "CREATE FUNCTION a() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n    RETURN 1;\nEND $$;"
    second = (
        "CREATE FUNCTION b() RETURNS int LANGUAGE sql\n    BEGIN ATOMIC\n        SELECT 1;\n        SELECT 2;\n    END;"
    )
    third = "SELECT 1;"
    assert Script(sql="\n".join((first, second, third))).statements == (first, second, third)


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
