"""The service as a process of its own, on the oldest schema and on the newest."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tailgate_otel import names
from tailgate_service.process import Child

from tests.service.live.following import WITHIN, Served

LEVELS = ("sequential", "parallel")
Start = Callable[..., AbstractContextManager[Child]]


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    """``start(database)``: another process of the service over a database, in a context."""

    @contextmanager
    def started(database: Any, dsn: str | None = None) -> Iterator[Child]:
        environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        environ |= {
            names.ENV_DATABASE_URL: dsn or database.dsn,
            names.ENV_VARIANT: database.variant,
            names.ENV_WEBHOOK_SECRET: "secret",
            names.ENV_WEBHOOK_VERIFY_TOKEN: "token",
            names.ENV_METRICS_PORT: "0",
            names.ENV_POOL_SIZE: "4",
        }
        log = tmp_path_factory.mktemp("service") / "log"
        with Child("tailgate_service", [], environ=environ, log=log, within=WITHIN) as child:
            child.log = log
            yield child

    return started


@pytest.fixture(scope="session")
def process(clone_of: Callable[[str], Any], start: Start) -> Iterator[Callable[[str], tuple[Any, Child]]]:
    """The database of a variant and a process that serves it, one of each for the session."""
    made: dict[str, tuple[Any, Child]] = {}
    open_now = []

    def get(variant: str) -> tuple[Any, Child]:
        if variant not in made:
            database = clone_of(variant)
            context = start(database)
            made[variant] = database, context.__enter__()
            open_now.append(context)
        return made[variant]

    yield get
    for context in open_now:
        context.__exit__(None, None, None)


@pytest.fixture(params=LEVELS)
def variant(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def serving(variant: str, process: Callable[[str], tuple[Any, Child]]) -> tuple[Any, Child]:
    return process(variant)


@pytest.fixture
async def served(serving: tuple[Any, Child]) -> AsyncIterator[Served]:
    """The session's service of that variant: each test keeps to workspaces of its own."""
    database, child = serving
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        ready = child.ready
        yield Served(
            url=ready["url"],
            metrics_url=ready["metrics_url"],
            pid=child.pid,
            owner_dsn=database.owner_dsn,
            database=connection,
        )
    finally:
        await connection.close()


@pytest.fixture(params=["websocket", "events"])
def by(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def log_of() -> Callable[[Child], str]:
    return lambda child: Path(child.log).read_text()
