"""The stand-in for the voice provider as a process, and the API over it; for tests of agents and of the cache."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from inspect import isawaitable
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from tailgate_otel import names
from tailgate_service.app import create_app, create_store
from tailgate_service.process import Child
from tailgate_service.server import open_pool
from tailgate_service.settings import Settings

KEY = "known-to-the-provider"
WITHIN = 20.0
CONFIGURATION = {"name": "Ada", "prompt": "Answer kindly.", "greeting": "Hello!"}
AGENT = "/api/founder-console/agent"
TEST = "/api/founder-console/test-agent"


class Provider:
    """A running stand-in."""

    def __init__(self, child: Child) -> None:
        self.url: str = child.ready["url"]
        self._control = httpx.Client(base_url=child.ready["control_url"], timeout=WITHIN)

    def behave(self, **behaviour: Any) -> None:
        """How it is to behave from now on; as it should, without arguments."""
        self._control.put("/behaviour", json=behaviour).raise_for_status()

    def agent(self, agent_id: str) -> dict[str, Any] | None:
        """What it was told of an agent last, and how often it was told."""
        return self._control.get("/agents").json().get(agent_id)

    def times(self, agent_id: str) -> int:
        known = self.agent(agent_id)
        return 0 if known is None else known["times"]


@contextmanager
def standing_in(log: Path) -> Iterator[Provider]:
    environ = {**os.environ, names.ENV_VOICE_KEY: KEY}
    with Child("tailgate_service.provider", [], environ=environ, log=log, within=WITHIN) as child:
        provider = Provider(child)
        yield provider
        provider._control.close()


def settings_of(dsn: str, **changes: Any) -> Settings:
    return Settings(
        **{"database_url": dsn, "webhook_secret": "s", "webhook_verify_token": "t", "pool_size": 4, "voice_key": KEY}
        | changes
    )


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[FastAPI]:
    """The API, with agents kept in mind."""
    async with open_pool(settings) as pool:
        app = create_app(settings, create_store(settings.variant, pool))
        async with app.state.listener.running(), app.state.desk.running():
            yield app


def client_of(app: FastAPI, key: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://service", headers={"x-api-key": key})


async def until(condition: Callable[[], Any]) -> None:
    """Return once it holds, which it may be awaited for; fail when it does not in time."""
    async with asyncio.timeout(WITHIN):
        while True:
            held = condition()
            if await held if isawaitable(held) else held:
                return
            await asyncio.sleep(0.01)


async def save(client: httpx.AsyncClient, number: str, tag: str | None = None, **changes: Any) -> httpx.Response:
    headers = {} if tag is None else {"if-match": tag}
    body = {"phone_number": number, "configuration": CONFIGURATION | changes}
    return await client.put(AGENT, json=body, headers=headers)
