"""Voice agents in the real process, with the stand-in and a Redis beside it."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tailgate_otel import names
from tailgate_service.process import Child

from benchmarks.redisserver import RedisServer
from tests.service.agents.voice import AGENT, CONFIGURATION, KEY, TEST, WITHIN, Provider
from tests.service.cache.redis import running

Serve = Callable[[], AbstractContextManager[Child]]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with running(tmp_path) as server:
        yield server


@pytest.fixture
def serve(seeded_database: Any, provider: Provider, redis: RedisServer, tmp_path: Path) -> Serve:
    """``serve()``: a process of the service, in a context."""
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | {
        names.ENV_DATABASE_URL: seeded_database.dsn,
        names.ENV_WEBHOOK_SECRET: "s",
        names.ENV_WEBHOOK_VERIFY_TOKEN: "t",
        names.ENV_METRICS_PORT: "0",
        names.ENV_POOL_SIZE: "3",
        names.ENV_REDIS_URL: redis.url,
        names.ENV_VOICE_URL: provider.url,
        names.ENV_VOICE_KEY: KEY,
    }

    @contextmanager
    def served() -> Iterator[Child]:
        log = tmp_path / "service.log"
        with Child("tailgate_service", [], environ=environ, log=log, within=WITHIN) as child:
            yield child
        assert "Traceback" not in log.read_text()

    return served


def client_of(child: Child, world: Any) -> httpx.Client:
    return httpx.Client(base_url=child.ready["url"], headers={"x-api-key": world.key}, timeout=WITHIN)


def save(client: httpx.Client, number: str, tag: str = "*", **changes: Any) -> httpx.Response:
    headers = {} if tag == "" else {"if-match": tag}
    return client.put(AGENT, json={"phone_number": number, "configuration": CONFIGURATION | changes}, headers=headers)


@pytest.mark.row("C4")
async def test_two_processes_agree_on_every_save_and_count_what_they_looked_up(serve, world, number):
    with serve() as one, serve() as two, client_of(one, world) as first, client_of(two, world) as second:
        assert save(first, number, "").status_code == 200
        for turn in range(10):
            for client in (first, second, first, second):
                client.get(AGENT).raise_for_status()
            writer, reader = (first, second) if turn % 2 else (second, first)
            assert save(writer, number, name=f"{turn}").json()["synced"]
            for client in (reader, writer):
                assert client.get(AGENT).json()["configuration"]["name"] == f"{turn}"
        page = first.get(one.ready["metrics_url"]).text
        assert 'tailgate_cache_hits_total{cache="agent",layer="redis"}' in page
        assert "tailgate_cache_misses_total" in page
        assert "tailgate_cache_failures_total 0" in page


@pytest.mark.row("C6")
async def test_a_service_that_is_told_to_end_ends_calls_and_says_so(serve, provider, world, number):
    with serve() as child, client_of(child, world) as client:
        save(client, number, "")
        provider.behave(fault="hang", at=["words"])
        path = client.post(TEST).json()["events"]
        stages = []
        with client.stream("GET", path) as stream:
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    stages.append(json.loads(line.removeprefix("data: ")))
                    if stages[-1]["stage"] == "connected":
                        os.kill(child.pid, signal.SIGTERM)
        assert (stages[-1]["stage"], stages[-1]["detail"]) == ("failed", "the service is about to end")
        assert child._process.wait(WITHIN) == 0
