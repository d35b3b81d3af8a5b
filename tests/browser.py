"""A real Chromium for tests, and what is watched of whatever it shows."""

import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Request, WebError, async_playwright, expect
from tailgate_service.pages.files import BUILT

WITHIN = 20.0
"""Seconds that anything may take: long, because how quick a machine is, is nothing that a test may fail for."""
CHROMIUM = os.environ.get("TAILGATE_CHROMIUM") or shutil.which("chromium")

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is not installed: apt-get install chromium fonts-liberation"
)
needs_pages = pytest.mark.skipif(
    not (BUILT / "inbox.html").is_file(), reason="the pages are not built: `make setup` where npm is found"
)
in_browser = [needs_chromium, needs_pages, pytest.mark.xdist_group("browser")]
"""The marks of a module of tests that look at the service's pages: one worker has the browser."""

PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 3, "has_touch": True, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
"""Options of a context."""

_FLAGS = (
    # A microphone that beeps. Who may have it is decided by each context.
    "--use-fake-device-for-media-stream",
    # Nothing is to be found but this machine.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@asynccontextmanager
async def chromium(*flags: str, without: Sequence[str] = ()) -> AsyncIterator[Browser]:
    """A browser of its own; as root it has no sandbox, which it refuses to make.

    ``without`` are flags that Playwright would give it.
    """
    expect.set_options(timeout=WITHIN * 1000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[*_FLAGS, *flags],
            ignore_default_args=list(without),
            chromium_sandbox=os.geteuid() != 0,
        )
        try:
            yield browser
        finally:
            await browser.close()


@dataclass(kw_only=True)
class Watched:
    """What the pages of a context ask for, and complain of: errors of theirs, refusals of the browser, warnings."""

    requests: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def outside(self, url: str) -> list[str]:
        """What was asked for elsewhere than at ``url``."""
        return [one.url for one in self.requests if not one.url.startswith((f"{url}/", "data:", "blob:"))]

    def asked(self, path: str) -> list[Request]:
        """The requests for a path, their queries aside."""
        return [one for one in self.requests if _path(one.url) == path]

    def see(self, request: Request) -> None:
        """Keep what is asked for."""
        self.requests.append(request)

    def hear(self, message: ConsoleMessage) -> None:
        """Keep what somebody who looks at the console would not like to see."""
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def fail(self, error: WebError) -> None:
        """Keep what nobody caught."""
        self.complaints.append(f"uncaught: {error.error}")


@asynccontextmanager
async def browsing(browser: Browser, url: str, **options: Any) -> AsyncIterator[tuple[BrowserContext, Watched]]:
    """A context whose pages begin at ``url``, on a desktop unless ``options`` say otherwise, and are watched."""
    context = await browser.new_context(
        **{"base_url": url, "locale": "en-GB", "timezone_id": "UTC", **DESKTOP, **options}
    )
    try:
        context.set_default_timeout(WITHIN * 1000)
        watched = Watched()
        context.on("request", watched.see)
        context.on("console", watched.hear)
        context.on("weberror", watched.fail)
        yield context, watched
    finally:
        await context.close()


def _path(url: str) -> str:
    return "/" + url.split("/", 3)[-1].partition("?")[0]
