"""How much the cache answers, and whether it is right, while its Redis is killed and comes back.

Two processes of the service over one database and one Redis. Reads are due at a fixed rate, whatever becomes of those
before: of a workspace's voice agent, half of them by its number, by either process in turn; to a hundred reads there is
a save. Every save counts one further, and whoever asks after a save was answered must be shown that count or a later
one, by whichever process. After a warm-up each round has three parts of equal length: with Redis, without (killed), and
with it again, restarted from a snapshot of before. A response time is from the moment due.
"""

import argparse
import asyncio
import contextlib
import json
import re
import secrets
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import httpx
from tailgate_otel import names
from tailgate_service import targets, template
from tailgate_service.process import Child
from tailgate_service.seed.config import SeedConfig

from benchmarks.figures import Raw, of_rounds
from benchmarks.redisserver import RedisServer
from benchmarks.stored import finish

_SEED = SeedConfig(workspaces=20, conversations=20, messages=2)
_AGENT = "/api/founder-console/agent"
_READS_PER_SECOND = 200.0
_SAVES_PER_SECOND = 2.0
_WARM_UP = 3.0
_PARTS = ("with", "without", "again")
_HIT_RATE = 0.85
_WITHIN = 30.0
_COUNTED = re.compile(rf"^({names.CACHE_HITS}|{names.CACHE_MISSES})_total{{[^}}]*}} ([0-9.e+]+)$", re.MULTILINE)


@dataclass(kw_only=True)
class Round:
    """Two processes under load, and what came of it.

    Attributes:
        answered: the count of each workspace's last save that was answered.
        part: of the round, just now.
        seconds: the response times of the reads that were due in each part.
        wrong: requests that failed, and reads that were stale.
        looked_up: hits and misses after the warm-up.

    """

    clients: list[httpx.AsyncClient]
    pages: list[str]
    numbers: dict[str, str]
    answered: dict[str, int] = field(default_factory=dict)
    part: str = "warm-up"
    seconds: dict[str, list[float]] = field(default_factory=dict)
    asked: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    looked_up: Counter[str] = field(default_factory=Counter)

    async def read(self, random: Random, group: asyncio.TaskGroup) -> None:
        """Let reads arrive until it is ended; each goes on by itself in ``group``."""
        keys, began = list(self.numbers), time.perf_counter()
        for number in count():
            due = began + number / _READS_PER_SECOND
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(self._read(random.choice(keys), due, by_number=random.random() < 0.5))

    async def save(self, random: Random) -> None:
        """Save one agent after another until it is ended."""
        keys = list(self.numbers)
        while True:
            key = random.choice(keys)
            body = _body(self.numbers[key], self.answered[key] + 1)
            if await self._ask("PUT", _AGENT, key, json=body, headers={"if-match": "*"}) is not None:
                self.answered[key] += 1
            await asyncio.sleep(1 / _SAVES_PER_SECOND)

    async def begin(self) -> None:
        """Give each workspace an agent that counts from 0."""
        for key, number in self.numbers.items():
            self.answered[key] = 0
            await self._ask("PUT", _AGENT, key, json=_body(number, 0), headers={"if-match": "*"})

    async def counters(self) -> Counter[str]:
        """Hits and misses so far, of both processes."""
        found: Counter[str] = Counter()
        async with httpx.AsyncClient() as client:
            for page in self.pages:
                text = (await client.get(page)).text
                for name, value in _COUNTED.findall(text):
                    found[name] += int(float(value))
        return found

    async def _read(self, key: str, due: float, *, by_number: bool) -> None:
        part, floor = self.part, self.answered[key]
        path = f"{_AGENT}/by-number" if by_number else _AGENT
        shown = await self._ask("GET", path, key, params={"phone_number": self.numbers[key]} if by_number else {})
        self.seconds.setdefault(part, []).append(time.perf_counter() - due)
        if shown is not None and _count(shown) < floor:
            self.wrong["stale"] += 1

    async def _ask(self, method: str, path: str, key: str, **request: Any) -> dict[str, Any] | None:
        self.asked += 1
        client = self.clients[self.asked % len(self.clients)]
        headers = {"x-api-key": key, **request.pop("headers", {})}
        try:
            answer = await client.request(method, path, headers=headers, **request)
        except httpx.HTTPError as error:
            self.wrong["failed"] += 1
            print(f"{method} {path}: {error!r}")
            return None
        if answer.status_code != 200:
            self.wrong["failed"] += 1
            print(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
            return None
        shown: dict[str, Any] = answer.json()
        return shown


def _body(number: str, count: int) -> dict[str, Any]:
    return {"phone_number": number, "configuration": {"name": "Ada", "prompt": "Count.", "greeting": str(count)}}


def _count(agent: dict[str, Any]) -> int:
    return int(agent["configuration"]["greeting"])


@contextlib.contextmanager
def _serving(redis: RedisServer, place: Path) -> Iterator[tuple[list[Child], list[dict[str, Any]]]]:
    """Two processes over a fresh clone of a small seed, with a voice provider; and the workspaces of the clone."""
    with contextlib.ExitStack() as running:
        clone = template.clone("parallel", _SEED)
        running.enter_context(clone.cluster)
        file, key = place / "targets.json", secrets.token_hex(16)
        asyncio.run(targets.write(file, clone.cluster.dsn, targets.Webhook()))
        environ = {
            names.ENV_DATABASE_URL: clone.dsn,
            names.ENV_WEBHOOK_SECRET: "benchmark",
            names.ENV_WEBHOOK_VERIFY_TOKEN: "benchmark",
            names.ENV_METRICS_PORT: "0",
            names.ENV_REDIS_URL: redis.url,
            names.ENV_VOICE_KEY: key,
        }
        log = place / "log"

        def start(module: str) -> Child:
            return running.enter_context(Child(module, [], environ=environ, log=log, within=_WITHIN))

        environ[names.ENV_VOICE_URL] = start("tailgate_service.provider").ready["url"]
        yield [start("tailgate_service"), start("tailgate_service")], json.loads(file.read_text())["workspaces"]


@contextlib.asynccontextmanager
async def _under_load(load: Round, seed: int) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        loading = [group.create_task(each) for each in (load.read(Random(seed), group), load.save(Random(seed)))]
        yield
        for task in loading:
            task.cancel()


async def _load(children: list[Child], keys: list[str], redis: RedisServer, seconds: float, seed: int) -> Round:
    load = Round(
        clients=[_client(child.ready["url"]) for child in children],
        pages=[child.ready["metrics_url"] for child in children],
        numbers={key: f"+99900{index:07d}" for index, key in enumerate(keys)},
    )
    await load.begin()
    async with _under_load(load, seed):
        await asyncio.sleep(_WARM_UP)
        before = await load.counters()
        await asyncio.to_thread(redis.ask, "SAVE")
        load.part = "with"
        await asyncio.sleep(seconds / 3)
        load.part = "without"
        redis.kill()
        await asyncio.sleep(seconds / 3)
        load.part = "again"
        await asyncio.to_thread(redis.start)
        await asyncio.sleep(seconds / 3)
        after = await load.counters()
    for client in load.clients:
        await client.aclose()
    load.looked_up = after - before
    return load


def _client(url: str) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
    return httpx.AsyncClient(base_url=url, timeout=_WITHIN, limits=limits, trust_env=False)


def _measure(seconds: float, seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory:
        redis = RedisServer(Path(directory))
        redis.start()
        try:
            with _serving(redis, Path(directory)) as (children, workspaces):
                keys = [workspace["api_key"] for workspace in workspaces]
                load = asyncio.run(_load(children, keys, redis, seconds, seed))
        finally:
            redis.kill()
    hits, misses = load.looked_up[names.CACHE_HITS], load.looked_up[names.CACHE_MISSES]
    return {
        "hit rate": hits / (hits + misses),
        "failed": load.wrong["failed"],
        "stale": load.wrong["stale"],
        "saves": sum(load.answered.values()),
        "p99": {part: statistics.quantiles(load.seconds[part], n=100)[-1] for part in _PARTS},
    }


def main() -> None:
    """Measure, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cache", description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=18.0, help="of a round, after its warm-up")
    arguments = parser.parse_args()
    raw = Raw("cache", rounds=arguments.rounds, seconds=arguments.seconds)
    found = [
        raw.measured(str(number), partial(_measure, arguments.seconds, number)) for number in range(arguments.rounds)
    ]
    print(f"{'round':>6}{'saves':>7}{'hit rate':>10}{'failed':>8}{'stale':>7}   p99 ms with Redis, without, again")
    for number, one in enumerate(found):
        p99 = "".join(f"{one['p99'][part] * 1e3:9.1f}" for part in _PARTS)
        print(f"{number:6}{one['saves']:7}{one['hit rate']:10.2%}{one['failed']:8}{one['stale']:7}{p99}")
    figures = [
        of_rounds("cache.hit_rate", [each["hit rate"] for each in found], _HIT_RATE, ">="),
        of_rounds("cache.failed_requests", [each["failed"] for each in found], 0),
        of_rounds("cache.reads_older_than_an_answered_save", [each["stale"] for each in found], 0),
    ]
    finish(raw, figures)


if __name__ == "__main__":
    main()
