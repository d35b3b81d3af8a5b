"""``python -m benchmarks.instrumented.replay REQUESTS ENDPOINT``: a service's long life, as quickly as it goes.

Requests come to a recorded ASGI application by calling it, without a server or sockets between; their queries go by
recorded connections to a real Postgres, which the environment names. What could make a recorder grow comes all the
time: more routes than are told apart, unknown paths, methods and statuses that do not exist, statements that differ in
their literals and others that differ in form, by the thousand; N+1s, errors raised, streams, answers that break off,
callers' traces, requests given up in the middle of a query. Traces are exported as usual, one in a hundred for no
reason, and the metrics are scraped every five seconds.

Now and then it prints, as JSON, how many requests there have been, and its resident bytes.
"""

import asyncio
import json
import os
import random
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import psutil
import uvloop
from tailgate_otel import Config, Recorder, create_pool, names

from benchmarks.instrumented.observer import SCRAPE_EVERY, scrape
from benchmarks.instrumented.server import CORE

SAID_EVERY = 50_000
_WORKERS = 8
_FORMS = 5000
_REPEATS = 6
_MOST = 10**9
_GIVEN_UP_AFTER = 0.002
_ROUTES = [SimpleNamespace(path=f"/shop/{n}/{{key}}") for n in range(300)]


class BrokenError(Exception):
    """What the application raises."""


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What becomes of a request."""

    method: str = "GET"
    found: bool = True
    called: bool = False
    """Whether a caller's trace goes on in it."""
    different: int = 0
    """Queries, each of a form and with a literal of its own."""
    same: int = 0
    """Queries of one form."""
    pooled: bool = False
    endless: bool = False
    """Whether it asks for more than anybody waits for."""
    status: int = 200
    chunks: int = 1
    raises: bool = False
    breaks_off: bool = False


# Of ten thousand.
FATES: Mapping[Fate, int] = {
    Fate(): 4000,
    Fate(called=True): 1000,
    Fate(different=1): 1500,
    Fate(same=1): 1500,
    Fate(method="POST", different=2): 700,
    Fate(same=_REPEATS): 150,
    Fate(pooled=True): 150,
    Fate(found=False, status=404): 400,
    Fate(method="BREW"): 50,
    Fate(status=799): 50,
    Fate(different=1, status=500): 150,
    Fate(different=1, raises=True): 49,
    Fate(chunks=3): 200,
    Fate(chunks=3, breaks_off=True): 100,
    Fate(endless=True): 1,
}


def fates(requests: int, chance: random.Random) -> Iterator[Fate]:
    """What becomes of so many, in an order by lot."""
    drawn = chance.choices(list(FATES), list(FATES.values()), k=100_003)
    return (drawn[n % len(drawn)] for n in range(requests))


async def replay(requests: int, endpoint: str, dsn: str) -> None:
    """Replay, and say what was held."""
    recorder = Recorder(
        Config(
            service_name="shop",
            thresholds={"GET /shop/1/{key}": 0.0005},
            budgets={"POST /shop/2/{key}": 1},
            sample_ratio=0.01,
            otlp_endpoint=endpoint,
            metrics_port=0,
        )
    )
    recorder.start()
    chance = random.Random(1)
    life = _counted(fates(requests, chance), requests)
    # One for each worker, and as many that are free.
    async with create_pool(dsn, min_size=2 * _WORKERS, max_size=2 * _WORKERS) as pool:
        scraping = asyncio.create_task(_scraped(recorder))
        async with asyncio.TaskGroup() as workers:
            for _ in range(_WORKERS):
                workers.create_task(_work(recorder, pool, life, chance))
        scraping.cancel()
    recorder.close()


def _counted(life: Iterator[Fate], requests: int) -> Iterator[Fate]:
    own = psutil.Process()
    for n, fate in enumerate(life, 1):
        yield fate
        if n % SAID_EVERY == 0 or n == requests:
            print(json.dumps([n, own.memory_info().rss]), flush=True)


async def _scraped(recorder: Recorder) -> None:
    while True:
        await asyncio.sleep(SCRAPE_EVERY)
        await asyncio.to_thread(scrape, recorder.metrics_port)


async def _work(recorder: Recorder, pool: Any, life: Iterator[Fate], chance: random.Random) -> None:
    async with pool.acquire() as connection:
        fate = Fate()

        async def application(scope: Any, receive: Any, send: Any) -> None:
            del receive
            if fate.found:
                scope |= {"route": chance.choice(_ROUTES), "endpoint": application, "path_params": {}}
            await _ask(fate, connection, pool, chance)
            if fate.raises:
                raise BrokenError("before it answered")
            await send({"type": "http.response.start", "status": fate.status, "headers": []})
            for _ in range(1, fate.chunks):
                await send({"type": "http.response.body", "body": b"a part", "more_body": True})
            if fate.breaks_off:
                raise BrokenError("half way")
            await send({"type": "http.response.body", "body": b"the end"})

        recorded: Any = recorder.middleware(application)
        for fate in life:
            answering = recorded(_scope(fate, chance), _receive, _send)
            try:
                await (asyncio.wait_for(answering, _GIVEN_UP_AFTER) if fate.endless else answering)
            except (BrokenError, TimeoutError):
                continue


async def _ask(fate: Fate, connection: Any, pool: Any, chance: random.Random) -> None:
    for _ in range(fate.different):
        await connection.execute(f"SELECT {chance.randrange(_MOST)} AS form_{chance.randrange(_FORMS)}")
    for n in range(fate.same):
        await connection.fetchval("SELECT $1::integer", n)
    if fate.pooled:
        await pool.fetchval("SELECT 1")
    if fate.endless:
        await connection.execute("SELECT pg_sleep(60)")


def _scope(fate: Fate, chance: random.Random) -> dict[str, Any]:
    headers = [(b"host", b"shop"), (b"user-agent", b"replay"), (b"accept", b"*/*")]
    if fate.called:
        parent = f"00-{chance.getrandbits(128):032x}-{chance.getrandbits(64):016x}-00"
        headers.append((names.HEADER_TRACEPARENT.encode(), parent.encode()))
    path = f"/shop/{chance.randrange(300)}/{chance.randrange(_MOST)}"
    return {
        "type": "http",
        "http_version": "1.1",
        "method": fate.method,
        "scheme": "http",
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
    }


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: dict[str, Any]) -> None:
    del message


if __name__ == "__main__":
    os.sched_setaffinity(0, {CORE})
    uvloop.run(replay(int(sys.argv[1]), sys.argv[2], os.environ[names.ENV_DATABASE_URL]))
