"""An ordinary FastAPI and asyncpg application, its data, and what each of its pages does.

It knows of nobody who watches it. The pages of :data:`LOAD` are those whose cost is measured; the others do what a
trace should be kept for.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse

ROWS = 1000
SLOW_ABOVE = 0.02
"""Seconds, of the pages that have an objective of their own."""
BUDGET = 4
"""Queries, of the page that has a budget."""

_TABLES = ("customers", "products", "orders", "invoices", "addresses")
_COLUMNS = ("name", "city", "amount", "changed")
# Twenty different ones: to ask twenty times the same would be an N+1, which costs what a kept trace costs.
_STATEMENTS = [
    f"SELECT id, {column} FROM {table} WHERE id = $1"  # noqa: S608 - both are ours
    for column in _COLUMNS
    for table in _TABLES
]
_REPEATS = 6
_CHUNKS = 3


@dataclass(frozen=True, kw_only=True)
class Page:
    """A route, the queries that a request to it makes, and whether the trace of each must be kept."""

    name: str
    queries: int
    kept: bool = True

    @property
    def route(self) -> str:
        """Its template."""
        return f"/{self.name}/{{key}}"

    def path(self, key: int) -> str:
        """The path of one request."""
        return f"/{self.name}/{key}"


LOAD = {count: Page(name=name, queries=count, kept=False) for count, name in ((1, "one"), (4, "four"), (20, "twenty"))}
PAGES = (
    *LOAD.values(),
    Page(name="slow", queries=2),
    Page(name="fails", queries=2),
    Page(name="raises", queries=1),
    Page(name="refused", queries=2),
    Page(name="loop", queries=1 + _REPEATS),
    Page(name="gather", queries=_REPEATS),
    Page(name="greedy", queries=BUDGET + 2),
    Page(name="stream", queries=_CHUNKS),
    Page(name="breaks-off", queries=2),
)
THRESHOLDS = {f"GET /{name}/{{key}}": SLOW_ABOVE for name in ("slow", "stream")}
BUDGETS = {"GET /greedy/{key}": BUDGET}


async def fill(dsn: str) -> None:
    """Make the tables and their rows."""
    connection = await asyncpg.connect(dsn)  # type: ignore[no-untyped-call]
    for table in _TABLES:
        await connection.execute(
            f"CREATE TABLE {table} (id integer PRIMARY KEY, name text, city text, amount integer, changed timestamptz)"
        )
        await connection.execute(
            f"INSERT INTO {table} SELECT n, 'Name ' || n, 'City ' || n % 50, n * 7, now()"  # noqa: S608 - the same
            f" FROM generate_series(1, {ROWS}) n"
        )
        await connection.execute(f"ANALYZE {table}")
    await connection.close()


def application(pool: Any) -> FastAPI:  # noqa: C901 - a list of small pages
    """The application on a pool of asyncpg's."""
    app = FastAPI()

    async def rows(key: int, count: int) -> list[dict[str, Any]]:
        async with pool.acquire() as connection:
            return [dict(await connection.fetchrow(statement, key)) for statement in _STATEMENTS[:count]]

    @app.get("/one/{key}")
    async def one(key: int) -> list[dict[str, Any]]:
        return await rows(key, 1)

    @app.get("/four/{key}")
    async def four(key: int) -> list[dict[str, Any]]:
        return await rows(key, 4)

    @app.get("/twenty/{key}")
    async def twenty(key: int) -> list[dict[str, Any]]:
        return await rows(key, 20)

    @app.get("/slow/{key}")
    async def slow(key: int) -> list[dict[str, Any]]:
        await pool.execute("SELECT pg_sleep($1)", 1.5 * SLOW_ABOVE)
        return await rows(key, 1)

    @app.get("/fails/{key}")
    async def fails(key: int) -> None:
        await rows(key, 2)
        raise HTTPException(500)

    @app.get("/raises/{key}")
    async def raises(key: int) -> None:
        await rows(key, 1)
        raise RuntimeError("the application's own fault")

    @app.get("/refused/{key}")
    async def refused(key: int) -> None:
        await rows(key, 1)
        await pool.fetchval("SELECT $1::integer / 0", key)

    @app.get("/loop/{key}")
    async def loop(key: int) -> list[dict[str, Any]]:
        found = await rows(key, 1)
        async with pool.acquire() as connection:
            for n in range(_REPEATS):
                found.append(dict(await connection.fetchrow(_STATEMENTS[1], (key + n) % ROWS + 1)))
        return found

    @app.get("/gather/{key}")
    async def gather(key: int) -> list[str]:
        asked = (pool.fetchval("SELECT name FROM products WHERE id = $1", key) for _ in range(_REPEATS))
        return list(await asyncio.gather(*asked))

    @app.get("/greedy/{key}")
    async def greedy(key: int) -> list[dict[str, Any]]:
        return await rows(key, BUDGET + 2)

    @app.get("/stream/{key}")
    async def stream(key: int) -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            for n in range(_CHUNKS):
                name = await pool.fetchval(f"SELECT name, {n}, pg_sleep(0.01) FROM orders WHERE id = $1", key)  # noqa: S608
                yield name.encode()

        return StreamingResponse(chunks())

    @app.get("/breaks-off/{key}")
    async def breaks_off(key: int) -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            yield str(await rows(key, 2)).encode()
            raise RuntimeError("half way")

        return StreamingResponse(chunks())

    return app
