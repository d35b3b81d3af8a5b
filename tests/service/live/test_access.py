"""Nobody follows who may not, or not any more."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.service.live.following import HANDSHAKE


async def refused(served, by: str, query: dict[str, str], headers: dict[str, str] | None = None) -> httpx.Response:
    """The problem with which a connection is refused."""
    path, needed = ("/api/live", HANDSHAKE) if by == "websocket" else ("/api/live/events", {})
    async with httpx.AsyncClient() as client:
        answer = await client.get(served.url + path, params=query, headers=needed | (headers or {}))
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code
    return answer


@pytest.mark.row("A14")
async def test_the_ticket_of_a_key_lets_in_once(served, by):
    world = await served.world()
    async with httpx.AsyncClient() as client:
        answer = await client.post(served.url + "/api/live/ticket", headers={"x-api-key": world.key})
    ticket = answer.json()["ticket"]
    async with served.follow(world, by=by, ticket=ticket) as follower:
        conversation = await world.conversation()
        await world.message(conversation, "hello")
        assert await follower.numbers(1) == [1]
    assert (await refused(served, by, {"ticket": ticket})).status_code == 401


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 422),
        ({"ticket": ""}, 422),
        ({"ticket": "x" * 300}, 422),
        ({"ticket": "guessed"}, 401),
        ({"ticket": "\x00ü"}, 401),
        ({"after": "1"}, 422),
    ],
)
async def test_who_shows_nothing_of_use_is_refused(served, by, query, status):
    answer = await refused(served, by, query)
    assert answer.status_code == status
    if status == 422:
        assert [error["field"] for error in answer.json()["errors"]] == ["ticket"]


@pytest.mark.parametrize("after", ["-1", str(2**63), "last"])
async def test_a_place_that_cannot_be_is_named(served, by, after):
    ticket = await served.ticket(await served.world())
    answer = await refused(served, by, {"ticket": ticket, "after": after})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["after"]


async def test_a_refusal_is_no_error_of_the_service(served, serving, log_of):
    for _ in range(2):  # by the second answer, whatever the first was followed by is in the log
        assert (await refused(served, "websocket", {"ticket": "guessed"})).status_code == 401
    assert "handshake" not in log_of(serving[1])


async def test_a_page_of_somebody_elses_is_refused_and_spends_no_ticket(served, by):
    world = await served.world()
    ticket = await served.ticket(world)
    answer = await refused(served, by, {"ticket": ticket}, {"origin": "https://evil.example"})
    assert answer.status_code == 403
    async with served.connected(by, {"ticket": ticket}, {"origin": served.url}) as follower:
        assert (await follower.next())["kind"] == "hello"


async def test_a_member_who_leaves_is_told_no_more(served, by):
    world = await served.world()
    member = await world.user()
    await served.database.execute("UPDATE users SET subject = 'uma' WHERE id = $1", member)
    ticket = await served.ticket(world, member=member, subject="uma")
    async with served.follow(world, by=by) as other, served.follow(world, by=by, ticket=ticket) as follower:
        await served.database.execute("DELETE FROM users WHERE id = $1", member)
        assert await follower.over() == 4401
        conversation = await world.conversation()
        await world.message(conversation, "after she left")
        assert await other.numbers(1) == [1]


async def test_a_key_that_is_replaced_lets_nobody_go_on(served, by):
    world = await served.world()
    async with served.follow(world, by=by) as follower:
        await served.database.execute(
            "UPDATE workspaces SET api_key_sha256 = sha256('another'::bytea || uuid_send(id)) WHERE id = $1", world.id
        )
        assert await follower.over() == 4401


async def test_a_connection_ends_with_the_token_that_opened_it(served, by):
    world = await served.world()
    ticket = await served.ticket(world, until=datetime.now(UTC) + timedelta(seconds=1))
    async with served.follow(world, by=by, ticket=ticket) as follower:
        assert await follower.over() == 4401


async def test_nothing_is_listened_to(served):
    world = await served.world()
    async with served.follow(world) as follower:
        await follower.socket.send("hello?")
        assert await follower.over() == 1003
    async with served.follow(world) as follower:
        await follower.socket.send("x" * 100_000)
        assert await follower.over() == 1009
