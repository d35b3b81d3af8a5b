"""What can happen at once, and what is then read: never what is older than a change that somebody was told is done.

A row is *filled* when what was read of it is put where it is kept. The races:

- a fill and a write: the row is read, changed, and then put
- a fill and an invalidation: who asks after the change joins the read that began before it
- a slow fill and a quick one: the older is put last
- two writers, in whatever order they are heard
- a write that is undone
- Redis dies between the read that finds nothing and the fill, or hangs
- Redis comes back with what it knew before the change
- a process without Redis beside one with it
- a process that is new, and did not hear what was changed before
- LISTEN is lost, the row changes, LISTEN is back
- the connection that listens is dead, and nobody has noticed
- who began a read goes away, or may not see the row, while others wait for it
"""

import asyncio
import os
import signal
import time

import asyncpg
import pytest
from tailgate_service.cache import cache as cache_module
from tailgate_service.cache import sessions
from tailgate_service.cache.entry import Entry
from tailgate_service.listener import Listener

from tests.service.agents.voice import until

pytestmark = pytest.mark.row("C4")


async def test_a_read_is_answered_from_redis_and_when_that_is_gone_from_the_process(cache, redis, row):
    assert [await row.seen(cache) for _ in range(3)] == ["first"] * 3
    redis.kill()
    assert [await row.seen(cache) for _ in range(3)] == ["first"] * 3
    assert row.reads == 1
    assert cache.counts.hits.totals == {("agent", "redis"): 2, ("agent", "process"): 3}
    assert cache.counts.misses.totals == {("agent", "redis"): 1}
    assert cache.counts.failures.totals[()] == 1


async def test_what_one_process_read_another_needs_not(cache, process, row):
    other = await process()
    # The second session is the later one: it believes nothing that was read before it began.
    await row.seen(other)
    await until(lambda: cache.session.latest >= other.session.number)
    await row.seen(cache)
    assert row.reads == 1


async def test_many_that_ask_at_once_are_one_read(cache, row):
    assert await asyncio.gather(*(row.seen(cache) for _ in range(50))) == ["first"] * 50
    assert row.reads == 1


async def test_a_fill_loses_to_a_write(cache, row, gate):
    slow = asyncio.create_task(cache.get(row.key, 60, gate.make))
    await gate.reading.wait()
    await row.saved(cache, "second")
    gate.open.set()
    # Who asked before the change may be told what was before it; nobody else.
    assert await slow == b"first"
    assert await row.seen(cache) == "second"


async def test_who_asks_after_a_write_does_not_join_a_read_that_began_before_it(cache, row, gate):
    slow = asyncio.create_task(cache.get(row.key, 60, gate.make))
    await gate.reading.wait()
    await row.saved(cache, "second")
    assert await row.seen(cache) == "second"
    gate.open.set()
    await slow
    assert await row.seen(cache) == "second"


async def test_a_slow_fill_of_another_process_loses_to_a_quick_one(cache, process, redis, row, gate):
    other = await process()
    await until(lambda: cache.session.latest >= other.session.number)
    slow = asyncio.create_task(other.get(row.key, 60, gate.make))
    await gate.reading.wait()
    await row.saved(cache, "second")
    await row.seen(cache)
    gate.open.set()
    await slow
    [name] = [name for name in redis.ask("KEYS *").split(b"\r\n") if name.startswith(b"tailgate:")]
    assert redis.ask(f"GET {name.decode()}").endswith(b"\nsecond\r\n")


async def test_in_redis_the_later_revision_stays(cache, row):
    life, session = cache.session.life, cache.session.number
    until_then = int(time.time()) + 60
    for revision, body in ((7, b"seven"), (5, b"five"), (7, b"seven again")):
        entry = Entry(session=session, revision=revision, until=until_then, body=body)
        await cache._shared.put(life, row.key, entry)
        kept = await cache._shared.get(life, row.key)
        assert kept.revision == 7
    assert kept.body == b"seven again"


async def test_of_two_writers_the_one_that_came_last_is_read(cache, process, seeded_database, row):
    """The second waits for the first's row: however their notifications are heard, its revision is the larger."""
    other = await process()
    second = await asyncpg.connect(seeded_database.owner_dsn)
    try:
        transaction = row.database.transaction()
        await transaction.start()
        early = await row.write("early")
        writing = asyncio.create_task(
            second.fetchval(
                "UPDATE agents SET configuration = '\"late\"' WHERE workspace_id = $1 RETURNING revision", row.workspace
            )
        )
        await asyncio.sleep(0)
        await transaction.commit()
        late = await writing
        assert late > early
        await cache.changed(row.workspace, late)
        await other.changed(row.workspace, early)
        assert [await row.seen(each) for each in (cache, other)] == ["late", "late"]
    finally:
        await second.close()


async def test_a_write_that_is_undone_outdates_nothing(cache, row):
    await row.seen(cache)
    transaction = row.database.transaction()
    await transaction.start()
    await row.write("never")
    await transaction.rollback()

    assert await row.seen(cache) == "first"
    assert row.reads == 1


async def test_whatever_program_writes_outdates_what_is_kept(cache, row):
    await row.seen(cache)
    await row.write("second")

    async def second() -> bool:
        return await row.seen(cache) == "second"

    await until(second)
    await row.database.execute("DELETE FROM agents WHERE workspace_id = $1", row.workspace)

    async def gone() -> bool:
        return await row.seen(cache) is None

    await until(gone)


async def test_redis_that_dies_between_the_read_and_the_fill_fails_nobody(cache, redis, row, gate):
    slow = asyncio.create_task(cache.get(row.key, 60, gate.make))
    await gate.reading.wait()
    redis.kill()
    gate.open.set()
    assert await slow == b"first"
    assert await row.seen(cache) == "first"
    assert row.reads == 1


async def test_redis_that_hangs_is_done_without(cache, redis, row):
    await row.seen(cache)
    redis.pause()
    try:
        assert [await row.seen(cache) for _ in range(20)] == ["first"] * 20
        await row.saved(cache, "second")
        assert [await row.seen(cache) for _ in range(20)] == ["second"] * 20
    finally:
        redis.resume()
    assert row.reads == 2


async def test_redis_that_comes_back_with_what_it_knew_before_is_not_believed(cache, process, redis, row):
    await row.seen(cache)
    assert redis.ask("SAVE") == b"+OK\r\n"
    await row.saved(cache, "second")
    redis.kill()
    assert await row.seen(cache) == "second"
    redis.start()
    assert b"first" in redis.ask(f"GET tailgate:{cache.session.life}:{row.key}")

    async def answers() -> bool:
        assert await row.seen(cache) == "second"
        return ("agent", "redis") in cache.counts.hits.totals

    await until(answers)
    assert await row.seen(await process()) == "second"


async def test_what_was_not_heard_while_redis_was_gone_is_not_believed_by_a_new_process(cache, process, redis, row):
    """Everybody who heard of the change has ended; only Redis still has what was before it."""
    await row.seen(cache)
    redis.pause()
    await row.saved(cache, "second")
    redis.resume()
    assert await row.seen(await process()) == "second"


@pytest.mark.parametrize("writer", ["with", "without"])
async def test_a_process_without_redis_agrees_with_one_that_has_it(process, row, writer):
    """Whoever is told that a change is done, whichever process is asked then."""
    caches = {"with": await process(), "without": await process(None)}
    for number in range(20):
        for cache in caches.values():
            await row.seen(cache)
        await row.saved(caches[writer], f"{number}")
        assert [await row.seen(cache) for cache in caches.values()] == [f"{number}"] * 2


async def test_listen_that_was_lost_empties_what_is_kept(cache, row):
    await row.seen(cache)
    first = cache.session
    await row.database.execute("SELECT pg_terminate_backend($1)", _pid(cache))
    await until(lambda: cache.session is not first)
    await row.write("second")
    assert await row.seen(cache) == "second"
    await until(lambda: cache.session is not None)
    assert cache.session.number > first.number
    assert await row.seen(cache) == "second"
    reads = row.reads
    assert await row.seen(cache) == "second"
    assert row.reads == reads


async def test_a_connection_that_is_dead_without_a_word_is_not_believed_for_long(cache, process, row):
    """The server process that speaks to the listener stands still: nothing is heard, and nothing is closed."""
    other = await process()
    await row.seen(cache)
    pid = _pid(cache)
    os.kill(pid, signal.SIGSTOP)
    try:
        await row.saved(other, "second")
        # Nobody says that the first process has heard, so the writer waited until that cannot matter any more.
        assert await row.seen(cache) == "second"
        assert await row.seen(other) == "second"
    finally:
        os.kill(pid, signal.SIGCONT)


def _pid(cache) -> int:
    return cache._listener._connection.get_server_pid()


async def test_who_began_a_read_may_go_away(cache, row, gate):
    leader = asyncio.create_task(cache.get(row.key, 60, gate.make))
    await gate.reading.wait()
    follower = asyncio.create_task(row.seen(cache))
    await until(lambda: sum(cache.counts.misses.totals.values()) == 2)
    leader.cancel()
    gate.open.set()
    assert await follower == "first"


async def test_who_may_not_see_a_row_does_not_answer_for_others(cache, row):
    reading, on = asyncio.Event(), asyncio.Event()

    async def nothing() -> None:
        reading.set()
        await on.wait()

    leader = asyncio.create_task(cache.get(row.key, 60, nothing))
    await reading.wait()
    follower = asyncio.create_task(row.seen(cache))
    await until(lambda: sum(cache.counts.misses.totals.values()) == 2)
    on.set()
    assert await leader is None
    assert await follower == "first"


async def test_a_read_that_fails_fails_those_who_wait_and_nobody_after(cache, row):
    async def fail() -> None:
        await asyncio.sleep(0)
        raise OSError("gone")

    answers = await asyncio.gather(*(cache.get(row.key, 60, fail) for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [OSError] * 3
    assert await row.seen(cache) == "first"


async def test_what_is_over_is_read_again(cache, row, monkeypatch):
    await row.seen(cache)
    later = time.time() + 61
    monkeypatch.setattr(cache_module.time, "time", lambda: later)
    assert await row.seen(cache) == "first"
    assert row.reads == 2


async def test_a_session_that_cannot_begin_is_tried_again_and_nothing_is_kept_meanwhile(
    seeded_database, row, monkeypatch, caplog
):
    monkeypatch.setattr(sessions, "_AGAIN_AFTER", 0.01)
    begin, listener = sessions._BEGIN, Listener(seeded_database.dsn)
    monkeypatch.setattr(sessions, "_BEGIN", "SELECT nothing")
    cache = cache_module.Cache(listener, None)
    async with listener.running(), cache.running():
        await until(lambda: "until a session begins" in caplog.text)
        assert [await row.seen(cache) for _ in range(2)] == ["first"] * 2
        assert row.reads == 2
        monkeypatch.setattr(sessions, "_BEGIN", begin)
        await until(lambda: cache.session is not None)


@pytest.mark.parametrize("garbage", ["x", "1 2 3", "a b c\\nbody", "99 99\\nbody", "1.5 2 3\\nbody"])
async def test_garbage_in_redis_is_no_answer(cache, redis, row, garbage):
    redis.ask(f'SET tailgate:{cache.session.life}:{row.key} "{garbage}"')
    assert await row.seen(cache) == "first"


async def test_a_session_that_can_remember_no_more_is_followed_by_another(cache, row, monkeypatch):
    from tailgate_service.cache import session as session_module

    monkeypatch.setattr(session_module, "MAX_FLOORS", 1)
    first = cache.session
    await row.seen(cache)
    await row.saved(cache, "second")
    assert await row.seen(cache) == "second"
    monkeypatch.undo()
    await until(lambda: cache.session is not None and cache.session is not first)
    assert await row.seen(cache) == "second"


async def test_a_cache_that_does_not_run_keeps_nothing(seeded_database, row):
    idle = cache_module.Cache(Listener(seeded_database.dsn), None)
    assert [await row.seen(idle) for _ in range(2)] == ["first"] * 2
    assert row.reads == 2
    assert idle.counts.misses.totals == {("agent", "off"): 2}
    await row.saved(idle, "second")
    assert await row.seen(idle) == "second"
