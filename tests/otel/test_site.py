"""The place in the application that a statement comes from, whichever task sends it."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tailgate_otel import recording

HERE = Path(__file__).name


def line_of(text: str) -> int:
    lines = Path(__file__).read_text().splitlines()
    return next(n for n, line in enumerate(lines, 1) if line.endswith(f"# {text}"))


def site_of(record) -> tuple[str, int]:
    [(_, repetition)] = record.n_plus_one
    path, _, line = repetition.site.rpartition(":")
    return Path(path).name, int(line)


async def by_gather(pool) -> None:
    await asyncio.gather(*(pool.fetchval("select 1 where $1 > 0", n) for n in range(6)))  # by_gather


async def by_gather_in_gather(pool) -> None:
    loops = (asyncio.gather(*(pool.fetchval("select 1 where $1 > 0", n) for n in range(3))) for _ in range(2))
    await asyncio.gather(*loops)  # by_gather_in_gather


async def by_group(pool) -> None:
    async with asyncio.TaskGroup() as group:  # by_group
        for n in range(6):
            group.create_task(pool.fetchval("select 1 where $1 > 0", n))


async def by_tasks(pool) -> None:
    for n in range(6):
        await asyncio.create_task(pool.fetchval("select 1 where $1 > 0", n))  # by_tasks


async def by_wait(pool) -> None:
    await asyncio.wait([asyncio.create_task(pool.fetchval("select 1 where $1 > 0", n)) for n in range(6)])  # by_wait


async def by_shield(pool) -> None:
    for n in range(6):
        await asyncio.shield(pool.fetchval("select 1 where $1 > 0", n))  # by_shield


async def by_loop(pool) -> None:
    for n in range(6):
        await pool.fetchval("select 1 where $1 > 0", n)  # by_loop


@pytest.mark.parametrize(
    "way",
    [by_gather, by_gather_in_gather, by_group, by_tasks, by_wait, by_shield, by_loop],
    ids=lambda way: way.__name__,
)
async def test_a_task_that_runs_nothing_but_the_driver_is_where_it_is_waited_for(pool, way):
    with recording() as record:
        await way(pool)
    name, line = site_of(record)
    assert name == HERE
    begin = way.__code__.co_firstlineno
    # A group is waited for at its end, which Python puts on the line of its `async with`.
    assert line == line_of(way.__name__) or (way is by_group and begin <= line <= begin + len(inspect.getsource(way)))


async def test_a_helper_between_is_the_place(pool):
    async def helper(work: Callable[[], Awaitable[None]]) -> None:
        await work()

    with recording() as record:
        await helper(lambda: by_gather(pool))
    assert site_of(record) == (HERE, line_of("by_gather"))


async def test_a_task_that_nobody_waits_for_has_no_place(pool):
    with recording() as record:
        running = {asyncio.create_task(pool.fetchval("select 1 where $1 > 0", n)) for n in range(6)}
        over = asyncio.Event()

        def ended(task: asyncio.Task) -> None:
            running.discard(task)
            if not running:
                over.set()

        for task in list(running):
            task.add_done_callback(ended)
        await over.wait()
    [(_, repetition)] = record.n_plus_one
    assert repetition.site == ""
