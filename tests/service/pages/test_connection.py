"""The live connection of a page, dropped: it says so, polls, and comes back with nothing missed and nothing twice."""

import time
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page, expect
from tailgate_otel import names

from tests.browser import in_browser
from tests.service.agents.voice import until

pytestmark = in_browser

CORA = {"phone": "+49 30 1234567", "name": "Cora"}


@pytest.fixture
def tell(site, world):
    """``await tell(text)``: Cora writes again, a minute later each time."""
    minutes = iter(range(-60, 0))

    async def told(text: str) -> None:
        await site.deliver(world, text, sent_at=time.time() + 60 * next(minutes), **CORA)

    return told


@pytest.fixture
def sockets() -> list[str]:
    """Where the page has asked for live connections."""
    return []


@pytest.fixture
async def inbox(visit, world, wire, tell, sockets):
    """Cora's conversation, live, on a wire that can be cut, by a clock that can be put forward."""
    await tell("first")

    async def prepare(page: Page) -> None:
        page.on("websocket", lambda socket: sockets.append(socket.url))
        await page.clock.install()

    made = await visit("/inbox", world.key, url=wire.url, prepare=prepare)
    await expect(made.page.locator("#connection")).to_have_attribute("data-state", "live")
    await made.page.get_by_role("button", name="Cora").click()
    await expect(made.page.locator("#messages p")).to_have_text(["first"])
    return made


async def held(page: Page) -> None:
    """Let the page's clock stand still, a little ahead, until it is put forward."""
    await page.clock.pause_at(time.time() + 10)


@pytest.mark.row("C8")
async def test_it_says_so_polls_every_30_s_and_comes_back_by_itself_with_nothing_missed_and_nothing_twice(
    inbox, wire, tell, sockets
):
    page, messages = inbox.page, inbox.page.locator("#messages p")
    connection = page.locator("#connection")

    def polls() -> int:
        return len(inbox.watched.asked("/api/conversations"))

    await held(page)
    before = polls()
    wire.cut()
    await expect(connection).to_have_attribute("data-state", "polling")
    await expect(page.get_by_role("status").filter(has_text="Connection lost: checking every 30 s")).to_be_visible()
    await until(lambda: polls() == before + 1)

    await tell("second")
    await page.clock.fast_forward(29_000)
    await until(lambda: wire.refused >= 1)
    assert polls() == before + 1
    await page.clock.fast_forward(1_000)
    await expect(messages).to_have_text(["first", "second"])
    await until(lambda: polls() == before + 2)

    await tell("third")
    wire.mend()
    await page.clock.resume()
    await expect(connection).to_have_attribute("data-state", "live")
    await expect(messages).to_have_text(["first", "second", "third"])
    assert "after" in parse_qs(urlsplit(sockets[-1]).query)
    await tell("fourth")
    await expect(messages).to_have_text(["first", "second", "third", "fourth"])
    await expect(page.locator("#list .preview")).to_have_text(["fourth"])
    await expect(connection).to_have_text("Live")


@pytest.mark.row("C8")
async def test_a_conversation_that_was_deleted_meanwhile_is_left_when_it_is_read_again(inbox, site, world, wire):
    page = inbox.page
    await held(page)
    wire.cut()
    await expect(page.locator("#connection")).to_have_attribute("data-state", "polling")
    cora = await site.owner.fetchval("SELECT id FROM contacts WHERE workspace_id = $1", world.id)
    async with site.client(world) as client:
        (await client.delete(f"/api/contacts/{cora}")).raise_for_status()
    await page.clock.fast_forward(30_000)
    await expect(page.get_by_text("Choose a conversation to read it.")).to_be_visible()
    await expect(page.locator("#list button")).to_have_count(0)
    await expect(page).to_have_url(f"{wire.url}/inbox")


@pytest.mark.row("C8")
async def test_a_connection_that_has_fallen_silent_is_given_up(inbox, wire, tell):
    page, connection = inbox.page, inbox.page.locator("#connection")
    await held(page)
    wire.hush()
    await tell("second")
    await page.clock.fast_forward(31_000)
    await expect(connection).to_have_attribute("data-state", "polling")
    await expect(page.locator("#messages p")).to_have_text(["first", "second"])
    wire.mend()
    await page.clock.resume()
    await expect(connection).to_have_attribute("data-state", "live")
    await expect(page.locator("#messages p")).to_have_text(["first", "second"])


@pytest.mark.row("C8")
async def test_it_is_tried_again_at_once_when_the_network_is_back(inbox, wire):
    page, connection = inbox.page, inbox.page.locator("#connection")
    await held(page)
    wire.cut()
    await expect(connection).to_have_attribute("data-state", "polling")
    wire.mend()
    await page.evaluate("dispatchEvent(new Event('online'))")
    await expect(connection).to_have_attribute("data-state", "live")


@pytest.mark.row("C8")
async def test_who_was_away_for_longer_than_events_are_kept_reads_anew_and_is_live_again(
    inbox, site, world, wire, tell, sockets
):
    page, connection = inbox.page, inbox.page.locator("#connection")
    followers = f'{names.LIVE_CONNECTIONS}{{{names.LABEL_TRANSPORT}="websocket"}}'

    async def forgotten() -> bool:
        return (await site.metrics())[followers] == 0

    wire.cut()
    await expect(connection).to_have_attribute("data-state", "polling")
    # While somebody follows, the service has the newest events in mind.
    await until(forgotten)
    await tell("second")
    await tell("third")
    newest = "SELECT max(number) FROM events WHERE workspace_id = $1"
    await site.owner.execute(f"DELETE FROM events WHERE workspace_id = $1 AND number < ({newest})", world.id)
    wire.mend()
    await page.evaluate("dispatchEvent(new Event('online'))")
    await expect(connection).to_have_attribute("data-state", "live")
    await expect(page.locator("#messages p")).to_have_text(["first", "second", "third"])
    await expect(page.locator("#list .preview")).to_have_text(["third"])
    gone, anew = (parse_qs(urlsplit(socket).query) for socket in sockets[-2:])
    assert "after" in gone
    assert "after" not in anew


@pytest.mark.row("C8")
async def test_who_has_read_on_in_the_list_keeps_that_when_all_of_it_is_read_again(visit, site, wire):
    wire.cut()
    made = await visit("/inbox", site.key, url=wire.url)
    rows, more = made.page.locator("#list button"), made.page.get_by_role("button", name="Show more")
    await expect(made.page.locator("#connection")).to_have_attribute("data-state", "polling")
    await more.click()
    await expect(rows).to_have_count(50)

    def readings() -> int:
        return len(made.watched.asked("/api/conversations"))

    before = readings()
    wire.mend()
    await made.page.evaluate("dispatchEvent(new Event('online'))")
    await until(lambda: readings() >= before + 2)
    await more.click()
    await expect(rows).to_have_count(60)
    await expect(more).to_be_hidden()
