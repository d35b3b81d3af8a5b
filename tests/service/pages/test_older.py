"""Browsers as old as those that the pages are built for: what came later is taken away from this one."""

from playwright.async_api import Page, expect

from tests.browser import in_browser

pytestmark = in_browser

LATER = """
  for (const [owner, ...names] of [
    [AbortSignal, "any"],
    [Array, "fromAsync"],
    [Object, "groupBy"],
    [Map, "groupBy"],
    [Promise, "try", "withResolvers"],
    [URL, "canParse", "parse"],
    [ReadableStream.prototype, Symbol.asyncIterator],
  ]) for (const name of names) delete owner[name];
"""


async def prepare(page: Page) -> None:
    await page.add_init_script(LATER)


async def test_the_inbox_is_read_and_live(visit, site, world):
    await site.deliver(world, "Hello", name="Cora")
    made = await visit("/inbox", world.key, prepare=prepare)
    await made.page.get_by_role("button", name="Cora").click()
    await expect(made.page.locator("#messages p")).to_have_text(["Hello"])
    await expect(made.page.locator("#connection")).to_have_attribute("data-state", "live")
    assert made.watched.complaints == []


async def test_the_dashboard_is_complete(visit, site):
    made = await visit(site.dashboard, site.key, prepare=prepare)
    await expect(made.page.locator(".panel[data-state=shown]")).to_have_count(4)
    assert made.watched.complaints == []


async def test_a_call_is_followed_to_its_end(visit, site, world, provider):
    await site.agent(world)
    made = await visit("/agent", world.key, prepare=prepare, permissions=["microphone"])
    await made.page.get_by_role("button", name="Start a test call").click()
    await expect(made.page.locator("#stages [data-stage=ended]")).to_have_attribute("data-state", "reached")
    assert made.watched.complaints == []
