"""The service as people meet it: a process of its own with a voice provider and an issuer of tokens, and a browser."""

import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest
from playwright.async_api import Browser, Page, expect
from tailgate_otel import names
from tailgate_service import webhook
from tailgate_service.process import Child

from tests.browser import WITHIN, Watched, browsing, chromium
from tests.service.agents.voice import AGENT, CONFIGURATION, KEY, Provider, standing_in
from tests.service.api.conftest import SECRET, VERIFY_TOKEN, World
from tests.service.auth.issuer import KeyServer, jwk, rsa_key
from tests.service.pages.wire import Wire, laid

PASSED_ON = ("PATH", "HOME", "LANG")


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with standing_in(tmp_path_factory.mktemp("provider") / "log") as provider:
        yield provider


@pytest.fixture
def provider(stand_in: Provider) -> Provider:
    """The voice provider, behaving well."""
    stand_in.behave()
    return stand_in


@dataclass(frozen=True, kw_only=True)
class Site:
    """A running service over a database with a little seed; ``owner`` is bound by no policy."""

    url: str
    metrics_url: str
    targets: dict[str, Any]
    owner: asyncpg.Connection

    @property
    def key(self) -> str:
        """Of a workspace of the seed."""
        return str(self.targets["workspaces"][0]["api_key"])

    @property
    def dashboard(self) -> str:
        """The path of the dashboard on a day of which the seed tells."""
        return f"/dashboard?today={self.targets['today']}"

    async def world(self) -> World:
        """A new workspace, with nothing in it."""
        return await World(self.owner).settle()

    def client(self, world: World) -> httpx.AsyncClient:
        """The API, with the key of ``world``."""
        return httpx.AsyncClient(base_url=self.url, headers={"x-api-key": world.key}, timeout=WITHIN, trust_env=False)

    async def deliver(self, world: World, text: str, **changes: Any) -> None:
        """Bring a message to ``world`` as the provider does."""
        body = world.delivery(**{"id": f"wamid.{secrets.token_hex(8)}", "text": text, **changes})
        headers = {"content-type": "application/json", "x-webhook-signature": webhook.sign(SECRET, body)}
        async with httpx.AsyncClient(base_url=self.url, timeout=WITHIN, trust_env=False) as client:
            (await client.post("/api/webhook/kapso", content=body, headers=headers)).raise_for_status()

    async def agent(self, world: World, **changes: Any) -> str:
        """Give ``world`` a voice agent, whose configuration has ``changes``; its number."""
        number = f"+{secrets.randbelow(10**12) + 10**12}"
        async with self.client(world) as client:
            answer = await client.put(AGENT, json={"phone_number": number, "configuration": CONFIGURATION | changes})
            answer.raise_for_status()
        return number

    async def metrics(self) -> dict[str, float]:
        """The service's samples, each by its name and labels as they are written."""
        async with httpx.AsyncClient(timeout=WITHIN, trust_env=False) as client:
            lines = (await client.get(self.metrics_url)).text.splitlines()
        samples = (line.split(" # ")[0].rpartition(" ") for line in lines if line and line[0] != "#")
        return {name: float(value) for name, _, value in samples}


@pytest.fixture(scope="session")
def served(
    clone_of: Callable[[str], Any], stand_in: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, Child]]:
    """A database, and a process that serves it."""
    database = clone_of("parallel")
    with KeyServer(jwk(rsa_key(), "first")) as issuer:
        environ = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | {
            names.ENV_DATABASE_URL: database.dsn,
            names.ENV_VARIANT: database.variant,
            names.ENV_WEBHOOK_SECRET: SECRET,
            names.ENV_WEBHOOK_VERIFY_TOKEN: VERIFY_TOKEN,
            names.ENV_METRICS_PORT: "0",
            names.ENV_POOL_SIZE: "8",
            names.ENV_VOICE_URL: stand_in.url,
            names.ENV_VOICE_KEY: KEY,
            names.ENV_TOKEN_ISSUER: issuer.issuer.name,
            names.ENV_TOKEN_AUDIENCE: issuer.issuer.audience,
            names.ENV_TOKEN_KEYS: issuer.url,
        }
        log = tmp_path_factory.mktemp("service") / "log"
        with Child("tailgate_service", [], environ=environ, log=log, within=WITHIN) as child:
            yield database, child


@pytest.fixture(scope="session")
async def site(served: tuple[Any, Child]) -> AsyncIterator[Site]:
    """The session's service: each test keeps to workspaces of its own, or only looks."""
    database, child = served
    owner = await asyncpg.connect(database.owner_dsn)
    try:
        url, metrics_url = child.ready["url"], child.ready["metrics_url"]
        yield Site(url=url, metrics_url=metrics_url, targets=database.targets, owner=owner)
    finally:
        await owner.close()


@pytest.fixture
async def world(site: Site) -> World:
    return await site.world()


@pytest.fixture
async def wire(site: Site) -> AsyncIterator[Wire]:
    """A way to the service that can be cut."""
    async with laid(site.url) as wire:
        yield wire


@dataclass(frozen=True, kw_only=True)
class Visit:
    """Somebody's browser at one page; ``url`` is where she finds the service."""

    page: Page
    watched: Watched
    url: str

    async def sign_in(self, key: str) -> None:
        """Sign in with a key, or a token."""
        await self.page.get_by_label("Key or token").fill(key)
        await self.page.get_by_role("button", name="Sign in").click()

    async def complete(self) -> None:
        """Wait until the dashboard has no panel that waits."""
        await expect(self.page.locator(".panel[data-panel]")).to_have_count(4)
        await expect(self.page.locator(".panel[data-state=loading]")).to_have_count(0)


MakeVisit = Callable[..., Awaitable[Visit]]
Prepare = Callable[[Page], Awaitable[None]]


@pytest.fixture
async def visit(browser: Browser, site: Site) -> AsyncIterator[MakeVisit]:
    """``await visit(path, key)``: a new browser's visit of a page, signed in where there is a key.

    ``url`` is another way to the service; ``prepare`` is awaited with the empty page; other options are the context's.
    Who visits allows nothing, unless ``permissions`` say otherwise.
    """
    async with AsyncExitStack() as opened:

        async def make(
            path: str, key: str | None = None, *, url: str = site.url, prepare: Prepare | None = None, **options: Any
        ) -> Visit:
            # To allow one thing is to refuse all that is not named: nobody is there to be asked.
            options = {"permissions": ["clipboard-read"], **options}
            context, watched = await opened.enter_async_context(browsing(browser, url, **options))
            made = Visit(page=await context.new_page(), watched=watched, url=url)
            if prepare is not None:
                await prepare(made.page)
            await made.page.goto(path)
            if key is not None:
                await made.sign_in(key)
            return made

        yield make


async def signed_in(visit: MakeVisit, site: Site, prepare: Prepare | None = None, **options: Any) -> Visit:
    """The dashboard of somebody who was known when she came, as most are: nothing of it was touched."""
    made = await visit("/inbox", site.key, **options)
    await expect(made.page.locator("#view")).to_be_visible()
    if prepare is not None:
        await prepare(made.page)
    await made.page.goto(site.dashboard)
    return made
