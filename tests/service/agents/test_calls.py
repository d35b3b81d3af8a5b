"""Calls to try an agent: answered at once, told stage by stage, failures too."""

import asyncio
import json
import uuid

import httpx
import pytest
from tailgate_otel import recording
from tailgate_service.agents import calls as calls_module
from tailgate_service.agents.calls import Call, Calls
from tailgate_service.errors import BusyError, ProviderError
from tailgate_service.identity import Identity

from tests.service.agents.voice import TEST, WITHIN, client_of, save, serving, settings_of, until
from tests.service.api.conftest import World

ALL = ["queued", "connecting", "connected", "speaking", "ended"]


async def told(client: httpx.AsyncClient, path: str, after: int = 0) -> list[dict]:
    """The stages that a stream tells until it ends."""
    async with asyncio.timeout(WITHIN):
        answer = await client.get(path, headers={"last-event-id": str(after)})
    assert answer.headers["content-type"].startswith("text/event-stream"), answer.text
    blocks = [block.splitlines() for block in answer.text.split("\n\n") if block and not block.startswith(":")]
    stages = [json.loads(block[2].removeprefix("data: ")) for block in blocks]
    assert [block[0] for block in blocks] == [f"id: {stage['number']}" for stage in stages]
    assert all(block[1] == "event: stage" for block in blocks)
    return stages


async def begun(client: httpx.AsyncClient) -> str:
    answer = await client.post(TEST)
    assert answer.status_code == 202, answer.text
    assert answer.json()["stages"][0]["stage"] == "queued"
    return answer.json()["events"]


@pytest.mark.row("C6")
async def test_a_call_is_told_stage_by_stage(client, number):
    await save(client, number)
    stages = await told(client, await begun(client))
    assert [stage["stage"] for stage in stages] == ALL
    assert [stage["number"] for stage in stages] == [1, 2, 3, 4, 5]
    assert all(stage["detail"] is None for stage in stages)


@pytest.mark.row("C6")
async def test_the_answer_waits_for_nobody(client, provider, number):
    """Neither for the provider, which hangs, nor for the agent to be read: who asks is all that is looked up."""
    await save(client, number)
    provider.behave(fault="hang")
    with recording() as record:
        answer = await client.post(TEST)
    assert (answer.status_code, answer.json()["stages"][-1]["stage"]) == (202, "queued")
    assert record.queries <= 1


@pytest.mark.row("C6")
@pytest.mark.parametrize(
    ("behaviour", "reached", "said"),
    [
        ({"fault": "refuse"}, ["queued", "connecting"], "cannot be asked"),
        ({"fault": "error", "at": ["calls"]}, ["queued", "connecting"], "answered 500"),
        ({"fault": "garbage", "at": ["calls"]}, ["queued", "connecting"], "not JSON"),
        ({"fault": "drop", "at": ["calls"]}, ["queued", "connecting"], "cannot be asked"),
        ({"fault": "error", "at": ["words"]}, ["queued", "connecting", "connected"], "the line is bad"),
        ({"fault": "garbage", "at": ["words"]}, ["queued", "connecting", "connected"], "not JSON"),
        ({"fault": "drop", "at": ["words"]}, ["queued", "connecting", "connected"], "broke the call off"),
    ],
)
async def test_a_failure_is_told_with_its_cause(client, provider, number, behaviour, reached, said):
    await save(client, number)
    provider.behave(**behaviour)
    *before, last = await told(client, await begun(client))
    assert [stage["stage"] for stage in before] == reached
    assert last["stage"] == "failed"
    assert said in last["detail"]


@pytest.mark.parametrize("place", ["calls", "words"])
async def test_a_provider_that_hangs_ends_the_call_in_time(client, app, provider, number, place):
    await save(client, number)
    provider.behave(fault="hang", at=[place])
    app.state.desk.calls._within = 0.5
    last = (await told(client, await begun(client)))[-1]
    assert (last["stage"], last["detail"]) == ("failed", "the call took longer than 0.5 s")


async def test_a_workspace_without_an_agent_is_told_so(client):
    last = (await told(client, await begun(client)))[-1]
    assert (last["stage"], last["detail"]) == ("failed", "this workspace has no voice agent")


async def test_what_was_not_synced_is_synced_before_it_is_tried(client, provider, number):
    provider.behave(fault="error", at=["agents"])
    agent = (await save(client, number)).json()["agent"]
    assert not agent["in_sync"]
    provider.behave()
    assert (await told(client, await begun(client)))[-1]["stage"] == "ended"
    assert provider.times(agent["id"]) >= 1


@pytest.mark.row("C6")
async def test_who_comes_back_is_told_what_is_missing(client, number):
    await save(client, number)
    path = await begun(client)
    await told(client, path)
    assert [stage["stage"] for stage in await told(client, path, after=3)] == ALL[3:]
    assert (await client.get(path, headers={"last-event-id": "5"})).status_code == 204
    shown = (await client.get(path.removesuffix("/events"))).json()
    assert [stage["stage"] for stage in shown["stages"]] == ALL


@pytest.mark.row("A3")
async def test_what_a_call_asks_in_the_background_is_not_its_requests(client, app):
    with recording() as record:
        await begun(client)
        [call] = app.state.desk.calls._calls.values()
        await until(lambda: call.over)
    assert record.queries == 1


async def test_another_workspace_hears_nothing_of_it(client, app, database, number):
    await save(client, number)
    path = await begun(client)
    elsewhere = await World(database).settle()
    async with client_of(app, elsewhere.key) as other:
        assert (await other.get(path)).status_code == 404
        assert (await other.get(path.removesuffix("/events"))).status_code == 404
    unknown = await client.get(f"{TEST}/{uuid.uuid4()}/events")
    assert unknown.status_code == 404
    assert "they end with the process that began them" in unknown.json()["detail"]


async def test_calls_are_bounded_and_those_of_one_workspace_leave_room_for_others(
    client, app, database, provider, number
):
    await save(client, number)
    provider.behave(fault="hang")
    answers = [await client.post(TEST) for _ in range(calls_module.AT_ONCE_EACH + 1)]
    assert [answer.status_code for answer in answers] == [202] * calls_module.AT_ONCE_EACH + [429]
    assert answers[-1].headers["retry-after"]
    elsewhere = await World(database).settle()
    async with client_of(app, elsewhere.key) as other:
        assert (await other.post(TEST)).status_code == 202


async def test_a_service_that_ends_says_so_to_who_follows_a_call(seeded_database, provider, world, number):
    async with (
        serving(settings_of(seeded_database.dsn, voice_url=provider.url)) as app,
        client_of(app, world.key) as client,
    ):
        await save(client, number)
        provider.behave(fault="hang", at=["words"])
        following = asyncio.create_task(told(client, await begun(client)))
        await until(lambda: any(call.followers for call in app.state.desk.calls._calls.values()))
        await app.state.desk.calls.close()
        last = (await following)[-1]
        assert (last["stage"], last["detail"]) == ("failed", "the service is about to end")
        assert (await client.post(TEST)).status_code == 429


WHO = Identity(workspace_id=uuid.uuid4())


async def test_stages_never_go_back_and_nothing_follows_the_last():
    call = Call(uuid.uuid4())
    for kind in ("speaking", "connected", "speaking", "failed", "ended"):
        call.reach(kind, "x")
    assert [stage.stage for stage in call.stages] == ["queued", "speaking", "failed"]


async def endless(_, __):
    await asyncio.Event().wait()
    yield "connecting"


async def test_followers_of_a_call_are_bounded():
    calls = Calls(endless)
    call = calls.start(WHO)
    followers = [calls.follow(call, 0, 0.01) for _ in range(calls_module.FOLLOWERS + 1)]
    for follower in followers[:-1]:
        assert (await anext(follower)).stage == "queued"
    with pytest.raises(BusyError):
        await anext(followers[-1])
    await followers[0].aclose()
    assert (await anext(calls.follow(call, 0, 0.01))).stage == "queued"
    await calls.close()
    assert call.stages[-1].detail == "the service is about to end"


async def test_who_follows_a_call_hears_that_it_is_still_there():
    calls = Calls(endless)
    follower = calls.follow(calls.start(WHO), 1, 0.01)
    assert await anext(follower) is None
    await calls.close()


async def test_who_is_slow_is_told_every_stage_all_the_same():
    """Stages are reached while others are told, the last one too."""
    call = Call(WHO.workspace_id)
    told = []
    async for stage in Calls(endless).follow(call, 0, WITHIN):
        told.append(stage.stage)
        for kind in ALL[len(told) : len(told) + 2]:
            call.reach(kind)
    assert told == ALL


async def test_a_call_that_is_over_has_hung_up():
    """At once, and not whenever its memory is needed for something else."""
    hung_up = []

    async def place(_, __):
        try:
            yield "ended"
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            hung_up.append(True)

    calls = Calls(place)
    calls.start(WHO)
    await asyncio.gather(*calls._running)
    assert hung_up


async def test_a_database_that_is_slow_is_not_taken_for_a_call_that_is_long(caplog):
    async def place(_, __):
        raise TimeoutError("no connection")
        yield "connecting"

    calls = Calls(place)
    call = calls.start(WHO)
    await asyncio.gather(*calls._running)
    assert call.stages[-1].detail == "the database does not answer"
    assert "no connection" in caplog.text


async def test_calls_that_are_over_are_kept_for_a_while_and_not_for_ever(monkeypatch):
    monkeypatch.setattr(calls_module, "_KEPT", 10)

    async def place(_, __):
        raise ProviderError("no")
        yield "connecting"

    calls = Calls(place)
    made = []
    for _ in range(30):
        made.append(calls.start(WHO))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert len(calls._calls) <= 10
    assert calls.find(WHO, made[-1].id) is made[-1]


async def test_a_failure_of_our_own_is_told_without_its_secrets(caplog):
    async def place(_, __):
        raise RuntimeError("secret")
        yield "connecting"

    calls = Calls(place)
    call = calls.start(WHO)
    await until(lambda: call.over)
    assert call.stages[-1].detail == "the service failed; its log has the cause"
    assert "secret" in caplog.text
