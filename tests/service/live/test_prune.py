"""Events are kept for so long and no longer; the last one of a workspace always."""

import asyncio

import asyncpg
import pytest
from tailgate_otel import names
from tailgate_service.errors import SettingsError
from tailgate_service.live import prune
from tailgate_service.settings import Settings

from tests.service.live.following import WITHIN


@pytest.fixture
def variant() -> str:
    return "parallel"


async def left(served, world) -> list[int]:
    rows = await served.database.fetch("SELECT number FROM events WHERE workspace_id = $1 ORDER BY number", world.id)
    return [row["number"] for row in rows]


async def happened(served, world, number: int, days: float) -> None:
    await served.database.execute(
        "INSERT INTO events (workspace_id, number, kind, body, created_at)"
        " VALUES ($1, $2, 'message', '{}', now() - $3 * interval '1 day')",
        world.id, number, days,
    )  # fmt: skip


async def test_what_is_older_goes_batch_by_batch_and_the_last_one_stays(served, monkeypatch):
    monkeypatch.setattr(prune, "_BATCH", 2)
    busy, quiet = await served.world(), await served.world()
    for number in range(1, 10):
        await happened(served, busy, number, 10 - number)
        await happened(served, quiet, number, 100)
    assert await prune.prune(served.owner_dsn, 4.5 * 86_400) >= 13
    assert await left(served, busy) == [6, 7, 8, 9]
    assert await left(served, quiet) == [9]
    assert await prune.prune(served.owner_dsn, 4.5 * 86_400) == 0


async def test_a_pruned_workspace_goes_on_where_it_was(served):
    world = await served.world()
    conversation = await world.conversation()
    for _ in range(3):
        await world.message(conversation, "x")
    await served.database.execute(
        "UPDATE events SET created_at = now() - interval '8 days' WHERE workspace_id = $1", world.id
    )
    await prune.prune(served.owner_dsn)
    assert await left(served, world) == [3]
    async with served.follow(world) as follower:
        assert follower.hello["last"] == 3
        await world.message(conversation, "x")
        assert await follower.numbers(1) == [4]


async def test_a_service_prunes_by_itself_and_what_goes_wrong_once_goes_right_the_next_time(served, caplog):
    world = await served.world()
    for number in range(1, 6):
        await happened(served, world, number, 10)
    async with prune.pruning(served.owner_dsn.replace("/postgres?", "/nowhere?"), prune.KEPT, 0.01):
        async with asyncio.timeout(WITHIN):
            while not caplog.messages:  # noqa: ASYNC110 - the log is all there is to see of it
                await asyncio.sleep(0.01)
    assert "not pruned, tried again later" in caplog.text
    async with prune.pruning(served.owner_dsn, prune.KEPT, 0.01), asyncio.timeout(WITHIN):
        while await left(served, world) != [5]:  # noqa: ASYNC110 - the database says when
            await asyncio.sleep(0.01)


async def test_one_prunes_at_a_time_and_nothing_of_the_last_hour(served):
    world = await served.world()
    await happened(served, world, 1, 10)
    for number in range(2, 5):
        await happened(served, world, number, 0.04)
    other = await asyncpg.connect(served.owner_dsn)
    async with other.transaction():
        assert await other.fetchval("SELECT prune_events(0, 0)") == 0
        assert await served.database.fetchval("SELECT prune_events(0, 1)") is None
        waiting = asyncio.create_task(prune.prune(served.owner_dsn, 0))
        assert await left(served, world) == [1, 2, 3, 4]
    assert await waiting >= 1
    assert await left(served, world) == [2, 3, 4]
    await other.close()


def test_how_long_events_are_kept_is_told_by_the_environment():
    environ = {
        names.ENV_DATABASE_URL: "postgresql://nowhere",
        names.ENV_WEBHOOK_SECRET: "s",
        names.ENV_WEBHOOK_VERIFY_TOKEN: "t",
    }
    assert Settings.from_env(environ).events_kept == prune.KEPT
    assert Settings.from_env(environ | {names.ENV_EVENTS_KEPT: "7200"}).events_kept == 7200
    with pytest.raises(SettingsError, match="TAILGATE_EVENTS_KEPT=60 is outside 3600"):
        Settings.from_env(environ | {names.ENV_EVENTS_KEPT: "60"})
