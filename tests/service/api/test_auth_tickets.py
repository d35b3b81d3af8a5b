"""A ticket lets one live connection in, once, soon, and only while what was shown for it would."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from tailgate_otel import recording
from tailgate_service.auth import tickets
from tailgate_service.identity import Identity
from tailgate_service.store.access import DatabaseAccess

TICKET = "/api/live/ticket"


@pytest.fixture
def access(app) -> DatabaseAccess:
    return app.state.store.access


async def ticket(client) -> str:
    answer = await client.post(TICKET)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    left = datetime.fromisoformat(answer.json()["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=20) < left <= timedelta(seconds=31)
    return answer.json()["ticket"]


async def member(world, role: str = "agent") -> Identity:
    """Somebody who came in by a token."""
    subject = f"subject of {world.id}"
    user = await world.user()
    await world.database.execute("UPDATE users SET subject = $2, role = $3 WHERE id = $1", user, subject, role)
    return Identity(
        workspace_id=world.id,
        user_id=user,
        role=role,
        proof=hashlib.sha256(subject.encode()).digest(),
        expires_at=datetime.now(UTC) + timedelta(minutes=5),
    )


@pytest.mark.row("A14")
async def test_a_ticket_brings_back_who_asked_for_it(client, world, access):
    proof = hashlib.sha256(world.key.encode()).digest()
    who = await tickets.redeem(access, await ticket(client))
    assert who == Identity(workspace_id=world.id, proof=proof)
    one = await member(world)
    assert await tickets.redeem(access, (await tickets.issue(access, one)).text) == one


@pytest.mark.row("A9")
async def test_a_ticket_is_good_once(client, access):
    text = await ticket(client)
    assert await tickets.redeem(access, text) is not None
    assert await tickets.redeem(access, text) is None


@pytest.mark.row("A9")
async def test_of_many_who_show_it_at_once_one_is_let_in(client, access):
    text = await ticket(client)
    let = await asyncio.gather(*(tickets.redeem(access, text) for _ in range(20)))
    assert sum(who is not None for who in let) == 1


@pytest.mark.row("A9")
async def test_a_ticket_that_is_late_lets_nobody_in_and_is_used_up(client, world, access):
    text = await ticket(client)
    digest = hashlib.sha256(text.encode()).digest()
    await world.database.execute("UPDATE live_tickets SET expires_at = now() WHERE sha256 = $1", digest)
    assert await tickets.redeem(access, text) is None
    assert await world.count("live_tickets") == 0


@pytest.mark.row("A9")
@pytest.mark.parametrize("text", ["", "nonsense", "x" * 10_000, "\0", "\ud800", "é"])
async def test_what_is_no_ticket_lets_nobody_in(access, text):
    assert await tickets.redeem(access, text) is None


@pytest.mark.row("A9")
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE users SET subject = NULL WHERE workspace_id = $1",
        "UPDATE users SET subject = 'another' WHERE workspace_id = $1",
        "UPDATE users SET role = 'admin' WHERE workspace_id = $1",
        "DELETE FROM users WHERE workspace_id = $1",
        "DELETE FROM workspaces WHERE id = $1",
    ],
)
async def test_a_ticket_is_worth_what_was_shown_for_it(world, access, change):
    who = await member(world)
    assert await access.lets_in(who)
    text = (await tickets.issue(access, who)).text
    await world.database.execute(change, world.id)
    assert await tickets.redeem(access, text) is None
    assert not await access.lets_in(who)


@pytest.mark.row("A9")
async def test_a_ticket_of_a_key_ends_with_the_key(client, world, access):
    who = await tickets.redeem(access, await ticket(client))
    assert await access.lets_in(who)
    text = await ticket(client)
    await world.database.execute(
        "UPDATE workspaces SET api_key_sha256 = sha256(id::text::bytea) WHERE id = $1", world.id
    )
    assert await tickets.redeem(access, text) is None
    assert not await access.lets_in(who)


async def test_a_ticket_does_not_outlive_the_token_that_was_shown_for_it(world, access):
    who = await member(world)
    text = (await tickets.issue(access, who)).text
    await world.database.execute("UPDATE live_tickets SET until = now() WHERE workspace_id = $1", world.id)
    assert await tickets.redeem(access, text) is None


async def test_tickets_nobody_used_are_cleared_away_by_later_ones(client, world):
    for _ in range(5):
        await ticket(client)
    await world.database.execute(
        "UPDATE live_tickets SET expires_at = now() - interval '1 day' WHERE workspace_id = $1", world.id
    )
    await ticket(client)
    assert await world.count("live_tickets") == 1


@pytest.mark.row("A9")
async def test_the_database_keeps_no_ticket_and_the_service_cannot_read_what_it_keeps(client, app, world):
    text = await ticket(client)
    rows = await world.database.fetch("SELECT t::text FROM live_tickets t WHERE workspace_id = $1", world.id)
    assert all(text not in row[0] for row in rows)
    allowed = "SELECT has_table_privilege('tailgate_api', 'live_tickets', 'SELECT, INSERT, UPDATE, DELETE')"
    assert await world.database.fetchval(allowed) is False


async def test_a_ticket_takes_two_queries(client):
    with recording() as record:
        await ticket(client)
    assert record.queries == 2
