"""Pages that the browser kept as they were when somebody left them, and shows again when she goes back."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect
from tailgate_otel import names

from tests.browser import chromium, in_browser
from tests.service.agents.voice import until

pytestmark = in_browser


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One that keeps pages, which Playwright forbids all others."""
    async with chromium(without=["--disable-back-forward-cache"]) as browser:
        yield browser


@pytest.fixture
async def inbox(visit, site, world):
    """The inbox as it was left for the dashboard."""
    await site.deliver(world, "first")
    made = await visit("/inbox", world.key)
    await expect(made.page.locator("#connection")).to_have_attribute("data-state", "live")
    await expect(made.page.locator("#list .preview")).to_have_text(["first"])
    await made.page.evaluate("window.kept = true")
    await made.page.get_by_role("link", name="Dashboard").click()
    await made.complete()
    return made.page


async def test_who_goes_back_misses_nothing_and_it_is_a_view_of_its_own(inbox, site, world):
    view = f'{names.PAGE_VIEWS}_total{{page="/inbox",device="desktop",navigation="back-forward-cache"}}'
    before = (await site.metrics())[view]
    await site.deliver(world, "second")
    # What was kept is not loaded again.
    await inbox.go_back(wait_until="commit")
    assert await inbox.evaluate("window.kept") is True
    await expect(inbox.locator("#connection")).to_have_attribute("data-state", "live")
    await expect(inbox.locator("#list .preview")).to_have_text(["second"])
    await site.deliver(world, "third")
    await expect(inbox.locator("#list .preview")).to_have_text(["third"])
    await inbox.goto("about:blank")

    async def told() -> bool:
        return (await site.metrics())[view] > before

    await until(told)


async def test_it_is_shown_to_nobody_who_has_signed_out_since(inbox):
    await inbox.get_by_role("button", name="Sign out").click()
    await expect(inbox.get_by_role("heading", name="Sign in")).to_be_visible()
    await inbox.go_back(wait_until="commit")
    await expect(inbox).to_have_url("/inbox")
    await expect(inbox.get_by_role("heading", name="Sign in")).to_be_visible()
    await expect(inbox.locator("#view")).to_be_hidden()
