"""A recorded pool: the wait for a connection, and what no request asked for, against counts taken by hand."""

import asyncio

import asyncpg
import pytest
from tailgate_otel import RecordedConnection, RecordedPool, create_pool, recording
from tailgate_otel.call import WAIT


async def test_the_reset_of_a_released_connection_is_counted_apart(pool):
    with recording() as record:
        await pool.fetch("select 1")
    assert (record.queries, record.account.resets, record.account.pool_waits) == (1, 1, 1)


async def test_a_transaction_left_open_is_rolled_back_by_the_pool(pool):
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    with recording() as record:
        async with pool.acquire() as connection:
            await connection.transaction().start()
    assert (record.queries, record.account.transactions, record.account.resets) == (0, 2, 1)


async def test_the_callbacks_of_a_pool_are_nobodys_queries(dsn):
    async def prepare(connection):
        await connection.execute("set application_name = 'x'")
        await connection.set_type_codec("json", encoder=str, decoder=str, schema="pg_catalog")

    async def clean(connection):
        await connection.execute("reset all")

    async with create_pool(dsn, min_size=0, max_size=1, init=prepare, setup=prepare, reset=clean) as pool:
        with recording() as record:
            await pool.fetchval("select 1")
            await pool.fetchval("select 1")
    assert (record.queries, record.account.resets, record.account.introspections, record.account.pool_waits) == (
        2,
        2,
        0,
        2,
    )


async def test_waiting_for_a_connection_is_not_time_in_the_database(dsn):
    async with create_pool(dsn, min_size=1, max_size=1) as pool:
        with recording() as record:
            await asyncio.gather(*(pool.execute("select pg_sleep(0.1)") for _ in range(3)))
    assert record.queries == 3
    assert record.account.database >= 0.3e9
    assert 0.2e9 <= record.account.pool <= record.account.outside
    spent = sum(call.ended - call.started for call in record.calls if call.kind != WAIT)
    assert record.account.database == spent


async def test_a_wait_that_times_out_is_accounted(dsn):
    async with create_pool(dsn, min_size=1, max_size=1) as pool, pool.acquire():
        with recording() as record, pytest.raises(TimeoutError):
            await pool.acquire(timeout=0.05)
    assert record.account.pool_waits == 1
    assert record.account.pool >= 0.05e9


async def test_without_a_record_everything_works_as_before(pool):
    async with pool.acquire() as connection:
        assert await connection.fetchval("select 1") == 1
        assert isinstance(connection, asyncpg.Connection)
        assert not connection.is_in_transaction()


async def test_a_recorded_pool_takes_what_asyncpgs_takes(dsn):
    class Own(RecordedConnection):
        __slots__ = ()

    async with create_pool(dsn, min_size=1, max_size=1, connection_class=Own) as pool:
        assert isinstance(pool, RecordedPool)
        async with pool.acquire() as connection:
            assert type(connection._con) is Own


async def test_connections_that_are_not_recorded_are_cleaned_as_the_pool_is_told(dsn):
    cleaned = []

    async def clean(connection):
        cleaned.append(type(connection))

    async with create_pool(dsn, min_size=1, max_size=1, connection_class=asyncpg.Connection, reset=clean) as pool:
        assert await pool.fetchval("select 1") == 1
    assert cleaned == [asyncpg.Connection]
