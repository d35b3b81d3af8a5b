"""The inbox: its list, a conversation, an answer, and what happens meanwhile."""

import time

import pytest
from playwright.async_api import expect

from tests.browser import PHONE, in_browser

pytestmark = in_browser


def minutes_ago(minutes: float) -> float:
    return time.time() - 60 * minutes


@pytest.fixture
async def callers(site, world):
    """Three who have written, Cora last."""
    for minutes, name in ((30, "Ada"), (20, "Bea"), (10, "Cora")):
        sent_at = minutes_ago(minutes)
        await site.deliver(world, f"I am {name}", phone=f"+49 30 10000{minutes}", name=name, sent_at=sent_at)
    return world


@pytest.fixture
async def inbox(visit, callers):
    made = await visit("/inbox", callers.key)
    await expect(made.page.locator("#list .name")).to_have_text(["Cora", "Bea", "Ada"])
    await expect(made.page.locator("#connection")).to_have_attribute("data-state", "live")
    return made.page


async def test_a_conversation_is_chosen_read_and_read_it_is(inbox):
    row = inbox.get_by_role("button", name="Bea")
    await expect(row.locator(".unread")).to_contain_text("1")
    await row.click()
    await expect(inbox.get_by_role("heading", name="Bea")).to_be_visible()
    await expect(inbox.locator("#messages p")).to_have_text(["I am Bea"])
    await expect(row).to_have_attribute("aria-current", "true")
    await expect(row.locator(".unread")).to_have_count(0)
    await inbox.reload()
    await expect(inbox.get_by_role("heading", name="Bea")).to_be_visible()


async def test_an_answer_is_shown_once_stored_once_and_lifts_its_conversation(inbox, site, callers):
    await inbox.get_by_role("button", name="Ada").click()
    await expect(inbox.locator("#messages p")).to_have_text(["I am Ada"])
    await inbox.get_by_label("Write a message").fill("Good to hear from you")
    await inbox.get_by_role("button", name="Send").click()
    await expect(inbox.locator("#messages li[data-direction=out] p")).to_have_text(["Good to hear from you"])
    await expect(inbox.get_by_label("Write a message")).to_have_value("")
    await expect(inbox.locator("#list .name")).to_have_text(["Ada", "Cora", "Bea"])
    await expect(inbox.locator("#list .preview").first).to_have_text("Good to hear from you")
    assert await callers.count("messages") == 4


async def test_an_answer_that_could_not_be_sent_is_said_and_not_lost(inbox, callers):
    await inbox.route("**/api/messages/send", lambda route: route.abort())
    await inbox.get_by_role("button", name="Ada").click()
    await inbox.get_by_label("Write a message").fill("Are you there?")
    await inbox.get_by_label("Write a message").press("Enter")
    await expect(inbox.get_by_role("alert").filter(has_text="Not sent")).to_be_visible()
    await expect(inbox.get_by_label("Write a message")).to_have_value("Are you there?")
    await inbox.unroute("**/api/messages/send")
    await inbox.get_by_role("button", name="Send").click()
    await expect(inbox.locator("#messages p")).to_have_text(["I am Ada", "Are you there?"])
    assert await callers.count("messages") == 4


@pytest.mark.row("A14")
async def test_what_happens_is_shown_as_it_happens(inbox, site, callers):
    await inbox.get_by_role("button", name="Cora").click()
    await expect(inbox.locator("#messages p")).to_have_text(["I am Cora"])
    await site.deliver(callers, "And again", phone="+49 30 1000010", sent_at=minutes_ago(3))
    await expect(inbox.locator("#messages p")).to_have_text(["I am Cora", "And again"])
    await site.deliver(callers, "Me too", phone="+49 30 1000020", sent_at=minutes_ago(2))
    await expect(inbox.locator("#list .name")).to_have_text(["Bea", "Cora", "Ada"])
    await expect(inbox.get_by_role("button", name="Bea").locator(".unread")).to_contain_text("2")
    await site.deliver(callers, "I am new", phone="+49 30 1000099", name="Dora", sent_at=minutes_ago(1))
    await expect(inbox.locator("#list .name")).to_have_text(["Dora", "Bea", "Cora", "Ada"])


async def test_somebody_who_is_deleted_while_she_is_read_is_gone(inbox, site, callers):
    await inbox.get_by_role("button", name="Bea").click()
    await expect(inbox.locator("#messages p")).to_have_text(["I am Bea"])
    bea = await site.owner.fetchval("SELECT id FROM contacts WHERE workspace_id = $1 AND name = 'Bea'", callers.id)
    async with site.client(callers) as client:
        (await client.delete(f"/api/contacts/{bea}")).raise_for_status()
    await expect(inbox.locator("#list .name")).to_have_text(["Cora", "Ada"])
    await expect(inbox.get_by_text("Choose a conversation to read it.")).to_be_visible()


async def test_it_finds_what_is_looked_for_and_says_when_there_is_nothing(inbox):
    await inbox.get_by_label("Search").fill("be")
    await expect(inbox.locator("#list .name")).to_have_text(["Bea"])
    await inbox.get_by_label("Search").fill("")
    await expect(inbox.locator("#list .name")).to_have_text(["Cora", "Bea", "Ada"])
    await inbox.get_by_label("Status").select_option("archived")
    await expect(inbox.locator("#list .name")).to_have_count(0)
    await expect(inbox.get_by_role("status").filter(has_text="No conversation fits.")).to_be_visible()
    await inbox.get_by_label("Status").select_option("active")
    await inbox.get_by_label("Assigned to").select_option("unassigned")
    await expect(inbox.locator("#list .name")).to_have_text(["Cora", "Bea", "Ada"])


async def test_the_arrow_keys_go_through_the_list_and_escape_comes_back_to_it(inbox):
    rows = [inbox.get_by_role("button", name=name) for name in ("Cora", "Bea", "Ada")]
    await rows[0].focus()
    for key, at in (("ArrowDown", 1), ("ArrowDown", 2), ("ArrowDown", 2), ("ArrowUp", 1), ("Home", 0), ("End", 2)):
        await inbox.keyboard.press(key)
        await expect(rows[at]).to_be_focused()
    await inbox.keyboard.press("Enter")
    await expect(inbox.locator("#messages p")).to_have_text(["I am Ada"])
    await expect(rows[2]).to_be_focused()
    await inbox.keyboard.press("Escape")
    await expect(inbox.get_by_text("Choose a conversation to read it.")).to_be_visible()
    await expect(rows[2]).to_be_focused()
    await inbox.keyboard.press("Enter")
    await expect(inbox.locator("#messages p")).to_have_text(["I am Ada"])
    await inbox.get_by_label("Write a message").focus()
    await inbox.keyboard.press("Escape")
    await expect(inbox.get_by_text("Choose a conversation to read it.")).to_be_visible()
    await expect(rows[2]).to_be_focused()


async def test_escape_empties_a_search_before_it_leaves_a_conversation(inbox):
    await inbox.get_by_role("button", name="Ada").click()
    await expect(inbox.locator("#messages p")).to_have_text(["I am Ada"])
    search = inbox.get_by_label("Search")
    await search.fill("be")
    await expect(inbox.locator("#list .name")).to_have_text(["Bea"])
    await inbox.keyboard.press("Escape")
    await expect(search).to_have_value("")
    await expect(inbox.locator("#list .name")).to_have_text(["Cora", "Bea", "Ada"])
    await expect(inbox.locator("#messages p")).to_have_text(["I am Ada"])
    await inbox.keyboard.press("Escape")
    await expect(inbox.get_by_text("Choose a conversation to read it.")).to_be_visible()


async def test_a_list_of_many_is_read_page_by_page(visit, site):
    made = await visit("/inbox", site.key)
    rows = made.page.locator("#list button")
    await expect(rows).to_have_count(25)
    await made.page.get_by_role("button", name="Show more").click()
    await expect(rows).to_have_count(50)
    await made.page.get_by_role("button", name="Show more").click()
    await expect(rows).to_have_count(60)
    await expect(made.page.get_by_role("button", name="Show more")).to_be_hidden()


async def test_on_a_phone_either_the_list_is_shown_or_what_is_read(visit, callers):
    page = (await visit("/inbox", callers.key, **PHONE)).page
    await expect(page.locator("#thread")).to_be_hidden()
    await page.get_by_role("button", name="Bea").click()
    await expect(page.locator("#messages p")).to_have_text(["I am Bea"])
    await expect(page.locator("#list")).to_be_hidden()
    await page.get_by_role("button", name="Back to the list").click()
    await expect(page.locator("#list")).to_be_visible()
    await page.get_by_role("button", name="Ada").click()
    await expect(page.locator("#messages p")).to_have_text(["I am Ada"])
    await page.go_back()
    await expect(page.locator("#list")).to_be_visible()
