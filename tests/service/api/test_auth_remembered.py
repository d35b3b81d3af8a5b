"""What a process keeps in mind of who may ask spares the query, and is not believed a moment too long."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from tailgate_otel import recording
from tailgate_service.app import create_app, open_store
from tailgate_service.auth.changes import remembering
from tailgate_service.listener import Listener
from tailgate_service.server import open_pool

ME = "/api/me"


@pytest.fixture
async def app(settings) -> AsyncIterator[FastAPI]:
    """As it is served: with somebody who listens."""
    listener = Listener(settings.database_url)
    with remembering(listener) as memory:
        async with (
            open_pool(settings) as pool,
            listener.running(),
            open_store(settings, settings.variant, pool, memory) as store,
        ):
            async with asyncio.timeout(10):
                while not memory.trusted:  # noqa: ASYNC110 - it is another process that answers
                    await asyncio.sleep(0.01)
            yield create_app(settings, store)


@pytest.mark.row("A8")
async def test_who_has_asked_before_is_known_without_a_query_but_for_the_untuned_variant(client, variant):
    counted = []
    for _ in range(3):
        with recording() as record:
            assert (await client.get(ME)).status_code == 200
        counted.append(record.queries)
    assert counted == ([1, 1, 1] if variant == "sequential" else [1, 0, 0])


@pytest.mark.row("A9")
async def test_a_key_that_was_replaced_opens_nothing_any_more(client, world):
    assert (await client.get(ME)).status_code == 200
    await world.database.execute(
        "UPDATE workspaces SET api_key_sha256 = sha256(id::text::bytea) WHERE id = $1", world.id
    )
    async with asyncio.timeout(10):
        while (await client.get(ME)).status_code != 401:  # noqa: ASYNC110 - another process says it
            await asyncio.sleep(0.01)
