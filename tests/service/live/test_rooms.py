"""Who is woken by what, in which workspace; the database is what the test says it is."""

import asyncio
from uuid import UUID

import orjson
import pytest
from tailgate_service.errors import GoneError
from tailgate_service.identity import Identity
from tailgate_service.live import hub
from tailgate_service.live.hub import Hub, Subscription
from tailgate_service.store.base import Event

HERE, THERE = Identity(workspace_id=UUID(int=1)), Identity(workspace_id=UUID(int=2))


class Database:
    """Has events up to ``count``, and says so when it is let; each of ``failures`` is raised once before."""

    def __init__(self, count: int = 0) -> None:
        self.count = count
        self.failures: list[Exception] = []
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()

    async def last(self, who: Identity) -> int:
        if self.failures:
            raise self.failures.pop()
        last = self.count
        self.asked.set()
        await self.answers.wait()
        return last

    async def after(self, who: Identity, number: int, *, limit: int) -> list[Event]:
        numbers = range(number + 1, min(self.count, number + limit) + 1)
        return [Event(number=one, kind="message", at="2026-01-02T03:04:05Z", body="{}") for one in numbers]


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def all_feeds(database: Database) -> Hub:
    return Hub(database)


def hear(feeds: Hub, who: Identity, number: int) -> None:
    feeds.hear(f"{who.workspace_id} {number} message 2026-01-02T03:04:05Z {{}}")


async def numbers(subscription: Subscription) -> list[int]:
    async with asyncio.timeout(10):
        page = await subscription.next()
    subscription.seen = page[-1].number
    return [event.number for event in page]


async def test_who_waits_is_woken_by_what_happens_in_her_workspace_and_by_nothing_else(all_feeds):
    here, there = await all_feeds.follow(HERE, None), await all_feeds.follow(THERE, None)
    waiting = [asyncio.create_task(numbers(one)) for one in (here, there)]
    await asyncio.sleep(0)
    hear(all_feeds, THERE, 1)
    assert await waiting[1] == [1]
    assert not waiting[0].done()
    hear(all_feeds, HERE, 1)
    assert await waiting[0] == [1]


async def test_the_place_is_told_with_the_last_event_there_was(all_feeds, database):
    database.count = 7
    assert (await all_feeds.follow(HERE, None)).last == 7
    behind = await all_feeds.follow(HERE, 4)
    assert (behind.seen, behind.last) == (4, 7)
    assert orjson.loads((await behind.next())[0].data)["number"] == 5


async def test_a_place_is_found_though_the_database_is_away_at_first(all_feeds, database, monkeypatch):
    monkeypatch.setattr(hub, "_AGAIN_AFTER", 0.01)
    database.failures = [OSError("away"), OSError("away")]
    async with asyncio.timeout(10):
        subscription = await all_feeds.follow(HERE, None)
    hear(all_feeds, HERE, 1)
    assert await numbers(subscription) == [1]


async def test_what_is_heard_while_it_is_found_that_numbers_began_anew_is_not_taken_for_old(all_feeds, database):
    database.count = 5
    before = await all_feeds.follow(HERE, None)
    database.asked.clear()
    database.answers.clear()
    database.count = 2
    all_feeds.again()
    await database.asked.wait()
    database.count = 3
    hear(all_feeds, HERE, 3)
    database.answers.set()
    with pytest.raises(GoneError):
        await numbers(before)
    assert await numbers(await all_feeds.follow(HERE, 2)) == [3]
