"""The dashboard: every panel asked for at once, shown as it comes, and broken by itself alone."""

import asyncio
from functools import partial

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser import DESKTOP, PHONE, in_browser
from tests.service.agents.voice import until
from tests.service.pages.conftest import signed_in
from tests.service.pages.measured import WATCH_SHIFTS

pytestmark = in_browser

PATHS = {
    "pulse": "/api/analytics/dashboard-pulse",
    "leads": "/api/analytics/leads",
    "activity": "/api/analytics/recent-activity",
    "calls": "/api/calls-dashboard",
}


class Held:
    """Requests of panels, each kept from the service until it is let go."""

    def __init__(self) -> None:
        self.arrived: set[str] = set()
        self._gates = {panel: asyncio.Event() for panel in PATHS}

    async def prepare(self, page: Page) -> None:
        for panel, path in PATHS.items():
            await page.route(f"**{path}*", partial(self._keep, panel))

    def let_go(self, panel: str) -> None:
        self._gates[panel].set()

    async def _keep(self, panel: str, route: Route) -> None:
        self.arrived.add(panel)
        await self._gates[panel].wait()
        await route.continue_()


@pytest.fixture
def held():
    held = Held()
    yield held
    for panel in PATHS:
        held.let_go(panel)


async def expect_states(page: Page, **states: str) -> None:
    for panel, wanted in states.items():
        await expect(page.locator(f".panel[data-panel={panel}]")).to_have_attribute("data-state", wanted)


@pytest.mark.row("C2")
async def test_all_panels_are_asked_for_before_any_is_answered_and_each_is_shown_as_it_comes(visit, site, held):
    page = (await signed_in(visit, site, held.prepare)).page
    await until(lambda: held.arrived == set(PATHS))
    waiting = dict.fromkeys(PATHS, "loading")
    await expect_states(page, **waiting)
    for panel in ("calls", "leads", "pulse", "activity"):
        held.let_go(panel)
        waiting[panel] = "shown"
        await expect_states(page, **waiting)
        busy = await page.locator(f".panel[data-panel={panel}]").get_attribute("aria-busy")
        assert busy == "false"


@pytest.mark.row("C2")
@pytest.mark.parametrize("broken", PATHS)
async def test_a_broken_panel_shows_its_error_breaks_no_other_and_may_be_tried_again(visit, site, broken):
    async def prepare(page: Page) -> None:
        await page.route(f"**{PATHS[broken]}*", lambda route: route.fulfill(status=500, body="<html>"))

    made = await signed_in(visit, site, prepare)
    page = made.page
    await made.complete()
    await expect_states(page, **(dict.fromkeys(PATHS, "shown") | {broken: "failed"}))
    panel = page.locator(f".panel[data-panel={broken}]")
    await expect(panel.get_by_text("The service answered 500.")).to_be_visible()
    await page.unroute(f"**{PATHS[broken]}*")
    await panel.get_by_role("button", name="Try again").click()
    await expect_states(page, **dict.fromkeys(PATHS, "shown"))
    await expect(panel.get_by_role("button", name="Try again")).to_be_hidden()


@pytest.mark.row("C2")
async def test_what_breaks_in_the_database_breaks_the_panels_that_need_it(visit, site):
    """The column with how long calls took: leads and activity do without."""
    await site.owner.execute("ALTER TABLE calls RENAME COLUMN seconds TO seconds_gone")
    try:
        made = await signed_in(visit, site)
        await made.complete()
        await expect_states(made.page, pulse="failed", leads="shown", activity="shown", calls="failed")
    finally:
        await site.owner.execute("ALTER TABLE calls RENAME COLUMN seconds_gone TO seconds")
    for panel in ("pulse", "calls"):
        await made.page.locator(f".panel[data-panel={panel}]").get_by_role("button", name="Try again").click()
    await expect_states(made.page, **dict.fromkeys(PATHS, "shown"))


@pytest.mark.row("C1")
@pytest.mark.row("C2")
async def test_leads_are_shown_while_their_view_is_gone(visit, site):
    made = await signed_in(visit, site)
    await made.complete()
    leads = made.page.locator(".panel[data-panel=leads] .rows")
    before = await leads.text_content()
    assert "Nobody" not in before
    await site.owner.execute("ALTER VIEW view_actionable_leads RENAME TO view_gone")
    try:
        await made.page.reload()
        await made.complete()
        await expect_states(made.page, **dict.fromkeys(PATHS, "shown"))
        await expect(leads).to_have_text(before)
    finally:
        await site.owner.execute("ALTER VIEW view_gone RENAME TO view_actionable_leads")


@pytest.mark.row("C8")
async def test_it_says_how_far_it_has_come(visit, site, held):
    page = (await signed_in(visit, site, held.prepare)).page
    said = page.get_by_role("status")
    await expect(said.filter(has_text="Loading")).to_be_visible()
    first, second, *others = PATHS
    for panel in (first, second):
        held.let_go(panel)
    await expect(said.filter(has_text="2 of 4 panels shown")).to_be_visible()
    for panel in others:
        held.let_go(panel)
    await expect(said.filter(has_text="All panels shown")).to_be_visible()


@pytest.mark.row("C9")
@pytest.mark.parametrize("screen", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("broken", [(), ("leads", "calls")], ids=["all well", "two broken"])
async def test_panels_that_come_late_or_not_at_all_move_nothing(visit, site, held, screen, broken):
    async def prepare(page: Page) -> None:
        await page.add_init_script(WATCH_SHIFTS)
        await held.prepare(page)
        for panel in broken:
            await page.route(f"**{PATHS[panel]}*", lambda route: route.abort())

    made = await signed_in(visit, site, prepare, **screen)
    await until(lambda: held.arrived == PATHS.keys() - set(broken))
    for panel in reversed(PATHS):
        held.let_go(panel)
        if panel not in broken:
            await expect_states(made.page, **{panel: "shown"})
    await made.complete()
    # Two frames: what was shown last has been laid out.
    await made.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    shifted = await made.page.evaluate("window.shifted")
    assert shifted["sum"] < 0.05, shifted


async def test_it_shows_the_day_that_is_asked_for(visit, site):
    made = await signed_in(visit, site)
    await made.complete()
    asked = {panel: made.watched.asked(path)[-1].url for panel, path in PATHS.items()}
    today = f"today={site.targets['today']}"
    assert today in asked["pulse"]
    assert today in asked["calls"]
    await expect(made.page.locator("#day")).to_contain_text("2025")
