"""Migrations up and down under a serving process: no request fails, and no step is pulled away from who needs it."""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Iterator

import asyncpg
import httpx
import pytest
from tailgate_otel import names
from tailgate_service.errors import MigrationLockedError
from tailgate_service.inflight import InFlight
from tailgate_service.migrations import holds, records
from tailgate_service.migrations.files import load, upto
from tailgate_service.migrations.runner import migrate, rollback
from tailgate_service.process import Child

from benchmarks.migrating import Load, down_and_up

WITHIN = 30.0
TOP = upto("parallel")[-1].version


@pytest.fixture(scope="module")
def cloned(clone_of):
    return clone_of("parallel")


@pytest.fixture
def database(cloned):
    """At the level of ``parallel``, whatever the tests before have done to it."""
    asyncio.run(migrate(cloned.owner_dsn, to=TOP))
    return cloned


@pytest.fixture
def base(clone_of):
    return clone_of("sequential")


@contextlib.contextmanager
def serving(database, place, variant: str) -> Iterator[Child]:
    """A service on a database, as a process of its own."""
    webhook = database.targets["webhook"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("TAILGATE_", "OTEL_", "PG"))}
    environ |= {
        names.ENV_DATABASE_URL: database.dsn,
        names.ENV_VARIANT: variant,
        names.ENV_WEBHOOK_SECRET: webhook["secret"],
        names.ENV_WEBHOOK_VERIFY_TOKEN: webhook["verify_token"],
        names.ENV_METRICS_PORT: "0",
        names.ENV_POOL_SIZE: "5",
    }
    with Child("tailgate_service", [], environ=environ, log=place / "service.log", within=WITHIN) as child:
        yield child


async def until(condition: Callable[[], Awaitable[bool]]) -> bool:
    end, came = time.monotonic() + WITHIN, await condition()
    while not came and time.monotonic() < end:
        await asyncio.sleep(0.02)
        came = await condition()
    return came


async def serves_by(url: str, variant: str) -> bool:
    """Whether the service comes to serve by a variant, in bounded time."""
    async with httpx.AsyncClient(base_url=url) as client:

        async def serves() -> bool:
            return (await client.get("/health")).json()["variant"] == variant

        return await until(serves)


@pytest.mark.row("B3")
@pytest.mark.row("B8")
@pytest.mark.parametrize(
    ("variant", "by_way_of"),
    [
        ("parallel", ["parallel", "sequential", "parallel"]),
        ("readmodel", ["readmodel", "parallel", "sequential", "parallel", "readmodel"]),
    ],
)
def test_everything_goes_down_and_up_again_under_load_and_no_request_fails(clone_of, tmp_path, variant, by_way_of):
    database = clone_of(variant)
    with serving(database, tmp_path, variant) as service:
        under = Load(url=service.ready["url"], targets=database.targets)
        seen = asyncio.run(down_and_up(under, database.owner_dsn, variant, 0.05))
    assert [one for one in under.answered if one.wrong] == []
    assert {one.phase for one in under.answered} >= {"down", "up"}
    assert seen == by_way_of


@pytest.mark.row("B8")
async def test_two_processes_let_go_and_one_that_was_killed_holds_nothing(database, tmp_path):
    (tmp_path / "other").mkdir()
    with serving(database, tmp_path, "parallel") as one, serving(database, tmp_path / "other", "parallel") as other:
        await rollback(database.owner_dsn)
        for service in (one, other):
            assert await serves_by(service.ready["url"], "sequential")
        await migrate(database.owner_dsn, to=TOP)
        for service in (one, other):
            assert await serves_by(service.ready["url"], "parallel")
        os.kill(other.pid, 9)
        await rollback(database.owner_dsn)
        assert await serves_by(one.ready["url"], "sequential")


async def test_a_service_that_cannot_do_without_a_step_is_named_and_keeps_it(base, tmp_path):
    with serving(base, tmp_path, "sequential") as service:
        with pytest.raises(MigrationLockedError, match=r"0001_base is in use.* by tailgate-service \(process \d+"):
            await rollback(base.owner_dsn, drop_everything=True, let_go_within=0.3)
        assert await serves_by(service.ready["url"], "sequential")
        connection = await asyncpg.connect(base.owner_dsn)
        # The attempt is over: who starts now may need it.
        assert await connection.fetchval(records.LEVEL) == 1
        await connection.close()


async def test_a_step_that_is_leaving_cannot_be_taken_hold_of(database):
    connection = await asyncpg.connect(database.owner_dsn)
    held = holds.Holds(connection)
    assert await held.take(TOP)
    await records.leaving(connection, load()[TOP - 1], really=True)
    assert not await held.take(TOP)
    assert held.upto == TOP, "what was held before is held still"
    assert await held.take(TOP - 1)
    await held.keep(TOP - 1)
    assert held.upto == TOP - 1
    other = await asyncpg.connect(database.owner_dsn)
    async with holds.vacated(other, load()[TOP - 1], 1):
        assert not await held.take(TOP)
    with pytest.raises(MigrationLockedError, match="is in use"):
        async with holds.vacated(other, load()[TOP - 2], 0):
            raise AssertionError
    await connection.close()
    async with holds.vacated(other, load()[TOP - 2], 5):
        pass
    await other.close()


async def test_a_session_that_is_lost_costs_the_better_variant_until_there_is_another(database, tmp_path):
    connection = await asyncpg.connect(database.owner_dsn)
    sessions = f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = {holds.STEPS} AND objid = {TOP}"
    with serving(database, tmp_path, "parallel") as service:
        before = await connection.fetchval(sessions)
        await connection.execute("SELECT pg_terminate_backend($1)", before)

        async def another() -> bool:
            return await connection.fetchval(sessions) not in (None, before)

        assert await until(another)
        assert await serves_by(service.ready["url"], "parallel")
    log = (tmp_path / "service.log").read_text()
    assert "the session that holds the schema was lost" in log
    assert "variant sequential serves instead of parallel" in log
    assert "variant parallel serves instead of sequential" in log
    await connection.close()


async def test_a_turn_waits_for_requests_that_began_before_it_until_their_answers_begin():
    answers, ends = asyncio.Event(), asyncio.Event()

    async def app(scope, receive, send):
        await answers.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await ends.wait()

    async def send(_):
        pass

    in_flight = InFlight(app)
    assert await in_flight.turn(0)
    before = asyncio.create_task(in_flight({"type": "http"}, None, send))
    live = asyncio.create_task(in_flight({"type": "websocket"}, None, send))
    await asyncio.sleep(0)
    assert not await in_flight.turn(0)
    answers.set()
    assert await in_flight.turn(WITHIN)
    ends.set()
    await asyncio.gather(before, live)


async def test_a_turn_waits_as_well_for_requests_that_an_earlier_turn_did_not_see_the_end_of():
    answers = asyncio.Event()

    async def app(scope, receive, send):
        await answers.wait()

    in_flight = InFlight(app)
    request = asyncio.create_task(in_flight({"type": "http"}, None, None))
    await asyncio.sleep(0)
    assert not await in_flight.turn(0)
    assert not await in_flight.turn(0)
    answers.set()
    assert await in_flight.turn(WITHIN)
    await request


async def test_a_turn_does_not_wait_for_requests_that_begin_after_it():
    held, free = asyncio.Event(), asyncio.Event()

    async def app(scope, receive, send):
        await scope["until"].wait()

    in_flight = InFlight(app)
    before = asyncio.create_task(in_flight({"type": "http", "until": free}, None, None))
    await asyncio.sleep(0)
    turning = asyncio.create_task(in_flight.turn(WITHIN))
    await asyncio.sleep(0)
    after = asyncio.create_task(in_flight({"type": "http", "until": held}, None, None))
    await asyncio.sleep(0)
    free.set()
    assert await turning
    held.set()
    await asyncio.gather(before, after)


async def test_a_request_that_fails_before_it_answers_is_over_as_well():
    async def app(scope, receive, send):
        raise ValueError

    in_flight = InFlight(app)
    with pytest.raises(ValueError):
        await in_flight({"type": "http"}, None, None)
    assert await in_flight.turn(0)
