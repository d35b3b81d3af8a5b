"""Deliveries of the webhook that overlap: over as many connections as there are deliveries at a time."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from tailgate_service.settings import Settings

from tests.service.api.conftest import serving

AT_ONCE = 20
PHONES = 40


@pytest.fixture
def settings(variant, database_of, settings_for) -> Settings:
    return settings_for(variant, database_of(variant).dsn, pool_size=AT_ONCE)


@pytest.fixture
async def app(settings) -> AsyncIterator[FastAPI]:
    async with serving(settings) as app:
        yield app


@pytest.mark.row("A10")
@pytest.mark.parametrize(
    ("variant", "each"), [("sequential", 5), ("parallel", 25), ("readmodel", 5)], indirect=["variant"]
)
async def test_deliveries_each_sent_three_times_shuffled_leave_one_message_each(deliver, world, database, each):
    """A thousand of them where the webhook is what it is tuned to be."""
    phones = [f"+49 30 {number:04d}" for number in range(PHONES)]
    now = time.time()
    deliveries = [
        # The same caller is spelt in more than one way.
        world.delivery(
            id=f"wamid.{number}",
            phone=phones[number % PHONES].replace(" ", "" if number % 3 else " "),
            sent_at=now - number,
        )
        for number in range(PHONES * each)
    ] * 3
    random.Random(2132).shuffle(deliveries)
    answers: Counter[str] = Counter()
    waiting = iter(deliveries)

    async def post() -> None:
        for body in waiting:
            answer = await deliver(body)
            answers[f"{answer.status_code} {answer.json().get('status')}"] += 1

    await asyncio.gather(*(post() for _ in range(AT_ONCE)))

    assert answers == {"200 accepted": PHONES * each, "200 duplicate": 2 * PHONES * each}
    assert [await world.count(table) for table in ("contacts", "conversations", "messages")] == [
        PHONES,
        PHONES,
        PHONES * each,
    ]
    rows = await database.fetch(
        "SELECT c.unread_count, c.last_message_at = max(m.created_at) AS latest, count(*) FROM conversations c"
        " JOIN messages m ON m.conversation_id = c.id WHERE c.workspace_id = $1 GROUP BY c.id",
        world.id,
    )
    assert {(row["unread_count"], row["latest"], row["count"]) for row in rows} == {(each, True, each)}


async def test_first_messages_of_one_caller_at_once_open_one_conversation(deliver, world):
    bodies = [world.delivery(id=f"wamid.{number}") for number in range(20)]
    answers = await asyncio.gather(*(deliver(body) for body in bodies))
    assert {answer.json()["status"] for answer in answers} == {"accepted"}
    assert [await world.count(table) for table in ("contacts", "conversations", "messages")] == [1, 1, 20]
