"""Every way into asyncpg, against counts taken by hand: queries, round trips, and what is counted apart."""

import asyncio
import io

import asyncpg
import pytest
from tailgate_otel import create_pool, recording
from tailgate_otel.call import QUERY
from tailgate_otel.record import Record
from tailgate_otel.repetition import Repetitions

SERIES = "select i from generate_series(1, $1::int) i"


@pytest.fixture
async def table(connection):
    await connection.execute("create temporary table note (id int primary key, body text)")
    return "note"


async def sent(record: Record) -> None:
    """Return when the record's first query is on its way."""
    while not record.queries:  # noqa: ASYNC110 - a record has no event, and one turn of the loop is enough
        await asyncio.sleep(0)


async def _execute(connection):
    await connection.execute("select 1")


async def _execute_with_arguments(connection):
    await connection.execute("select $1::int", 1)


async def _execute_with_keywords(connection):
    await connection.execute(query="select 1", timeout=5)


async def _executemany(connection):
    await connection.executemany("insert into note values ($1, $2)", [(i, "x") for i in range(50)])


async def _executemany_with_keywords(connection):
    await connection.executemany(command="insert into note values ($1, $2)", args=[(1, "x")], timeout=5)


async def _fetch(connection):
    await connection.fetch(SERIES, 10)


async def _fetch_with_keywords(connection):
    await connection.fetch(query="select 1", timeout=5)


async def _fetchrow(connection):
    await connection.fetchrow(SERIES, 10)


async def _fetchval(connection):
    await connection.fetchval(SERIES, 10, column=0, timeout=5)


async def _fetchmany(connection):
    await connection.fetchmany("insert into note values ($1, 'x') returning id", [(1,), (2,), (3,)])


async def _prepared_three_times(connection):
    prepared = await connection.prepare(SERIES)
    await prepared.fetch(3)
    await prepared.fetchrow(3)
    await prepared.fetchval(3)


async def _prepared_batches(connection):
    prepared = await connection.prepare("insert into note values ($1, 'x') returning id")
    await prepared.executemany([(1,), (2,)])
    await prepared.fetchmany([(3,), (4,)])


async def _prepared_only(connection):
    await connection.prepare(SERIES)


async def _explained(connection):
    prepared = await connection.prepare("select 1")
    await prepared.explain()


async def _cursor_iterated(connection):
    # 120 rows by 50: 50, 50, 20.
    async with connection.transaction():
        assert len([row async for row in connection.cursor(SERIES, 120)]) == 120


async def _cursor_prefetching(connection):
    async with connection.transaction():
        assert len([row async for row in connection.cursor(SERIES, 25, prefetch=10)]) == 25


async def _cursor_by_hand(connection):
    async with connection.transaction():
        cursor = await connection.cursor(SERIES, 100)
        await cursor.fetch(10)
        await cursor.fetchrow()
        await cursor.forward(5)


async def _cursor_of_a_prepared_statement(connection):
    async with connection.transaction():
        prepared = await connection.prepare(SERIES)
        assert len([row async for row in prepared.cursor(60)]) == 60


async def _copy_records(connection):
    await connection.copy_records_to_table("note", records=[(1, "x"), (2, "y")])


async def _copy_in(connection):
    await connection.copy_to_table("note", source=io.BytesIO(b"1\tx\n2\ty\n"))


async def _copy_out(connection):
    await connection.copy_from_table("note", output=io.BytesIO())


async def _copy_query(connection):
    await connection.copy_from_query("select 1", output=io.BytesIO())


async def _transaction(connection):
    async with connection.transaction():
        await connection.fetch("select 1")


async def _nested_transaction(connection):
    async with connection.transaction(isolation="serializable"), connection.transaction():
        await connection.fetch("select 1")


async def _transaction_by_hand(connection):
    await connection.execute("BEGIN")
    await connection.execute("insert into note values (1, 'begin; commit')")
    await connection.execute("  /* done */ rollback;")


async def _several_statements_in_one_text(connection):
    await connection.execute("begin; select 1; commit")


async def _listener(connection):
    def heard(*_):
        return None

    await connection.add_listener("news", heard)
    await connection.remove_listener("news", heard)


WAYS = [
    (_execute, 1, 0),
    (_execute_with_arguments, 1, 0),
    (_execute_with_keywords, 1, 0),
    (_executemany, 1, 0),
    (_executemany_with_keywords, 1, 0),
    (_fetch, 1, 0),
    (_fetch_with_keywords, 1, 0),
    (_fetchrow, 1, 0),
    (_fetchval, 1, 0),
    (_fetchmany, 1, 0),
    (_prepared_three_times, 3, 0),
    (_prepared_batches, 2, 0),
    (_prepared_only, 0, 0),
    (_explained, 1, 0),
    (_cursor_iterated, 3, 2),
    (_cursor_prefetching, 3, 2),
    (_cursor_by_hand, 3, 2),
    (_cursor_of_a_prepared_statement, 2, 2),
    (_copy_records, 1, 0),
    (_copy_in, 1, 0),
    (_copy_out, 1, 0),
    (_copy_query, 1, 0),
    (_transaction, 1, 2),
    (_nested_transaction, 1, 4),
    (_transaction_by_hand, 1, 2),
    (_several_statements_in_one_text, 1, 0),
    (_listener, 2, 0),
]


def _name(value):
    return value.__name__.strip("_") if callable(value) else None


@pytest.mark.parametrize(("way", "queries", "transactions"), WAYS, ids=_name)
async def test_every_way_in_counts_once(connection, table, way, queries, transactions):
    with recording() as record:
        await way(connection)
    assert (record.queries, record.account.transactions) == (queries, transactions)
    assert (record.account.resets, record.account.introspections, record.guard.failures) == (0, 0, 0)


@pytest.mark.row("A3")
@pytest.mark.parametrize("way", [way for way, *_ in WAYS], ids=_name)
async def test_the_wire_saw_as_many(wire, way):
    tap, connection = wire
    await connection.execute("create temporary table note (id int primary key, body text)")
    tap.messages = ""
    with recording() as record:
        await way(connection)
    assert record.queries + record.account.transactions == tap.executions
    assert record.account.round_trips == tap.round_trips


async def test_the_wire_saw_introspection_and_reset(wire):
    tap, connection = wire
    tap.messages = ""
    with recording() as record:
        await connection.fetch("select null::information_schema.sql_identifier[]")
        await connection.set_type_codec("json", schema="pg_catalog", encoder=str, decoder=str)
        await connection.reset()
    assert record.account.introspections > 0
    assert (record.queries, record.account.resets) == (1, 1)
    assert record.queries + record.account.introspections + record.account.resets == tap.executions
    assert record.account.round_trips == tap.round_trips


async def test_a_call_counts_the_same_first_and_from_the_cache(connection):
    for round_trips in (2, 1):
        with recording() as record:
            await connection.fetch("select 'cached'")
        assert (record.queries, record.account.round_trips) == (1, round_trips)


async def test_failed_statements_count(connection):
    with recording() as record:
        with pytest.raises(asyncpg.DivisionByZeroError):
            await connection.fetch("select 1 / $1::int", 0)
        with pytest.raises(asyncpg.UndefinedTableError):
            await connection.fetch("select * from nowhere")
        with pytest.raises(asyncpg.PostgresSyntaxError):
            await connection.execute("selec 1")
        with pytest.raises(asyncpg.UndefinedTableError):
            await connection.copy_from_table("nowhere", output=io.BytesIO())
    assert record.queries == 4


async def test_what_was_never_sent_does_not_count(connection, pool):
    async with pool.acquire() as released:
        pass
    with recording() as record:
        with pytest.raises(asyncpg.DataError):
            await connection.fetch("select $1::int", "not a number")
        with pytest.raises(asyncpg.InterfaceError):
            await released.fetch("select 1")
        with pytest.raises(asyncpg.NoActiveSQLTransactionError):
            await connection.cursor("select 1")
        busy = asyncio.create_task(connection.fetch("select pg_sleep(0.2)"))
        await sent(record)
        with pytest.raises(asyncpg.InterfaceError):
            await connection.fetch("select 1")
        await busy
    assert record.queries == 1
    assert record.guard.failures == 0


async def test_cancelled_and_timed_out_statements_count(connection):
    with recording() as record:
        task = asyncio.create_task(connection.fetch("select pg_sleep(10)"))
        await sent(record)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(TimeoutError):
            await connection.execute("select pg_sleep(10)", timeout=0.1)
        assert await connection.fetchval("select 1") == 1
    assert record.queries == 3


async def test_what_asyncpg_repeats_by_itself_counts_once(connection, table):
    await connection.fetch("select * from note")
    await connection.execute("alter table note add column more int")
    with recording() as record:
        await connection.fetch("select * from note")
    assert record.queries == 1


async def test_introspection_is_counted_apart(connection):
    await connection.execute("create type pg_temp.mood as enum ('good', 'bad')")
    with recording() as record:
        await connection.fetch("select 'good'::pg_temp.mood, array['bad'::pg_temp.mood]")
    assert record.queries == 1
    assert record.account.introspections > 0


async def test_children_of_gather_count_to_their_own_request(pool):
    async def request(queries: int) -> Record:
        with recording() as record:
            await asyncio.gather(*(pool.fetch("select 1") for _ in range(queries)))
        return record

    counts = [index % 7 for index in range(200)]
    records = await asyncio.gather(*(asyncio.create_task(request(count)) for count in counts))
    assert [record.queries for record in records] == counts


async def test_overlapping_statements_are_one_stretch_of_time(pool):
    with recording() as record:
        await asyncio.gather(*(pool.execute("select pg_sleep(0.1)") for _ in range(4)))
    spent = [call.ended - call.started for call in record.calls if call.kind is QUERY]
    assert max(spent) <= record.account.database < sum(spent)


async def test_what_happens_after_the_end_does_not_count(connection):
    with recording() as record:
        late = asyncio.create_task(connection.fetch("select pg_sleep(0.1)"))
        await sent(record)
    counted = (record.queries, record.account.round_trips, record.account.database)
    await late
    assert (record.queries, record.account.round_trips, record.account.database) == counted


async def test_a_lost_connection_is_the_applications_error_alone(dsn):
    async with create_pool(dsn, min_size=1, max_size=1) as pool:
        with recording() as record:
            async with pool.acquire() as connection:
                with pytest.raises(asyncpg.PostgresConnectionError):
                    await connection.execute("select pg_terminate_backend(pg_backend_pid())")
            assert await pool.fetchval("select 1") == 1
    assert record.queries == 2
    assert record.guard.failures == 0


@pytest.mark.parametrize("way", ["fetchval", "execute"])
async def test_a_failure_inside_the_record_never_reaches_the_caller(pool, monkeypatch, way):
    def fail(*_, **__):
        raise RuntimeError("broken instrumentation")

    monkeypatch.setattr(Repetitions, "add", fail)
    with recording() as record:
        record.enclosing = fail
        for _ in range(6):
            assert await getattr(pool, way)("select 1")
    assert record.queries == 6
    assert record.guard.failures > 6


async def test_a_failure_while_an_error_is_recorded_leaves_the_error_to_the_caller(connection, monkeypatch):
    def fail(*_):
        raise RuntimeError("broken instrumentation")

    monkeypatch.setattr(Record, "watch", fail)
    with recording() as record:
        record.watched = 0
        with pytest.raises(asyncpg.UndefinedTableError):
            await connection.execute("select * from nowhere")
    assert record.guard.failures == 1


async def test_a_repeated_statement_is_found_whatever_its_data(pool):
    with recording() as record:
        for index in range(5):
            await pool.fetch(f"select {index} as id, 'name {index}'")
    [(text, seen)] = record.n_plus_one
    assert text == "select ? as id, ?"
    assert seen.count == 5
    assert "test_connection.py" in seen.site


async def test_batches_cursors_and_retries_are_no_repetition(connection, table):
    with recording() as record:
        for index in range(6):
            await connection.executemany("insert into note values ($1, 'x')", [(index,)])
        async with connection.transaction():
            assert len([row async for row in connection.cursor(SERIES, 60, prefetch=5)]) == 60
        for _ in range(6):
            with pytest.raises(asyncpg.UniqueViolationError):
                await connection.execute("insert into note values ($1, 'x')", 1)
    assert record.n_plus_one == []
