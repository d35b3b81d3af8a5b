"""The voice agent of a workspace: shown, saved, brought to the provider."""

import asyncio

import asyncpg
import httpx
import pytest
from tailgate_service.agents import desk as desk_module
from tailgate_service.agents.configuration import AgentAnswer, SavedAnswer
from tailgate_service.settings import VARIANTS

from tests.service.agents.voice import AGENT, CONFIGURATION, client_of, save, serving, settings_of, until
from tests.service.api.conftest import World
from tests.service.auth.issuer import KeyServer, jwk, rsa_key, token


@pytest.mark.row("C5")
async def test_a_saved_agent_is_shown_and_at_the_provider(client, provider, number):
    saved = await save(client, number)
    assert saved.status_code == 200, saved.text
    body = SavedAnswer.model_validate_json(saved.content)
    assert (body.synced, body.sync, body.agent.version) == (True, "synced", 1)
    shown = await client.get(AGENT)
    agent = AgentAnswer.model_validate_json(shown.content)
    assert agent == body.agent
    assert agent.in_sync
    assert shown.headers["etag"] == saved.headers["etag"] == '"1"'
    told = provider.agent(str(agent.id))["told"]
    assert told["phone_number"] == number
    assert told["configuration"]["prompt"] == CONFIGURATION["prompt"]


@pytest.mark.row("C5")
@pytest.mark.parametrize(
    "same",
    [
        {},
        {"greeting": "Hello!", "name": "Ada"},
        {"temperature": 0.7},
        {"voice": "alloy", "keywords": []},
    ],
)
async def test_an_unchanged_agent_is_not_synced(client, provider, number, same):
    first = (await save(client, number)).json()["agent"]
    again = await save(client, number.replace("+1", "+1 (0)").replace("(0)", ""), '"1"', **same)
    assert again.json() == {"agent": first, "synced": False, "sync": "unchanged", "detail": None}
    assert provider.times(first["id"]) == 1


async def test_whole_numbers_are_the_same_with_and_without_a_point(client, provider, number):
    first = (await save(client, number, temperature=1)).json()["agent"]
    again = (await save(client, number, "*", temperature=1.0)).json()
    assert again["sync"] == "unchanged"
    assert provider.times(first["id"]) == 1


@pytest.mark.row("C5")
async def test_a_changed_agent_is_synced(client, provider, number):
    first = (await save(client, number)).json()["agent"]
    changed = (await save(client, number, '"1"', prompt="Answer briefly.")).json()
    assert (changed["synced"], changed["agent"]["version"]) == (True, 2)
    assert provider.agent(first["id"])["told"]["configuration"]["prompt"] == "Answer briefly."
    assert (await client.get(AGENT)).json() == changed["agent"]


async def test_nobody_changes_what_another_has_changed_meanwhile(client, number):
    await save(client, number)
    await save(client, number, '"1"', name="Bea")
    late = await save(client, number, '"1"', name="Cy")
    assert (late.status_code, late.headers["etag"]) == (412, '"2"')
    blind = await save(client, number, name="Cy")
    assert (blind.status_code, blind.headers["etag"]) == (428, '"2"')
    assert (await client.get(AGENT)).json()["configuration"]["name"] == "Bea"
    assert (await save(client, number, "*", name="Cy")).json()["agent"]["version"] == 3


@pytest.mark.parametrize("tag", ['"1"', "*", "nonsense", 'W/"1"', '""'])
async def test_what_is_not_there_cannot_be_changed(client, number, tag):
    assert (await save(client, number, tag)).status_code == 412


async def test_of_savers_at_once_one_succeeds(client, number):
    answers = await asyncio.gather(*(save(client, number, name=f"{index}") for index in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [428] * 7
    answers = await asyncio.gather(*(save(client, number, '"1"', name=f"{index} again") for index in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7


async def test_a_number_is_answered_by_one_agent(client, app, database, number):
    await save(client, number)
    elsewhere = await World(database).settle()
    async with client_of(app, elsewhere.key) as other:
        answer = await save(other, number.replace("+1", "+1 "))
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["field"] == "phone_number"


@pytest.mark.row("C4")
async def test_an_agent_is_found_by_its_number(client, app, database, number):
    saved = (await save(client, number)).json()["agent"]
    for _ in range(2):
        found = await client.get(f"{AGENT}/by-number", params={"phone_number": f"({number[1:5]}) {number[5:]}"})
        assert found.json() == saved
    assert (await client.get(f"{AGENT}/by-number", params={"phone_number": "12345"})).status_code == 404
    elsewhere = await World(database).settle()
    async with client_of(app, elsewhere.key) as other:
        assert (await other.get(f"{AGENT}/by-number", params={"phone_number": number})).status_code == 404
        assert (await other.get(AGENT)).status_code == 404


async def test_a_number_that_was_given_up_finds_nobody(client, number):
    await save(client, number)
    assert (await client.get(f"{AGENT}/by-number", params={"phone_number": number})).status_code == 200
    await save(client, f"{number}1", "*")
    assert (await client.get(f"{AGENT}/by-number", params={"phone_number": number})).status_code == 404
    assert (await client.get(f"{AGENT}/by-number", params={"phone_number": f"{number}1"})).status_code == 200


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"prompt": ""}, "configuration.prompt"),
        ({"prompt": "x" * 20_001}, "configuration.prompt"),
        ({"temperature": 2.1}, "configuration.temperature"),
        ({"language": "no language!"}, "configuration.language"),
        ({"keywords": ["x"] * 51}, "configuration.keywords"),
        ({"transfer_to": "nobody"}, "configuration.transfer_to"),
        ({"unknown": 1}, "configuration.unknown"),
        ({"greeting": "\0"}, "configuration.greeting"),
    ],
)
async def test_a_field_that_cannot_be_is_named(client, world, number, changes, field):
    answer = await save(client, number, **changes)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert await world.count("agents") == 0


@pytest.mark.row("C5")
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("refuse", "cannot be asked"),
        ("error", "answered 500"),
        ("garbage", "not JSON"),
        ("drop", "cannot be asked"),
    ],
)
async def test_what_the_provider_does_not_take_is_stored_all_the_same_and_synced_by_the_next_save(
    client, provider, number, monkeypatch, fault, said
):
    monkeypatch.setattr(desk_module, "AGAIN_AFTER", ())
    first = (await save(client, number)).json()["agent"]
    provider.behave(fault=fault)
    failed = await save(client, number, '"1"', name="Bea")
    assert failed.status_code == 200
    assert (failed.json()["synced"], failed.json()["sync"]) == (False, "failed")
    assert said in failed.json()["detail"]
    shown = (await client.get(AGENT)).json()
    assert (shown["configuration"]["name"], shown["version"], shown["in_sync"]) == ("Bea", 2, False)
    provider.behave()
    again = (await save(client, number, '"2"', name="Bea")).json()
    assert (again["synced"], again["agent"]["version"], again["agent"]["in_sync"]) == (True, 2, True)
    assert provider.agent(first["id"])["told"]["configuration"]["name"] == "Bea"


async def test_a_provider_that_hangs_keeps_nobody_waiting_for_long(client, provider, number, monkeypatch):
    monkeypatch.setattr(desk_module, "SYNC_WITHIN", 0.3)
    provider.behave(fault="hang")
    failed = (await save(client, number)).json()
    assert (failed["synced"], failed["detail"]) == (False, "the voice provider did not take it within 0.3 s")


async def test_what_goes_back_to_what_was_synced_is_synced_again_when_nobody_knows_what_arrived(
    client, provider, number, monkeypatch
):
    """The provider took the second configuration and failed to say so: the first is not what it has."""
    monkeypatch.setattr(desk_module, "AGAIN_AFTER", ())
    await save(client, number)
    provider.behave(fault="error")
    await save(client, number, '"1"', name="Bea")
    provider.behave()
    back = (await save(client, number, '"2"')).json()
    assert (back["sync"], back["agent"]["in_sync"]) == ("synced", True)


@pytest.mark.row("C5")
async def test_a_retry_syncs_without_anybody_asking(client, provider, number, monkeypatch):
    monkeypatch.setattr(desk_module, "AGAIN_AFTER", (0.05,) * 400)
    provider.behave(fault="error")
    failed = (await save(client, number)).json()
    assert failed["sync"] == "failed"
    provider.behave()

    async def synced() -> bool:
        return (await client.get(AGENT)).json()["in_sync"]

    await until(synced)
    assert provider.times(failed["agent"]["id"]) == 1


async def test_a_slow_save_that_was_overtaken_does_not_have_the_last_word(client, app, provider, number, monkeypatch):
    """Its configuration arrives at the provider after the later one's: it then brings the later one once more."""
    agent_id = (await save(client, number)).json()["agent"]["id"]
    client_class = type(app.state.desk._provider)
    put, overtaken = client_class.put_agent, asyncio.Event()

    async def slow(self, agent):
        if agent.configuration["name"] == "slow":
            await overtaken.wait()
        return await put(self, agent)

    monkeypatch.setattr(client_class, "put_agent", slow)
    late = asyncio.create_task(save(client, number, '"1"', name="slow"))

    async def stored() -> bool:
        return (await client.get(AGENT)).json()["version"] == 2

    await until(stored)
    assert (await save(client, number, '"2"', name="quick")).json()["synced"]
    overtaken.set()
    assert (await late).status_code == 200
    assert provider.agent(agent_id)["told"]["configuration"]["name"] == "quick"
    assert (await client.get(AGENT)).json()["in_sync"]


async def test_without_a_provider_an_agent_is_stored_and_that_is_said(seeded_database, world, number):
    async with serving(settings_of(seeded_database.dsn)) as app, client_of(app, world.key) as client:
        saved = (await save(client, number)).json()
    assert (saved["synced"], saved["sync"], saved["detail"]) == (False, "off", "no voice provider is configured")


@pytest.fixture(params=VARIANTS)
def own_schema(request, clone_of):
    """A database at the level of a variant's schema."""
    return clone_of(request.param)


async def test_every_variant_answers_alike_on_its_own_schema(own_schema, provider, number):
    """Before tuning, too: policies are then asked for every row."""
    database = await asyncpg.connect(own_schema.owner_dsn)
    try:
        world, elsewhere = await World(database).settle(), await World(database).settle()
        settings = settings_of(own_schema.dsn, variant=own_schema.variant, voice_url=provider.url)
        async with (
            serving(settings) as app,
            client_of(app, world.key) as client,
            client_of(app, elsewhere.key) as other,
        ):
            assert (await client.get(AGENT)).status_code == 404
            saved = (await save(client, number)).json()
            assert (saved["sync"], saved["agent"]["version"]) == ("synced", 1)
            assert [(await client.get(AGENT)).json() for _ in range(2)] == [saved["agent"]] * 2
            assert (await other.get(AGENT)).status_code == 404
            assert (await save(client, number, '"1"', name="Bea")).json()["agent"]["version"] == 2
            assert (await client.get(AGENT)).json()["configuration"]["name"] == "Bea"
            assert app.state.desk.cache.counts.hits.totals[("agent", "process")] >= 1
    finally:
        await database.close()


async def test_only_admins_and_keys_may_change_it(seeded_database, provider, world, number):
    await world.database.execute("UPDATE users SET subject = 'amy' WHERE id = $1", await world.user())
    bearer = {"authorization": f"Bearer {token(sub='amy')}"}
    with KeyServer(jwk(rsa_key(), "first")) as issuer:
        settings = settings_of(seeded_database.dsn, voice_url=provider.url, issuer=issuer.issuer)
        async with (
            serving(settings) as app,
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service", headers=bearer) as member,
        ):
            assert (await member.get("/api/me")).status_code == 200
            assert (await save(member, number)).status_code == 403
    assert await world.count("agents") == 0
