"""Following a workspace: what happened since, then what happens, in order, none missed and none twice."""

import pytest


@pytest.mark.row("A14")
async def test_what_happened_since_comes_first_and_then_what_happens(served, by):
    world = await served.world()
    conversation = await world.conversation()
    for number in range(1, 6):
        await world.message(conversation, f"message {number}")
    async with served.follow(world, after=2, by=by) as follower:
        assert (follower.hello["after"], follower.hello["last"]) == (2, 5)
        assert await follower.numbers(3) == [3, 4, 5]
        await world.message(conversation, "message 6", direction="out", status="queued")
        event = await follower.next()
    assert (event["number"], event["kind"]) == (6, "message")
    assert (event["body"]["message"]["body"], event["body"]["message"]["direction"]) == ("message 6", "out")
    assert event["body"]["conversation"]["id"] == str(conversation)


async def test_who_names_no_event_is_told_what_happens_from_now_on(served, by):
    world = await served.world()
    conversation = await world.conversation()
    await world.message(conversation, "before")
    async with served.follow(world, by=by) as follower:
        assert (follower.hello["after"], follower.hello["last"]) == (1, 1)
        await world.message(conversation, "since")
        assert (await follower.next())["body"]["message"]["body"] == "since"


async def test_nobody_hears_of_another_workspace(served, by):
    world, elsewhere = await served.world(), await served.world()
    here, there = await world.conversation(), await elsewhere.conversation()
    async with served.follow(world, after=0, by=by) as follower:
        await elsewhere.message(there, "theirs")
        await world.message(here, "ours")
        assert (await follower.next())["body"]["message"]["body"] == "ours"
