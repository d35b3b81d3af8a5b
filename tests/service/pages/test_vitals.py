"""What a visit felt like, told by the page in a real browser and found in the service's metrics."""

from collections.abc import Awaitable

import pytest
from playwright.async_api import expect
from tailgate_otel import names
from tailgate_service.models.vitals import PAGES

from tests.browser import DESKTOP, PHONE, in_browser
from tests.service.agents.voice import until

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


def of(page: str, device: str) -> str:
    return f'page="{page}",device="{device}"'


async def _is(found: Awaitable[float], wanted: float) -> bool:
    return await found == wanted


@pytest.mark.row("A1")
@pytest.mark.row("C9")
@pytest.mark.parametrize(("device", "screen"), [("phone", PHONE), ("desktop", DESKTOP)])
async def test_all_five_and_when_the_dashboard_was_complete_are_told_when_it_is_left(visit, site, device, screen):
    made = await visit(site.dashboard, site.key, **screen)
    await made.complete()
    place = of("/dashboard", device)
    views = {how: f'{names.PAGE_VIEWS}_total{{{place},navigation="{how}"}}' for how in ("navigate", "reload")}
    start = await site.metrics()

    async def viewed(how: str, before: dict[str, float]) -> dict[str, float]:
        """The metrics once one more view of that kind has been counted."""
        last = before

        async def counted() -> bool:
            nonlocal last
            last = await site.metrics()
            return last[views[how]] > before[views[how]]

        await until(counted)
        return last

    # The second view is that of somebody who has signed in already: its largest thing is what she came for.
    await made.page.reload()
    before = await viewed("navigate", start)
    await made.complete()
    await made.page.get_by_role("heading", name="Dashboard").click()
    # How long an interaction took is known once something was painted after it, and looked at when there is time.
    await made.page.evaluate(INTERACTED)
    await made.page.goto("about:blank")
    after = await viewed("reload", before)
    timing = f'{names.PAGE_TIMING}_count{{{place},timing="panels_complete"}}'
    counts = {vital: f"{name}_count{{{place}}}" for vital, name in VITALS.items()} | {"panels_complete": timing}
    assert {measure: after[count] > before[count] for measure, count in counts.items()} == dict.fromkeys(counts, True)
    assert not {key: value for key, value in after.items() if key.startswith(names.BEACONS_REFUSED) and value > 0}


@pytest.mark.row("A1")
@pytest.mark.parametrize("path", PAGES)
async def test_every_page_marks_its_moments_and_tells_them(visit, site, path, provider):
    made = await visit(path, site.key, permissions=["microphone"])
    (moment,) = PAGES[path]

    async def marked() -> bool:
        return await made.page.evaluate("name => performance.getEntriesByName(name, 'mark').length", moment) == 1

    await until(marked)
    count = f'{names.PAGE_TIMING}_count{{{of(path, "desktop")},timing="{moment}"}}'
    before = (await site.metrics())[count]
    await made.page.goto("about:blank")

    async def told() -> bool:
        return (await site.metrics())[count] > before

    await until(told)


async def test_a_page_that_is_hidden_is_told_once_and_not_again_when_it_is_left(visit, site):
    made = await visit("/inbox", site.key)
    await expect(made.page.locator("#list button").first).to_be_visible()
    views = {page: f'{names.PAGE_VIEWS}_total{{{of(page, "desktop")},navigation="navigate"}}' for page in PAGES}
    before = await site.metrics()

    async def more(page: str) -> float:
        return (await site.metrics())[views[page]] - before[views[page]]

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
