"""Whatever is cut off, killed or stopped on the way: whoever comes back has missed nothing and gets nothing twice."""

import asyncio
import os
import random
import signal
import socket
from typing import Any

import asyncpg
import httpx
import pytest
from tailgate_service import server
from tailgate_service.live.connection import GOING_AWAY

from tests.service.api.conftest import settings_for
from tests.service.live.following import HANDSHAKE, WITHIN

LISTENS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tailgate-service listens'"


@pytest.mark.row("A14")
async def test_connections_killed_in_the_middle_resume_with_nothing_missed_and_nothing_twice(served, by):
    world = await served.world()
    conversations = [await world.conversation() for _ in range(4)]
    count, seen = 200, []

    async def write() -> None:
        # Transactions that overlap: numbers are given in the order of commits all the same.
        pool = await asyncpg.create_pool(served.owner_dsn, min_size=4, max_size=4)
        async with pool:
            await asyncio.gather(*(_send(pool, world, conversations[n % 4], n) for n in range(count)))

    async def follow() -> None:
        chance = random.Random(1)
        while len(seen) < count:
            async with served.follow(world, after=seen[-1] if seen else 0, by=by) as follower:
                for _ in range(chance.randrange(1, 40)):
                    seen.append((await follower.next())["number"])
                    if len(seen) == count:
                        break

    await asyncio.gather(write(), follow())
    assert seen == list(range(1, count + 1))


async def _send(pool: Any, world: Any, conversation: Any, number: int) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "INSERT INTO messages (workspace_id, conversation_id, direction, body, status)"
            " VALUES ($1, $2, 'out', $3, 'queued')",
            world.id, conversation, str(number) * random.choice((1, 1, 1, 3000)),
        )  # fmt: skip
        if number % 7 == 0:
            await connection.execute("SELECT pg_sleep(0.005)")


async def test_what_happens_while_the_database_does_not_tell_is_told_afterwards(served, by):
    world = await served.world()
    conversation = await world.conversation()
    async with served.follow(world, by=by) as follower:
        for round_ in range(3):
            assert await served.database.fetch(LISTENS)
            await world.message(conversation, "unheard")
            await world.message(conversation, "unheard, too")
            assert await follower.numbers(2) == [2 * round_ + 1, 2 * round_ + 2]


async def test_a_message_too_large_for_a_notification_is_told_whole(served, by):
    world = await served.world()
    conversation = await world.conversation()
    body = "ä" * 4096
    async with served.follow(world, by=by) as follower:
        await world.message(conversation, "small")
        await world.message(conversation, body)
        await world.message(conversation, "small")
        told = [(await follower.next())["body"]["message"]["body"] for _ in range(3)]
    assert told == ["small", body, "small"]


async def test_the_header_of_who_comes_back_says_more_than_its_address(served):
    world = await served.world()
    conversation = await world.conversation()
    for _ in range(5):
        await world.message(conversation, "x")
    async with served.follow(world, after=1, by="events") as follower:
        await follower.numbers(2)
        last = follower.last_event_id
    assert last == "3"
    query = {"ticket": await served.ticket(world), "after": "1"}
    async with served.connected("events", query, {"last-event-id": last}) as follower:
        assert (await follower.next())["after"] == 3
        assert await follower.numbers(2) == [4, 5]


async def test_who_is_too_far_behind_is_told_to_read_anew(served, by):
    world = await served.world()
    conversation = await world.conversation()
    for _ in range(3):
        await world.message(conversation, "x")
    await served.database.execute("DELETE FROM events WHERE workspace_id = $1 AND number < 3", world.id)
    for after in (1, 9):
        query = {"ticket": await served.ticket(world), "after": str(after)}
        if by == "websocket":
            async with served.connected(by, query) as follower:
                assert await follower.over() == 4410
        else:
            async with httpx.AsyncClient() as client:
                answer = await client.get(served.url + "/api/live/events", params=query)
            assert answer.status_code == 410
            assert "read anew" in answer.json()["detail"]


@pytest.mark.parametrize("variant", ["parallel"])
async def test_a_service_that_stops_sends_everybody_elsewhere_at_once(serving, start, served, by):
    database, _ = serving
    world = await served.world()
    with start(database) as child:
        other = served.beside(child.ready, child.pid)
        async with other.follow(world, by=by) as follower:
            os.kill(child.pid, signal.SIGTERM)
            assert await follower.over() == GOING_AWAY.code
        assert await asyncio.to_thread(child._process.wait, WITHIN) == 0
        assert child.log.read_text() == ""


@pytest.mark.parametrize("variant", ["parallel"])
async def test_processes_of_one_service_tell_the_same(serving, start, served, by):
    database, _ = serving
    world = await served.world()
    conversation = await world.conversation()
    with start(database) as child:
        other = served.beside(child.ready, child.pid)
        async with served.follow(world, by=by) as here, other.follow(world, by=by) as there:
            for _ in range(20):
                await world.message(conversation, "x")
            assert await here.numbers(20) == await there.numbers(20) == list(range(1, 21))
            seen = 20
        async with other.follow(world, after=seen, by=by) as there:
            await world.message(conversation, "x")
            assert await there.numbers(1) == [21]


@pytest.mark.parametrize("variant", ["parallel"])
async def test_who_follows_and_what_was_sent_is_counted(serving, start, served, by):
    database, _ = serving
    world = await served.world()
    conversation = await world.conversation()
    await world.message(conversation, "before")
    with start(database) as child:
        other = served.beside(child.ready, child.pid)
        transport = f'{{transport="{by}"}}'
        async with other.follow(world, after=0, by=by) as follower:
            await follower.numbers(1)
            await world.message(conversation, "since")
            await follower.numbers(1)
            metrics = await other.metrics()
            assert metrics[f"tailgate_live_connections{transport}",] == 1
            assert metrics[f"tailgate_live_events_sent_total{transport}",] == 2
            # What was caught up with is not late.
            assert metrics[f"tailgate_live_lag_seconds_count{transport}",] == 1
            await served.database.execute(
                "UPDATE workspaces SET api_key_sha256 = sha256(uuid_send(id)) WHERE id = $1", world.id
            )
            assert await follower.over() == 4401
        metrics = await other.metrics()
        assert metrics['tailgate_live_cut_off_total{reason="no_access"}',] == 1
        assert metrics[f"tailgate_live_connections{transport}",] == 0


@pytest.mark.parametrize("variant", ["parallel"])
async def test_a_client_that_hangs_up_is_forgotten(serving, start, served, by):
    database, _ = serving
    world = await served.world()
    with start(database) as child:
        other = served.beside(child.ready, child.pid)
        path = "/api/live" if by == "websocket" else "/api/live/events"
        url = httpx.URL(other.url + path, params={"ticket": await served.ticket(world)})
        headers = {"host": "x"} | (HANDSHAKE if by == "websocket" else {})
        head = f"GET {url.raw_path.decode()} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        with socket.create_connection((url.host, url.port)) as raw:
            raw.sendall(f"{head}\r\n".encode())
            received = b""
            while b'"hello"' not in received:
                received += raw.recv(4096)
        async with asyncio.timeout(WITHIN):
            while (await other.metrics())[f'tailgate_live_connections{{transport="{by}"}}',]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert child.log.read_text() == ""


async def test_a_workspace_that_is_deleted_is_followed_no_more(served, by):
    world = await served.world()
    async with served.follow(world, by=by) as follower:
        await served.database.execute("DELETE FROM workspaces WHERE id = $1", world.id)
        assert await follower.over() == 4401


def test_the_system_hangs_up_on_a_client_that_takes_nothing_for_long():
    with (
        server._listen(settings_for("parallel", "postgresql://nowhere")) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == server._UNTAKEN_MS > 0
