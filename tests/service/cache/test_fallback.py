"""What is kept by whom, for how long, for when Redis is gone."""

import pytest

from tests.service.agents.voice import until

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
