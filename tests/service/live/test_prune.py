"""Events are kept for so long and no longer; the last one of a workspace always."""

import pytest
from tailgate_service.live import prune


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
