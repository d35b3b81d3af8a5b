"""Which variant serves when one that the schema allows cannot be opened."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import asyncpg
from tailgate_service import switch as switch_module
from tailgate_service.errors import NotReadyError
from tailgate_service.listener import Listener
from tailgate_service.migrations import holds
from tailgate_service.switch import Switch


async def test_a_variant_that_is_not_ready_is_tried_again_and_the_next_best_serves_meanwhile(
    seeded_database, monkeypatch, caplog
):
    monkeypatch.setattr(switch_module, "_ASKED_EVERY", 0.05)
    served, refused = [], []

    @asynccontextmanager
    async def opened(variant):
        if variant == "parallel" and served == ["parallel", "sequential"] and len(refused) < 2:
            refused.append(variant)
            raise NotReadyError("its documents are missing")
        served.append(variant)
        yield SimpleNamespace(variant=variant)

    async def app(scope, receive, send):
        pass

    database = await asyncpg.connect(seeded_database.owner_dsn)
    async with Switch(seeded_database.dsn, Listener(seeded_database.dsn), "parallel", opened) as switch:
        switch.watch(SimpleNamespace(state=SimpleNamespace()), app)
        # The session that holds the schema is cut: what needs least serves until there is another.
        await database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = $1::int::oid"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            holds.STEPS,
        )
        async with asyncio.timeout(20):
            while served != ["parallel", "sequential", "parallel"]:  # noqa: ASYNC110 - the database hung up
                await asyncio.sleep(0.01)
    assert len(refused) == 2
    assert "variant parallel cannot serve yet: its documents are missing" in caplog.text
    await database.close()
