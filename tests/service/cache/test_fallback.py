"""What is kept by whom, for how long, for when Redis is gone."""

import asyncio

import pytest

from tests.service.agents.voice import until
from tests.service.readmodel.test_losses import KILL

pytestmark = pytest.mark.row("C4")


async def test_what_was_read_from_redis_is_there_when_redis_is_gone(cache, process, redis, row):
    other = await process()
    await row.seen(other)
    await until(lambda: cache.session is not None and cache.session.latest >= other.session.number)
    await row.seen(other)
    await row.seen(cache)
    reads = row.reads
    redis.kill()
    assert [await row.seen(each) for each in (cache, other)] == ["first"] * 2
    assert row.reads == reads


async def test_redis_forgets_by_itself_what_is_over(cache, redis, row):
    await row.seen(cache, ttl=60)
    left = redis.ask(f"TTL tailgate:{cache.session.life}:{row.key}")
    assert 0 < int(left.strip(b":\r\n")) <= 60


async def test_what_a_process_read_is_believed_by_those_that_had_begun_by_then(cache, process, row):
    other = await process()
    await until(lambda: cache.session.latest >= other.session.number)
    await row.seen(cache)
    await row.seen(other)
    assert row.reads == 1


async def test_who_asks_after_a_loss_does_not_join_a_read_that_began_before_it(cache, row, gate):
    slow = asyncio.create_task(cache.get(row.key, 60, gate.make))
    await gate.reading.wait()
    before = cache.session
    async with row.database.transaction():
        await row.database.execute(KILL)
        await row.write("second")
    await until(lambda: cache.session not in (None, before))
    async with asyncio.timeout(10):
        assert await row.seen(cache) == "second"
    gate.open.set()
    await slow
    assert await row.seen(cache) == "second"


async def test_who_changes_a_row_is_answered_as_soon_as_all_have_said_that_they_heard(cache, process, row, monkeypatch):
    await process(None)
    monkeypatch.setattr("tailgate_service.cache.sessions.LEASE", 60)
    async with asyncio.timeout(20):
        await row.saved(cache, "second")
    assert await row.seen(cache) == "second"
