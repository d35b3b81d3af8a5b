"""What everybody meets on every page: eyes, keyboards, screen readers, narrow screens, no scripts, nothing foreign."""

import pytest
from playwright.async_api import Page, expect

from tests.browser import DESKTOP, PHONE, in_browser
from tests.service.pages.conftest import Visit
from tests.service.pages.measured import FAINT, FROM_THE_BEGINNING, LEFT_OUT, STOP, TOO_WIDE

pytestmark = in_browser

PAGES = ("inbox", "dashboard", "agent")
SCREENS = pytest.mark.parametrize("screen", [PHONE, DESKTOP], ids=["phone", "desktop"])
WORD = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 3
MOST_BYTES = 100_000


@pytest.fixture
async def opened(visit, site, provider):
    """``await opened(name)``: that page, with all that there is to be seen on it."""
    world = await site.world()
    await site.agent(world)
    await site.deliver(world, f"Hello {WORD}", name=f"Cora {WORD}")

    async def make(name: str, **options) -> Visit:
        if name == "inbox":
            made = await visit("/inbox", world.key, **options)
            await expect(made.page.locator("#connection")).to_have_attribute("data-state", "live")
            await made.page.locator("#list button").click()
            await expect(made.page.locator("#messages p")).to_have_count(1)
        elif name == "dashboard":
            made = await visit(site.dashboard, site.key, **options)
            await made.complete()
        else:
            made = await visit("/agent", world.key, **{"permissions": ["microphone"], **options})
            await expect(made.page.locator("#microphone")).to_have_attribute("data-state", "ready")
            await expect(made.page.get_by_role("button", name="Start a test call")).to_be_enabled()
        return made

    return make


@pytest.mark.parametrize("name", PAGES)
async def test_nothing_is_asked_for_elsewhere_and_nothing_complained_of(opened, name):
    """A violation of the content security policy would be complained of."""
    made = await opened(name)
    await made.page.reload()
    await expect(made.page.locator("#view")).to_be_visible()
    await made.page.wait_for_load_state("networkidle")
    assert made.watched.outside(made.url) == []
    assert made.watched.complaints == []


@pytest.mark.parametrize("name", PAGES)
async def test_nor_while_nobody_has_signed_in(visit, name):
    made = await visit(f"/{name}", permissions=["microphone"])
    await expect(made.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert made.watched.outside(made.url) == []
    assert made.watched.complaints == []


@pytest.mark.parametrize("name", PAGES)
async def test_without_javascript_it_says_that_it_needs_it(visit, name):
    page = (await visit(f"/{name}", java_script_enabled=False)).page
    # Playwright looks for no text in there.
    said = page.locator("noscript p")
    await expect(said).to_be_visible()
    await expect(said).to_contain_text("This page needs JavaScript")
    await expect(page.get_by_role("button")).to_have_count(0)
    await expect(page.get_by_role("textbox")).to_have_count(0)


@SCREENS
@pytest.mark.parametrize("name", PAGES)
async def test_nothing_is_wider_than_the_screen(opened, name, screen):
    page = (await opened(name, **screen)).page
    assert await page.evaluate(TOO_WIDE) == {"scrolls": 0, "wide": []}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
async def test_every_text_stands_out_from_what_is_behind_it(opened, name, scheme):
    page = (await opened(name, color_scheme=scheme)).page
    measured = await page.evaluate(FAINT)
    assert measured["looked"] > 10
    assert measured["faint"] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_so_does_what_is_said_when_something_is_wrong(visit, site, scheme):
    page = (await visit("/inbox", "nobody's", color_scheme=scheme)).page
    await expect(page.locator("#sign-in").get_by_role("alert")).not_to_be_empty()
    assert (await page.evaluate(FAINT))["faint"] == []
    page = (await visit(site.dashboard, color_scheme=scheme)).page
    await page.route("**/api/analytics/*", lambda route: route.fulfill(status=503))
    await page.get_by_label("Key or token").fill(site.key)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.locator(".panel[data-state=failed]")).to_have_count(3)
    assert (await page.evaluate(FAINT))["faint"] == []


async def stops(page: Page) -> tuple[list[dict], list[str]]:
    """Where the tab key leads from the beginning of the page until it leaves it, and what it should have led to."""
    found: list[dict] = []
    await page.evaluate(FROM_THE_BEGINNING)
    while len(found) < 100:
        await page.keyboard.press("Tab")
        stop = await page.evaluate(STOP)
        if stop is None:
            break
        found.append(stop)
    return found, await page.evaluate(LEFT_OUT)


@pytest.mark.parametrize(
    ("name", "reached"),
    [
        ("inbox", {"sign-out", "search", "status", "assigned", "thread-scroll", "compose", "send"}),
        ("dashboard", {"sign-out"}),
        ("agent", {"sign-out", "start"}),
    ],
)
async def test_the_tab_key_reaches_everything_and_one_sees_where_one_is(opened, name, reached):
    page = (await opened(name)).page
    found, left_out = await stops(page)
    names = [stop["name"] for stop in found]
    assert names[0] == "Skip to content"
    assert {"Inbox", "Dashboard", "Agent test", *reached} <= set(names)
    assert [stop for stop in found if not stop["outlined"]] == []
    assert left_out == []


@pytest.mark.parametrize("name", PAGES)
async def test_a_screen_reader_is_told_what_is_what(opened, name):
    page = (await opened(name)).page
    await expect(page.get_by_role("banner")).to_have_count(1)
    await expect(page.get_by_role("main")).to_have_count(1)
    await expect(page.get_by_role("navigation", name="Pages")).to_have_count(1)
    current = page.get_by_role("navigation").locator("[aria-current=page]")
    await expect(current).to_have_text({"inbox": "Inbox", "dashboard": "Dashboard", "agent": "Agent test"}[name])
    await expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert await page.locator("html").get_attribute("lang") == "en"
    unnamed = await page.evaluate("""() => [...document.querySelectorAll("button, a, input, select, textarea")]
        .filter((one) => one.checkVisibility())
        .filter((one) => !(one.labels?.length || one.ariaLabel || one.textContent.trim()))
        .map((one) => one.outerHTML)""")
    assert unnamed == []
    named = {
        "inbox": [
            ("list", "Conversations"),
            ("region", "Conversation"),
            ("form", "Reply"),
            ("search", "Filter conversations"),
        ],
        "dashboard": [("region", panel) for panel in ("Pulse", "Leads", "Recent activity", "Calls")],
        "agent": [("region", "Agents"), ("list", "Stages of the call")],
    }
    for role, called in named[name]:
        await expect(page.get_by_role(role, name=called, exact=True).first).to_be_visible()


@pytest.mark.parametrize("name", PAGES)
async def test_all_that_a_page_loads_is_small(opened, name):
    """Headers, the page, what it loads, and the answers of the API on a first visit, all as they are on the wire."""
    made = await opened(name)
    await made.page.wait_for_load_state("networkidle")
    sizes = {}
    for request in made.watched.requests:
        response = await request.response()
        if response is None or request.resource_type in ("ping", "websocket") or request.url.startswith("data:"):
            continue
        measured = await request.sizes()
        sizes[request.url] = measured["responseBodySize"] + measured["responseHeadersSize"]
    assert any(url.endswith(f"/{name}") or f"/{name}?" in url for url in sizes), sizes
    assert 0 < sum(sizes.values()) < MOST_BYTES, sizes
