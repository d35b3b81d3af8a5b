"""Whatever anybody writes is text, wherever a page shows it."""

import secrets

import pytest
from playwright.async_api import Page, expect

from tests.browser import in_browser
from tests.service.auth.issuer import token

pytestmark = in_browser

CODE = "<img src=x onerror=\"document.title = 'taken'\">"


@pytest.fixture
async def world(world, site):
    """A workspace whose name is code."""
    await site.owner.execute("UPDATE workspaces SET name = $2 WHERE id = $1", world.id, CODE)
    return world


async def expect_nothing_ran(page: Page) -> None:
    assert await page.locator("img").count() == 0
    assert "taken" not in await page.title()


async def test_in_the_inbox_every_name_and_message_is_text(visit, site, world):
    await site.deliver(world, CODE, name=CODE)
    member = await world.user(CODE)
    assign = "UPDATE conversations SET assigned_to = $2 WHERE workspace_id = $1 RETURNING id"
    conversation = await site.owner.fetchval(assign, world.id, member)
    await world.tag(conversation, CODE)
    await world.message(conversation, CODE, direction="out", status="sent", sender_id=member)
    page = (await visit("/inbox", world.key)).page
    await expect(page.locator("#workspace")).to_have_text(CODE)
    await expect(page.locator("#list .name")).to_have_text([CODE])
    await expect(page.locator("#list .preview")).to_have_text([CODE])
    await expect(page.locator("#list .marks")).to_have_text([f"Open · {CODE}{CODE}"])
    await expect(page.locator("#assigned option").last).to_have_text(CODE)
    await page.locator("#list button").click()
    await expect(page.locator("#messages p")).to_have_text([CODE, CODE])
    await expect(page.locator("#messages li[data-direction=out] small")).to_contain_text(CODE)
    await expect(page.get_by_role("heading", name=CODE)).to_be_visible()
    await expect_nothing_ran(page)


async def test_on_the_dashboard_callers_and_what_they_said_are_text(visit, site, world):
    contact = await world.contact(name=CODE)
    columns = "workspace_id, contact_id, outcome, lead_score, summary"
    call = f"INSERT INTO calls ({columns}) VALUES ($1, $2, 'answered', 90, $3)"
    await site.owner.execute(call, world.id, contact, CODE)
    await world.message(await world.conversation(contact), CODE)
    made = await visit("/dashboard", world.key)
    await made.complete()
    for panel, count in (("leads", 1), ("activity", 2)):
        shown = made.page.locator(f".panel[data-panel={panel}] .rows li:not([hidden])")
        await expect(shown.locator(".who")).to_have_text([CODE] * count)
        await expect(shown.locator(".text")).to_have_text([CODE] * count)
    await expect_nothing_ran(made.page)


async def test_the_names_of_an_agent_and_of_its_workspace_are_text(visit, site, world, provider):
    await site.agent(world, name=CODE)
    page = (await visit("/agent", world.key, permissions=["microphone"])).page
    await expect(page.locator("#agents strong")).to_have_text([CODE])
    await expect(page.locator("#agents small")).to_contain_text([CODE])
    await expect(page.locator("#call-title")).to_have_text(CODE)
    await expect_nothing_ran(page)


async def test_the_names_of_workspaces_to_choose_from_are_text(visit, site, world):
    subject = secrets.token_hex(8)
    for each in (world, await site.world()):
        user = await each.user()
        await site.owner.execute("UPDATE users SET subject = $2 WHERE id = $1", user, subject)
    page = (await visit("/inbox", token(sub=subject))).page
    choice = page.locator("#workspaces button", has_text=CODE)
    await expect(choice).to_have_text(CODE)
    await choice.click()
    await expect(page.locator("#workspace")).to_have_text(CODE)
    await expect_nothing_ran(page)
