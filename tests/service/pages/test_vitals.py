"""What a visit felt like, told by the page in a real browser and found in the service's metrics."""

from collections.abc import Awaitable

import pytest
from playwright.async_api import Page, expect
from tailgate_otel import names
from tailgate_service.models.vitals import PAGES

from tests.browser import DESKTOP, PHONE, in_browser
from tests.service.agents.voice import until
from tests.service.pages.conftest import MakeVisit, Site, Visit, signed_in

pytestmark = in_browser

VITALS = {
    "lcp": names.WEB_VITAL_LCP,
    "inp": names.WEB_VITAL_INP,
    "cls": names.WEB_VITAL_CLS,
    "fcp": names.WEB_VITAL_FCP,
    "ttfb": names.WEB_VITAL_TTFB,
}
INTERACTED = """() => new Promise((done) => {
  const idle = () => requestIdleCallback(() => requestIdleCallback(done));
  new PerformanceObserver(idle).observe({ type: "first-input", buffered: true });
})"""
MUCH_LATER = """
  const mark = performance.mark.bind(performance);
  performance.mark = (name) => mark(name, { startTime: performance.now() + 700_000 });
"""


def of(page: str, device: str) -> str:
    return f'page="{page}",device="{device}"'


def views(place: str, how: str) -> str:
    return f'{names.PAGE_VIEWS}_total{{{place},navigation="{how}"}}'


async def _is(found: Awaitable[float], wanted: float) -> bool:
    return await found == wanted


async def after_one_more(view: str, before: dict[str, float], site: Site) -> dict[str, float]:
    """The metrics once one more view of that kind has been counted."""
    last = before

    async def counted() -> bool:
        nonlocal last
        last = await site.metrics()
        return last[view] > before[view]

    await until(counted)
    return last


def refused(metrics: dict[str, float]) -> dict[str, float]:
    return {key: value for key, value in metrics.items() if key.startswith(names.BEACONS_REFUSED)}


async def marked(made: Visit, moment: str) -> bool:
    return await made.page.evaluate("name => performance.getEntriesByName(name, 'mark').length", moment) == 1


@pytest.mark.row("A1")
@pytest.mark.row("C9")
@pytest.mark.parametrize(("device", "screen"), [("phone", PHONE), ("desktop", DESKTOP)])
async def test_all_five_and_when_the_dashboard_was_complete_are_told_when_it_is_left(visit, site, device, screen):
    made = await visit(site.dashboard, site.key, **screen)
    await made.complete()
    place = of("/dashboard", device)
    start = await site.metrics()
    # The second view is that of somebody who has signed in already: its largest thing is what she came for.
    await made.page.reload()
    before = await after_one_more(views(place, "navigate"), start, site)
    await made.complete()
    await made.page.get_by_role("heading", name="Dashboard").click()
    # How long an interaction took is known once something was painted after it, and looked at when there is time.
    await made.page.evaluate(INTERACTED)
    await made.page.goto("about:blank")
    after = await after_one_more(views(place, "reload"), before, site)
    timing = f'{names.PAGE_TIMING}_count{{{place},timing="panels_complete"}}'
    counts = {vital: f"{name}_count{{{place}}}" for vital, name in VITALS.items()} | {"panels_complete": timing}
    assert {measure: after[count] > before[count] for measure, count in counts.items()} == dict.fromkeys(counts, True)
    assert not {key: value for key, value in refused(after).items() if value > 0}


@pytest.mark.row("A1")
@pytest.mark.parametrize("path", PAGES)
async def test_every_page_marks_its_moments_and_tells_them(visit, site, path, provider):
    made = await visit(path, site.key, permissions=["microphone"])
    await expect(made.page.locator("#view")).to_be_visible()
    await made.page.reload()
    (moment,) = PAGES[path]
    await until(lambda: marked(made, moment))
    count = f'{names.PAGE_TIMING}_count{{{of(path, "desktop")},timing="{moment}"}}'
    before = (await site.metrics())[count]
    await made.page.goto("about:blank")

    async def told() -> bool:
        return (await site.metrics())[count] > before

    await until(told)


async def a_broken_panel(visit: MakeVisit, site: Site) -> Visit:
    async def prepare(page: Page) -> None:
        await page.route("**/api/analytics/leads*", lambda route: route.fulfill(status=500))

    made = await signed_in(visit, site, prepare)
    await made.complete()
    assert not await marked(made, "panels_complete")
    return made


async def somebody_who_signs_in(visit: MakeVisit, site: Site) -> Visit:
    made = await visit(site.dashboard, site.key)
    await until(lambda: marked(made, "panels_complete"))
    return made


async def a_wait_longer_than_is_believed(visit: MakeVisit, site: Site) -> Visit:
    made = await signed_in(visit, site, lambda page: page.add_init_script(MUCH_LATER))
    await until(lambda: marked(made, "panels_complete"))
    return made


@pytest.mark.parametrize("meeting", [a_broken_panel, somebody_who_signs_in, a_wait_longer_than_is_believed])
async def test_a_view_without_its_moment_is_told_and_counts_as_missing_it(visit, site, meeting):
    made = await meeting(visit, site)
    place = of("/dashboard", "desktop")
    told = f'{names.PAGE_TIMING}_count{{{place},timing="panels_complete"}}'
    missing = f'{names.WEB_VITAL_MISSING}_total{{{place},measure="panels_complete"}}'
    before = await site.metrics()
    await made.page.goto("about:blank")
    after = await after_one_more(views(place, "navigate"), before, site)
    assert after[told] == before[told]
    assert after[missing] > before[missing]
    assert refused(after) == refused(before)


async def test_a_page_that_is_hidden_is_told_once_and_not_again_when_it_is_left(visit, site):
    made = await visit("/inbox", site.key)
    await expect(made.page.locator("#list button").first).to_be_visible()
    counts = {page: views(of(page, "desktop"), "navigate") for page in PAGES}
    before = await site.metrics()

    async def more(page: str) -> float:
        return (await site.metrics())[counts[page]] - before[counts[page]]

    for _ in range(2):
        await made.page.evaluate("""() => {
            Object.defineProperty(document, "visibilityState", { configurable: true, get: () => "hidden" });
            document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
            delete document.visibilityState;
        }""")
    await until(lambda: _is(more("/inbox"), 1))
    await made.page.goto("/agent")
    await expect(made.page.locator("#view")).to_be_visible()
    await made.page.goto("about:blank")
    await until(lambda: _is(more("/agent"), 1))
    assert await more("/inbox") == 1


@pytest.mark.row("A2")
async def test_pages_are_counted_like_any_route(visit, site):
    made = await visit("/inbox", site.key)
    await expect(made.page.locator("#list button").first).to_be_visible()
    metrics = await site.metrics()
    for route in ("/inbox", "/assets/{name}", "/api/conversations"):
        counted = [
            value
            for name, value in metrics.items()
            if name.startswith(f"{names.HTTP_SERVER_DURATION}_count{{") and f'http_route="{route}"' in name
        ]
        assert sum(counted) > 0, route
