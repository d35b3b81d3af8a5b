"""What is in memory when a process begins to serve, and what it says of that."""

import os

import asyncpg
import httpx
import pytest
from tailgate_otel import names, recording
from tailgate_service.process import Child
from tailgate_service.store.readmodel.hot import CARD_OVERHEAD, LARGEST

from tests.service.api.conftest import World

COUNTS = """
SELECT count(*) FILTER (WHERE kind = 'card') AS card, count(*) FILTER (WHERE kind = 'item') AS item,
       sum(octet_length(document::text)) AS bytes
FROM documents WHERE octet_length(document::text) <= $1"""


@pytest.fixture
def own(clone_of):
    return clone_of("readmodel")


@pytest.fixture
async def alone(own):
    """A workspace that is the only one of its database, and that database's address."""
    connection = await asyncpg.connect(own.owner_dsn)
    await connection.execute("DELETE FROM workspaces")
    yield await World(connection).settle(), own.dsn
    await connection.close()


@pytest.mark.row("A8")
async def test_of_many_pages_all_is_hot_and_without_room_for_all_the_newest(alone, process, monkeypatch):
    monkeypatch.setattr("tailgate_service.store.readmodel.model._ITEMS", 3)
    monkeypatch.setattr("tailgate_service.store.readmodel.model._CARDS", 2)
    world, dsn = alone
    phones = [f"1234567{number}" for number in range(7)]
    for minutes, phone in enumerate(phones):
        await world.conversation(await world.contact(phone), last_message_at=world.at(minutes))
    async with process(dsn) as one:
        hot = one.model.hot
        assert hot.documents == (7, 7)
        with recording() as record:
            assert len((await one.inbox(world))["conversations"]) == 7
            cards = {phone: len(hot.card(world.id, phone)) + CARD_OVERHEAD for phone in phones}
        assert record.queries == 0
        assert hot.size == hot.inbox(world.id).size + sum(cards.values())
        room = hot.size - sum(cards[phone] for phone in phones[:4]) + 1
    async with process(dsn, hot_bytes=room) as one:
        assert [phone for phone in phones if one.model.hot.card(world.id, phone) is not None] == phones[4:]
        assert one.model.hot.inbox(world.id) is not None


@pytest.mark.row("A8")
async def test_the_memory_that_documents_take_is_said_when_it_is_ready_and_on_its_page(documented, database, tmp_path):
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | {
        names.ENV_DATABASE_URL: documented.dsn,
        names.ENV_VARIANT: "readmodel",
        names.ENV_WEBHOOK_SECRET: "secret",
        names.ENV_WEBHOOK_VERIFY_TOKEN: "token",
        names.ENV_METRICS_PORT: "0",
        names.ENV_POOL_SIZE: "3",
    }
    workspace = documented.targets["workspaces"][0]
    headers = {names.HEADER_API_KEY: workspace["api_key"]}
    with Child("tailgate_service", [], environ=environ, log=tmp_path / "log", within=30) as child:
        async with httpx.AsyncClient(base_url=child.ready["url"], headers=headers) as client:
            for path in ("/api/conversations", "/api/conversations?search=a", "/api/conversations?active=true"):
                assert (await client.get(path)).status_code == 200
            phone = {"phone": workspace["phones"][0]}
            assert (await client.get("/api/contacts/by-phone", params=phone)).status_code == 200
            assert (await client.get("/api/contacts/by-phone", params={"phone": "000000"})).status_code == 404
            page = (await client.get(child.ready["metrics_url"])).text.splitlines()
    counted = await database.fetchrow(COUNTS, LARGEST)
    documents = counted["card"] + counted["item"]
    said = child.ready["hot_bytes"]
    # What it says is at least the documents themselves, and not much beside.
    assert counted["bytes"] < said < counted["bytes"] + 1000 * documents
    assert f"{names.READMODEL_BYTES} {said}" in page
    assert f'{names.READMODEL_DOCUMENTS}{{document="card"}} {counted["card"]}' in page
    assert f'{names.READMODEL_DOCUMENTS}{{document="item"}} {counted["item"]}' in page
    assert f'{names.READMODEL_READS}_total{{source="memory"}} 3' in page
    assert f'{names.READMODEL_READS}_total{{source="database"}} 2' in page
