"""Counting queries in tests: by hand, around every kind of client, and by real runs of pytest."""

import asyncio
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from textwrap import dedent

import asyncpg
import httpx
import pytest
import uvicorn
from fastapi import BackgroundTasks, FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from tailgate_otel import Config, RecordedConnection, Recorder, create_pool, recording
from tailgate_otel.testing import count_queries, recorded_asyncpg

pytest_plugins = "pytester"

HERE = Path(__file__).name


def line_of(words: str) -> str:
    """The place of the one line of this file that ends with these words."""
    [number] = [n for n, line in enumerate(Path(__file__).read_text().splitlines(), 1) if line.endswith(f"# {words}")]
    return f"{HERE}:{number}"


def shop(pool) -> FastAPI:
    app = FastAPI()

    @app.get("/orders")
    async def orders() -> int:
        ids = await pool.fetch("select i as id from generate_series(1, 3) i")
        for row in ids:
            await pool.fetchval("select $1::int * 2", row["id"])  # in the loop
        return len(ids)

    @app.get("/order")
    async def order(tasks: BackgroundTasks) -> int:
        async def later() -> None:
            await pool.execute("select 'later'")

        tasks.add_task(later)
        return await pool.fetchval("select 7")

    return app


@pytest.fixture
def recorder():
    made = Recorder(Config(service_name="shop", metrics_port=0))
    made.start()
    yield made
    made.close()


@pytest.fixture(params=["recorded", "unrecorded"])
def app(request, pool, recorder):
    return recorder.middleware(shop(pool)) if request.param == "recorded" else shop(pool)


async def get(app, *paths: str) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        for path in paths:
            (await client.get(path)).raise_for_status()


async def test_what_the_test_itself_sends_is_counted(pool):
    with count_queries() as counted:
        assert (counted.queries, counted.statements) == (0, ())
        async with pool.acquire() as connection, connection.transaction():
            await connection.fetch("select 1")
            await connection.executemany("select $1::int", [(1,), (2,)])
        assert counted.queries == 2
    await pool.fetch("select 1")
    assert counted.queries == 2
    assert [statement.text for statement in counted.statements] == ["select ?", "select $1::int"]


async def test_requests_to_the_application_are_counted(app):
    with count_queries() as counted:
        await get(app, "/orders")
    assert counted.queries == 4
    loop, first = counted.statements
    assert (loop.text, loop.count, loop.n_plus_one) == ("select $1::int * ?", 3, True)
    assert [(Path(site).name, count) for site, count in loop.sites.items()] == [(line_of("in the loop"), 3)]
    assert (first.count, first.n_plus_one) == (1, False)
    assert counted.n_plus_one == (loop,)


async def test_background_tasks_are_counted_too(app):
    with count_queries(at_most=2) as counted:
        await get(app, "/order")
    assert counted.queries == 2


async def test_the_requests_own_record_stays_exact(pool, recorder):
    seen = []
    app = recorder.middleware(shop(pool))

    async def spying(scope, receive, send):
        await app(scope, receive, send)
        seen.append(scope["tailgate.record"])

    with count_queries() as counted, recording() as outer:
        await get(spying, "/orders", "/order")
    assert [record.queries for record in seen] == [4, 1]
    assert [record.guard.failures for record in seen] == [0, 0]
    assert (outer.queries, counted.queries) == (0, 6)


async def test_a_statement_that_each_of_two_requests_makes_once_is_no_n_plus_one(pool, recorder):
    with count_queries() as counted:
        await get(recorder.middleware(shop(pool)), "/order", "/order")
    assert [(statement.text, statement.count) for statement in counted.statements] == [("select ?", 4)]
    assert counted.n_plus_one == ()


def test_a_test_client_with_a_thread_of_its_own_is_counted(dsn, recorder):
    app = FastAPI()

    @app.get("/")
    async def index() -> int:
        connection = await asyncpg.connect(dsn, connection_class=RecordedConnection)
        answer = await connection.fetchval("select 1")
        await connection.close()
        return answer

    with TestClient(recorder.middleware(app)) as client, count_queries() as counted:
        assert client.get("/").json() == 1
    assert counted.queries == 1


def test_a_server_that_was_started_before_is_counted(dsn):
    app = FastAPI()

    @app.get("/")
    async def index() -> int:
        async with create_pool(dsn, min_size=1, max_size=1) as pool:
            return await pool.fetchval("select 1")

    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    with count_queries() as counted:
        httpx.get(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/").raise_for_status()
    server.should_exit = True
    thread.join()
    assert counted.queries == 1


def test_the_block_may_stand_around_the_event_loop(dsn):
    async def work() -> None:
        async with create_pool(dsn, min_size=1, max_size=1) as pool:
            await pool.fetch("select 1")

    with count_queries() as counted:
        asyncio.run(work())
    assert counted.queries == 1


async def test_too_many_queries_fail_and_are_named(app):
    with pytest.raises(AssertionError) as failure, count_queries(at_most=3):
        await get(app, "/orders")
    head, loop, place, first, *_ = str(failure.value).splitlines()
    assert head == "4 queries, at most 3 allowed"
    assert loop == "  3 × select $1::int * ?   <- N+1"
    assert place.endswith(f"tests/otel/{line_of('in the loop')}")
    assert first == "  1 × select i as id from generate_series(?) i"


async def test_one_statement_from_two_places_names_both(connection):
    with count_queries() as counted:
        for _ in range(2):
            await connection.fetch("select 1")  # here
        await connection.fetch("select 2")  # there
    statement, places = str(counted).splitlines()[0], str(counted).splitlines()[1:]
    assert statement == "  3 × select ?   <- N+1"
    assert [line.rpartition("/")[2] for line in places] == [f"{line_of('here')}, 2 times", line_of("there")]


async def test_children_of_gather_know_the_line_that_began_them(pool):
    with count_queries() as counted:
        await asyncio.gather(*(pool.fetchval("select $1::int", n) for n in range(4)))  # gathered
    [statement] = counted.n_plus_one
    assert [(Path(site).name, count) for site, count in statement.sites.items()] == [(line_of("gathered"), 4)]


def test_children_of_gather_in_another_thread_know_the_line_that_waits_for_them(dsn):
    app = FastAPI()

    @app.get("/")
    async def index() -> list[int]:
        async with create_pool(dsn, min_size=0, max_size=2) as pool:
            return await asyncio.gather(*(pool.fetchval("select $1::int", n) for n in range(4)))  # gathered elsewhere

    with TestClient(app) as client, count_queries() as counted:
        client.get("/")
    [statement] = counted.n_plus_one
    assert [(Path(site).name, count) for site, count in statement.sites.items()] == [(line_of("gathered elsewhere"), 4)]


async def test_batches_cursors_and_retries_are_no_n_plus_one(connection):
    await connection.execute("create temporary table note (id int primary key)")
    with count_queries() as counted:
        for index in range(3):
            await connection.executemany("insert into note values ($1)", [(index,)])
        async with connection.transaction():
            assert len([row async for row in connection.cursor("select 1 from generate_series(1, 9)", prefetch=3)]) == 9
        for _ in range(3):
            with pytest.raises(asyncpg.UniqueViolationError):
                await connection.execute("insert into note values ($1)", 1)
    assert counted.queries == 3 + 4 + 3
    assert counted.n_plus_one == ()


async def test_what_was_not_sent_or_is_repeated_by_asyncpg_counts_as_in_a_record(connection):
    await connection.execute("create temporary table note (id int)")
    await connection.fetch("select * from note")
    await connection.execute("alter table note add column more int")
    with count_queries() as counted, recording() as record:
        await connection.fetch("select * from note")
        with pytest.raises(asyncpg.DataError):
            await connection.fetch("select $1::int", "not a number")
        with pytest.raises(asyncpg.PostgresSyntaxError):
            await connection.fetch("selec 1")
    assert counted.queries == record.queries == 2
    assert [statement.text for statement in counted.statements] == ["select * from note", "selec ?"]


async def test_the_callbacks_of_a_pool_are_nobodys_queries(dsn):
    async def prepare(connection):
        await connection.execute("set application_name = 'x'")

    async with create_pool(dsn, min_size=0, max_size=1, init=prepare, setup=prepare) as pool:
        with count_queries() as counted:
            await pool.fetch("select 1")
    assert [statement.text for statement in counted.statements] == ["select ?"]


async def test_blocks_may_stand_in_each_other_and_end_in_any_order(connection):
    outer, inner = count_queries(), count_queries()
    with outer:
        await connection.fetch("select 1")
        inner.__enter__()
        await connection.fetch("select 2")
    await connection.fetch("select 3")
    inner.__exit__(None, None, None)
    await connection.fetch("select 4")
    assert (outer.queries, inner.queries) == (2, 2)


async def test_a_failure_in_the_block_is_not_hidden_by_the_budget(connection):
    with pytest.raises(asyncpg.PostgresSyntaxError), count_queries(at_most=0):
        await connection.fetch("selec 1")


async def test_connections_that_are_not_recorded_do_not_pass_unseen(dsn):
    connection = await asyncpg.connect(dsn)
    with pytest.raises(AssertionError, match=r"not recorded.*create_pool"), count_queries(at_most=3):
        await connection.fetch("select 1")
    await connection.close()


@pytest.mark.parametrize("wrong", [-1, "2", 1.5])
def test_a_budget_is_a_number_of_queries(wrong):
    with pytest.raises(ValueError, match="0 or more"):
        count_queries(at_most=wrong)
    with pytest.raises(ValueError, match="2 or more"):
        count_queries(n_plus_one=1)


async def test_nothing_is_left_behind(connection):
    before = (asyncpg.Connection._check_open, sys.get_coroutine_origin_tracking_depth())
    with count_queries(), count_queries(), recorded_asyncpg():
        await connection.fetch("select 1")
    assert (asyncpg.Connection._check_open, sys.get_coroutine_origin_tracking_depth()) == before
    assert asyncpg.create_pool.__kwdefaults__["connection_class"] is asyncpg.Connection
    assert asyncpg.pool.Pool is asyncpg.Pool


async def test_plain_asyncpg_is_recorded_while_asked_for(dsn):
    from asyncpg import connect  # as an application may have it

    async def prepare(connection):
        await connection.execute("set application_name = 'x'")

    with recorded_asyncpg():
        connection = await connect(dsn)
        pool = asyncpg.create_pool(dsn, min_size=0, max_size=1, init=prepare)
    with count_queries() as counted:
        await connection.fetch("select 1")
        async with pool:
            await pool.fetch("select 2")
    await connection.close()
    assert counted.queries == 2


async def test_sqlalchemy_is_counted_and_named_by_the_applications_line(dsn):
    engine = create_async_engine(
        dsn.replace("postgresql:", "postgresql+asyncpg:").partition("?")[0],
        connect_args={"connection_class": RecordedConnection},
    )
    async with AsyncSession(engine) as session:
        await session.execute(text("select 0"))
        with count_queries() as counted:
            for n in range(3):
                await session.execute(text("select :n + 1"), {"n": n})  # by SQLAlchemy
    await engine.dispose()
    [statement] = counted.n_plus_one
    assert [(Path(site).name, count) for site, count in statement.sites.items()] == [(line_of("by SQLAlchemy"), 3)]


# Real runs of pytest.

CONFTEST = """
    import asyncpg
    import httpx
    import pytest

    DSN = {dsn!r}

    async def work(queries):
        connection = await asyncpg.connect(DSN)
        for n in range(queries):
            await connection.fetchval("select $1::int", n)
        await connection.close()
"""
RECORDED = "[pytest]\ntailgate_recorded_asyncpg = true\naddopts = -p no:cacheprovider --strict-markers\n"


ELSEWHERE = ("xdist", "randomly", "schemathesis", "hypothesispytest", "timeout")
"""Plugins that these runs can do without; to import them takes longer than such a run."""


@pytest.fixture
def run(pytester, dsn):
    def run_pytest(tests: str, ini: str = RECORDED) -> pytest.RunResult:
        pytester.makefile(".ini", pytest=ini)
        pytester.makeconftest(dedent(CONFTEST.format(dsn=dsn)))
        pytester.makepyfile("import asyncio\nimport pytest\nfrom conftest import work\n" + dedent(tests))
        return pytester.runpytest_subprocess(*(word for plugin in ELSEWHERE for word in ("-p", f"no:{plugin}")))

    return run_pytest


BUDGETS = """
    {mark}
    @pytest.mark.query_budget(2)
    async def test_within():
        await work(2)

    {mark}
    @pytest.mark.query_budget(2)
    async def test_over():
        await work(3)
"""


@pytest.mark.parametrize(
    ("mark", "ini"),
    [
        ("@pytest.mark.asyncio", RECORDED),
        ("", RECORDED + "asyncio_mode = auto\n"),
        ("@pytest.mark.asyncio(loop_scope='session')", RECORDED),
        ("@pytest.mark.anyio", RECORDED),
    ],
    ids=["asyncio", "asyncio-auto", "asyncio-session", "anyio"],
)
def test_a_test_over_its_budget_fails_with_the_statements_named(run, mark, ini):
    backend = "@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    result = run(backend + dedent(BUDGETS.format(mark=mark)), ini)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["3 queries, at most 2 allowed", "  3 × select $1::int   <- N+1", "*from conftest.py:10"]
    )


def test_a_budget_holds_for_plain_tests_classes_and_parameters(run):
    result = run("""
        @pytest.fixture
        def stock():
            asyncio.run(work(5))

        @pytest.mark.query_budget(1)
        class TestShop:
            def test_within(self, stock):
                asyncio.run(work(1))

            @pytest.mark.parametrize("queries", [1, 2])
            def test_parameters(self, queries):
                asyncio.run(work(queries))

            @pytest.mark.query_budget(9)
            def test_the_nearest_budget_holds(self):
                asyncio.run(work(9))

            def test_a_failure_of_its_own(self):
                asyncio.run(work(2))
                raise KeyError("own")
    """)
    result.assert_outcomes(passed=3, failed=2)
    result.stdout.fnmatch_lines(["*KeyError: 'own'*"])
    assert "2 queries, at most 1 allowed" in result.stdout.str()


def test_the_fixture_counts_a_part_of_a_test(run):
    result = run("""
        def test_part(count_queries):
            asyncio.run(work(3))
            with count_queries(at_most=1) as counted:
                asyncio.run(work(1))
            assert counted.queries == 1

        def test_over(count_queries):
            with count_queries(at_most=1):
                asyncio.run(work(2))
    """)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*with count_queries(at_most=1):*", "*2 queries, at most 1 allowed*"])


def test_without_recorded_connections_a_budget_does_not_pass(run):
    result = run("@pytest.mark.query_budget(2)\ndef test_plain():\n    asyncio.run(work(1))\n", "[pytest]\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["nothing was counted: *tailgate_recorded_asyncpg = true*"])


def test_a_wrong_budget_is_named(run):
    wrong = ("", "()", "(1, 2)", "('2')", "(-1)")
    result = run(
        "".join(f"@pytest.mark.query_budget{mark}\ndef test_{n}():\n    pass\n" for n, mark in enumerate(wrong))
    )
    result.assert_outcomes(failed=len(wrong))
    named = re.findall("^E .*(?:takes one number|must be a number of queries)", result.stdout.str(), re.MULTILINE)
    assert len(named) == len(wrong)


def test_unused_the_plugin_imports_nothing_of_the_package():
    probe = (
        "import sys, pytest; code = pytest.main(['--co', '-q', '-p', 'no:cacheprovider', '/dev/null']); "
        "print(sorted(name for name in sys.modules if name.startswith(('tailgate', 'asyncpg', 'opentelemetry'))))"
    )
    output = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd="/", check=True).stdout
    assert output.splitlines()[-1] == "['tailgate_otel_pytest']"
