"""What is missing is asked for, who is slow is cut off, and who cannot go on is told so."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from tailgate_otel import create_pool
from tailgate_service.errors import BusyError, GoneError, SlowError
from tailgate_service.identity import Identity
from tailgate_service.listener import Listener
from tailgate_service.live import connection, hub, live
from tailgate_service.live.connection import GONE, SLOW, Connection
from tailgate_service.live.feed import KEPT
from tailgate_service.live.hub import MAX_BEHIND, PAGE, Hub, Subscription
from tailgate_service.live.metrics import LiveMetrics
from tailgate_service.store.events import DatabaseEvents

from tests.service.api.conftest import World


@pytest.fixture
def variant() -> str:
    return "parallel"


@pytest.fixture
async def events(serving) -> AsyncIterator[DatabaseEvents]:
    database, _ = serving
    async with create_pool(database.dsn, min_size=1, max_size=2) as pool:
        yield DatabaseEvents(pool)


@pytest.fixture
async def world(served) -> World:
    return await served.world()


class Told:
    """A hub that is told by the test what the database would have told it."""

    def __init__(self, events: DatabaseEvents, database: asyncpg.Connection, world: World) -> None:
        self.hub = Hub(events)
        self.who = Identity(workspace_id=world.id)
        self._database = database

    async def happens(self, count: int, *, heard: bool = True, size: int = 1) -> None:
        """So many events happen; they are heard of, in full, unless they are not."""
        rows = await self._database.fetch(
            "INSERT INTO events (workspace_id, number, kind, body) SELECT $1, coalesce(max(number), 0) + n, 'message',"
            " json_build_object('text', repeat('x', $3)) FROM generate_series(1, $2) n, events"
            " WHERE workspace_id = $1 GROUP BY n ORDER BY n RETURNING number, body",
            self.who.workspace_id, count, size,
        ) or await self._database.fetch(
            "INSERT INTO events (workspace_id, number, kind, body) SELECT $1, n, 'message',"
            " json_build_object('text', repeat('x', $3)) FROM generate_series(1, $2) n RETURNING number, body",
            self.who.workspace_id, count, size,
        )  # fmt: skip
        if heard:
            for row in rows:
                self.hear(row["number"], row["body"])

    def hear(self, number: int, body: str = "") -> None:
        at = "2026-01-02T03:04:05Z"
        self.hub.hear(" ".join(filter(None, [str(self.who.workspace_id), str(number), "message", at, body])))


@pytest.fixture
def told(events: DatabaseEvents, served: Any, world: World) -> Told:
    return Told(events, served.database, world)


async def take(subscription: Subscription, count: int) -> list[int]:
    seen: list[int] = []
    async with asyncio.timeout(10):
        while len(seen) < count:
            page = await subscription.next()
            seen += [event.number for event in page]
            subscription.seen = seen[-1]
    return seen


async def test_an_event_that_was_announced_without_its_body_is_asked_for(told):
    subscription = await told.hub.follow(told.who, None)
    await told.happens(1, heard=False)
    told.hear(1)
    assert await take(subscription, 1) == [1]


async def test_what_was_not_heard_of_is_asked_for_when_the_next_number_shows_the_gap(told):
    subscription = await told.hub.follow(told.who, None)
    await told.happens(3, heard=False)
    await told.happens(1)
    assert await take(subscription, 4) == [1, 2, 3, 4]


async def test_what_is_heard_twice_is_told_once(told):
    subscription = await told.hub.follow(told.who, None)
    await told.happens(1)
    told.hear(1, "{}")
    await told.happens(1)
    assert await take(subscription, 2) == [1, 2]


async def test_when_it_is_listened_again_what_came_meanwhile_is_asked_for(told):
    subscription = await told.hub.follow(told.who, None)
    await told.happens(2, heard=False)
    told.hub.again()
    assert await take(subscription, 2) == [1, 2]


async def test_after_more_was_missed_than_is_kept_everybody_still_gets_all(told):
    subscription = await told.hub.follow(told.who, None)
    await told.happens(1)
    assert await take(subscription, 1) == [1]
    await told.happens(KEPT + PAGE, heard=False)
    told.hub.again()
    assert await take(subscription, KEPT + PAGE) == list(range(2, KEPT + PAGE + 2))


async def test_the_database_may_be_away_while_something_is_missing(told, monkeypatch):
    monkeypatch.setattr(hub, "_AGAIN_AFTER", 0.01)
    subscription = await told.hub.follow(told.who, None)
    after, failures = DatabaseEvents.after, iter([OSError("away"), asyncpg.PostgresConnectionError("away")])

    async def failing(self, who, number, *, limit):
        for failure in failures:
            raise failure
        return await after(self, who, number, limit=limit)

    monkeypatch.setattr(DatabaseEvents, "after", failing)
    await told.happens(2, heard=False)
    told.hear(2)
    assert await take(subscription, 2) == [1, 2]


@pytest.mark.parametrize(
    "payload", ["", "x", "x 1 message", "{id} one message now {{}}", "{id} 5", "{id} 5 message never {{}}"]
)
async def test_what_is_no_notification_of_an_event_is_passed_over(told, payload, caplog):
    subscription = await told.hub.follow(told.who, None)
    told.hub.hear(payload.format(id=told.who.workspace_id))
    assert "not a notification" in caplog.text
    await told.happens(1)
    assert await take(subscription, 1) == [1]


async def test_events_that_were_pruned_are_gone_for_who_did_not_see_them(told, served):
    await told.happens(10)
    await served.database.execute("DELETE FROM events WHERE workspace_id = $1 AND number < 6", told.who.workspace_id)
    with pytest.raises(GoneError, match="event 5 "):
        await told.hub.follow(told.who, 4)
    subscription = await told.hub.follow(told.who, 5)
    assert await take(subscription, 5) == [6, 7, 8, 9, 10]


async def test_who_is_too_far_behind_reads_anew(told):
    await told.happens(MAX_BEHIND + 1)
    with pytest.raises(GoneError, match="read anew"):
        await told.hub.follow(told.who, 0)
    subscription = await told.hub.follow(told.who, 1)
    assert await take(subscription, MAX_BEHIND) == list(range(2, MAX_BEHIND + 2))


async def test_a_number_that_is_still_to_come_is_of_another_database(told):
    await told.happens(1)
    with pytest.raises(GoneError, match="no event 2 yet"):
        await told.hub.follow(told.who, 2)


async def test_who_was_told_sooner_by_another_process_is_not_told_twice(told):
    first = await told.hub.follow(told.who, None)
    await told.happens(2, heard=False)
    second = await told.hub.follow(told.who, 2)
    await told.happens(1)
    assert await take(second, 1) == [3]
    assert await take(first, 3) == [1, 2, 3]


async def test_a_number_that_nobody_gave_holds_nobody_up_for_long(told):
    """Whoever reaches the database can say anything there: what comes next is not taken for old."""
    await told.happens(1)
    subscription = await told.hub.follow(told.who, None)
    told.hear(10**12)
    with pytest.raises(GoneError):
        await take(subscription, 1)
    again = await told.hub.follow(told.who, 1)
    await told.happens(1)
    assert await take(again, 1) == [2]


async def test_when_the_numbers_begin_anew_everybody_reads_anew(told, served):
    await told.happens(5)
    subscription = await told.hub.follow(told.who, None)
    await served.database.execute("DELETE FROM events WHERE workspace_id = $1", told.who.workspace_id)
    await told.happens(2, heard=False)
    told.hub.again()
    with pytest.raises(GoneError):
        await take(subscription, 1)
    assert await take(await told.hub.follow(told.who, 1), 1) == [2]


async def test_while_nothing_is_heard_nobody_follows(events, told, monkeypatch):
    monkeypatch.setattr(live, "_FOLLOW_WITHIN", 0.01)
    with pytest.raises(TimeoutError):
        await live.Live(Listener("postgresql://"), events, None).follow(told.who, None)


async def test_who_does_not_take_what_is_kept_for_a_while_is_too_slow(told):
    subscription, other = await told.hub.follow(told.who, None), await told.hub.follow(told.who, None)
    await told.happens(2)
    assert [event.number for event in await subscription.next()] == [1, 2]
    await told.happens(KEPT)
    with pytest.raises(SlowError):
        await subscription.next()
    # Who has not begun to take anything is caught up with.
    assert await take(other, KEPT + 2) == list(range(1, KEPT + 3))


async def test_a_workspace_is_followed_by_so_many_and_no_more(told, monkeypatch):
    monkeypatch.setattr(hub, "MAX_FOLLOWERS", 2)
    first, _ = await told.hub.follow(told.who, None), await told.hub.follow(told.who, None)
    with pytest.raises(BusyError):
        await told.hub.follow(told.who, None)
    first.close()
    first.close()
    await told.hub.follow(told.who, None)


async def test_nothing_is_kept_of_a_workspace_that_nobody_follows(told):
    subscription = await told.hub.follow(told.who, None)
    with pytest.raises(GoneError):
        await told.hub.follow(told.who, 9)
    assert list(told.hub._rooms) == [told.who.workspace_id]
    subscription.close()
    assert not told.hub._rooms
    told.hear(1)


class Stuck:
    """A line whose client takes what it likes to."""

    transport = "websocket"

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        self.takes = asyncio.Semaphore(1000)
        self.full = asyncio.Event()
        self.farewell: connection.Farewell | None = None

    async def say(self, kind: str, data: str, *, number: int | None = None) -> None:
        if self.takes.locked():
            self.full.set()
        await self.takes.acquire()
        self.said.append(json.loads(data))

    async def heard(self) -> bool:
        await asyncio.Event().wait()
        return False

    async def close(self, farewell: connection.Farewell) -> None:
        self.farewell = farewell


async def test_a_client_that_takes_nothing_is_cut_off_and_resumes(told, monkeypatch):
    monkeypatch.setattr(connection, "_SEND_WITHIN", 0.05)
    line, metrics = Stuck(), LiveMetrics()
    line.takes = asyncio.Semaphore(3)
    await told.happens(5)
    subscription = await told.hub.follow(told.who, 0)
    await Connection(line, told.who, subscription, metrics).serve()
    assert line.farewell is SLOW
    assert [message.get("number") for message in line.said] == [None, 1, 2]
    assert 'tailgate_live_cut_off_total{reason="slow"} 1' in "".join(metrics.text(openmetrics=False))
    assert await take(await told.hub.follow(told.who, subscription.seen), 3) == [3, 4, 5]


async def test_a_client_whose_events_are_pruned_while_it_catches_up_reads_anew(told, served):
    line = Stuck()
    await told.happens(3 * PAGE)
    subscription = await told.hub.follow(told.who, 0)
    await served.database.execute("DELETE FROM events WHERE workspace_id = $1 AND number < 250", told.who.workspace_id)
    await Connection(line, told.who, subscription, LiveMetrics()).serve()
    assert line.farewell is GONE
    assert line.said[-1]["number"] == PAGE


async def test_silence_is_broken_by_heartbeats(told, monkeypatch):
    monkeypatch.setattr(connection, "HEARTBEAT", 0.01)
    line = Stuck()
    await told.happens(4)
    subscription = await told.hub.follow(told.who, None)
    serving = asyncio.create_task(Connection(line, told.who, subscription, LiveMetrics()).serve())
    line.takes = asyncio.Semaphore(3)
    async with asyncio.timeout(10):
        await line.full.wait()
    serving.cancel()
    assert line.said[1:3] == 2 * [{"kind": "heartbeat", "number": 4}]
