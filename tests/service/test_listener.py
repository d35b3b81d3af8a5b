"""One connection listens for all: it comes back whatever happens to it, and nobody suffers from anybody else."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from tailgate_service import listener as listener_module
from tailgate_service.listener import APPLICATION, BEAT, Listener, Subscriber

WITHIN = 20.0
SESSIONS = """
SELECT pid FROM pg_stat_activity
WHERE application_name = $1 AND datname = current_database() AND backend_type = 'client backend'"""


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(WITHIN):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.01)


class Told:
    """A subscriber that writes down what it is told, in order."""

    def __init__(self, *channels: str) -> None:
        self.all: list[Any] = []
        self.proofs: list[float] = []
        self.subscriber = Subscriber(
            heard=dict.fromkeys(channels, self.heard),
            again=lambda: self.all.append("again"),
            lost=lambda: self.all.append("lost"),
            proven=self.proofs.append,
        )

    def heard(self, process: int, payload: str) -> None:
        self.all.append(payload)


class Raising(Told):
    """One that does not understand what it is told."""

    def heard(self, process: int, payload: str) -> None:
        super().heard(process, payload)
        raise LookupError(payload)


@pytest.fixture
async def database(seeded_database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(seeded_database.owner_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def listener(seeded_database) -> AsyncIterator[Listener]:
    listener = Listener(seeded_database.dsn)
    async with listener.running():
        yield listener


async def session(database: asyncpg.Connection) -> int:
    """The one session that listens."""
    [row] = await database.fetch(SESSIONS, APPLICATION)
    return row["pid"]


async def notify(database: asyncpg.Connection, *said: str, channel: str = "first") -> None:
    for one in said:
        await database.execute("SELECT pg_notify($1, $2)", channel, one)


async def test_everybody_hears_their_channels_in_order_and_who_said_it(database, listener):
    one, two = Told("first"), Told("first", "second")
    with listener.subscribed(one.subscriber), listener.subscribed(two.subscriber):
        await until(lambda: one.all == two.all == ["again"])
        await notify(database, "a", "b")
        await notify(database, "c", channel="second")
        await until(lambda: one.all == ["again", "a", "b"] and two.all == ["again", "a", "b", "c"])
    assert one.all[-1] == two.all[-1] == "lost"


async def test_who_comes_later_or_leaves_does_so_on_the_same_connection(database, listener):
    stays, late = Told("first"), Told("second")
    listener.subscribe(stays.subscriber)
    await until(lambda: stays.all)
    before = await session(database)
    with listener.subscribed(late.subscriber):
        await until(lambda: late.all)
        await notify(database, "x", channel="second")
        await until(lambda: late.all == ["again", "x"])
    await notify(database, "y", channel="second")
    await notify(database, "z")
    await until(lambda: stays.all == ["again", "z"])
    assert late.all == ["again", "x", "lost"]
    left = time.monotonic()
    await until(lambda: stays.proofs[-1] > left)
    [[channel]] = await listener.ask("SELECT pg_listening_channels()")
    assert channel == "first"
    assert await session(database) == before
    listener.unsubscribe(late.subscriber)


async def test_one_that_raises_begins_anew_and_the_others_do_not_notice(database, listener, caplog):
    good, bad = Told("first"), Raising("first")
    with listener.subscribed(bad.subscriber), listener.subscribed(good.subscriber):
        await until(lambda: good.all and bad.all)
        await notify(database, "x")
        await until(lambda: bad.all == ["again", "x", "lost", "again"])
        assert good.all == ["again", "x"]
    assert "on first was not understood" in caplog.text
    assert "LookupError: x" in caplog.text


@pytest.mark.parametrize("moment", ["again", "lost", "proven"])
async def test_whatever_one_raises_at_the_others_go_on(database, listener, moment):
    def fail(*_: object) -> None:
        raise LookupError(moment)

    good = Told("first")
    with (
        listener.subscribed(Subscriber(heard={"first": print}, **{moment: fail})),
        listener.subscribed(good.subscriber),
    ):
        await until(lambda: len(good.proofs) > 1)
        await notify(database, "x")
        await until(lambda: good.all == ["again", "x"])


async def test_all_that_was_committed_before_a_proof_has_been_heard(database, listener):
    told = Told("first")
    with listener.subscribed(told.subscriber):
        await until(lambda: told.all)
        for number in range(4):
            await notify(database, f"{number}")
            said = time.monotonic()
            await until(lambda said=said: told.proofs[-1] > said)
            assert told.all[-1] == f"{number}"


async def test_a_connection_that_is_cut_comes_back_for_everybody(database, listener):
    one, two = Told("first"), Told("second")
    with listener.subscribed(one.subscriber), listener.subscribed(two.subscriber):
        await until(lambda: one.all and two.all)
        for round_ in range(1, 3):
            await database.execute("SELECT pg_terminate_backend($1)", await session(database))
            await until(lambda n=round_: one.all == two.all == ["again"] + n * ["lost", "again"])
        await notify(database, "x")
        await until(lambda: one.all[-1] == "x")


async def test_a_connection_that_is_dead_without_a_word_is_found_and_replaced(seeded_database, database, monkeypatch):
    """The process that serves it stands still: nothing is heard, and nothing is closed."""
    told = Told("first")
    monkeypatch.setattr(listener_module, "_WITHIN", 0.5)
    listener = Listener(seeded_database.dsn)
    async with listener.running():
        listener.subscribe(told.subscriber)
        await until(lambda: told.all)
        pid = await session(database)
        os.kill(pid, signal.SIGSTOP)
        try:
            await until(lambda: told.all == ["again", "lost", "again"])
            await notify(database, "x")
            await until(lambda: told.all[-1] == "x")
        finally:
            os.kill(pid, signal.SIGCONT)


async def test_a_question_that_is_broken_off_costs_nobody_the_connection(database, listener):
    told = Told("first")
    with listener.subscribed(told.subscriber):
        await until(lambda: told.all)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(listener.ask("SELECT pg_sleep(1)"), 0.05)
        [row] = await listener.ask("SELECT 1 AS one")
        assert row["one"] == 1
        await notify(database, "x")
        await until(lambda: told.all == ["again", "x"])


async def test_what_is_said_is_heard_and_is_dropped_while_nobody_listens(listener):
    told = Told("first")
    listener.say("first", "dropped")
    with listener.subscribed(told.subscriber):
        await until(lambda: told.all)
        listener.say("first", "a")
        listener.say("first", "b")
        await until(lambda: told.all == ["again", "a", "b"])


async def test_without_a_database_nothing_is_heard_and_nothing_fails(caplog):
    listener, told = Listener("postgresql://nobody@127.0.0.1:1/none"), Told("first")
    async with listener.running():
        with listener.subscribed(told.subscriber):
            await until(lambda: caplog.text.count("is not heard") > 1)
            with pytest.raises(ConnectionError):
                await listener.ask("SELECT 1")
    assert told.all == []


async def test_one_that_stops_leaves_no_session(seeded_database, database):
    told = Told("first")
    listener = Listener(seeded_database.dsn)
    async with listener.running():
        listener.subscribe(told.subscriber)
        await until(lambda: told.all)
        pid = await session(database)
    assert told.all == ["again", "lost"]
    gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)"
    async with asyncio.timeout(WITHIN):
        while not await database.fetchval(gone, pid):  # noqa: ASYNC110 - it ends in another process
            await asyncio.sleep(BEAT / 10)
