"""Who is let in to the pages, and for how long a browser knows it."""

import secrets

import pytest
from playwright.async_api import expect

from tests.browser import in_browser
from tests.service.auth.issuer import token

pytestmark = in_browser

PATHS = ("/inbox", "/dashboard", "/agent")


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_is_asked_for_or_shown_before_it_is_known_who_asks(visit, path):
    made = await visit(path)
    await expect(made.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await expect(made.page.locator("#view")).to_be_hidden()
    assert not [one.url for one in made.watched.requests if "/api/" in one.url]


@pytest.mark.parametrize("path", PATHS)
async def test_a_key_lets_in_and_the_page_says_where(visit, site, path):
    made = await visit(path, site.key)
    await expect(made.page.locator("#view")).to_be_visible()
    await expect(made.page.locator("#sign-in")).to_be_hidden()
    await expect(made.page.locator("#workspace")).not_to_be_empty()


@pytest.mark.parametrize("shown", ["", "not a key", "nobody's", "a.b.c"], ids=["nothing", "blanks", "a key", "a token"])
async def test_what_lets_nobody_in_is_said_and_may_be_tried_again(visit, site, shown):
    made = await visit("/inbox", shown)
    await expect(made.page.locator("#sign-in").get_by_role("alert")).not_to_be_empty()
    await expect(made.page.get_by_label("Key or token")).to_be_focused()
    await made.sign_in(site.key)
    await expect(made.page.locator("#view")).to_be_visible()


async def test_the_tab_alone_knows_it_until_it_is_told_to_forget(visit, site):
    made = await visit("/inbox", site.key)
    await expect(made.page.locator("#list button").first).to_be_visible()
    await made.page.reload()
    await expect(made.page.locator("#list button").first).to_be_visible()
    await made.page.get_by_role("link", name="Dashboard").click()
    await made.complete()

    assert await made.page.context.cookies() == []
    assert await made.page.evaluate("localStorage.length") == 0
    another = await made.page.context.new_page()
    await another.goto("/inbox")
    await expect(another.get_by_role("heading", name="Sign in")).to_be_visible()

    await made.page.get_by_role("button", name="Sign out").click()
    await expect(made.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await made.page.reload()
    await expect(made.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert await made.page.evaluate("sessionStorage.length") == 0


async def test_who_belongs_to_several_workspaces_says_which(visit, site):
    subject = secrets.token_hex(8)
    for name in ("Upstairs", "Downstairs"):
        world = await site.world()
        user = await world.user("Uma")
        await site.owner.execute("UPDATE users SET subject = $2 WHERE id = $1", user, subject)
        await site.owner.execute("UPDATE workspaces SET name = $2 WHERE id = $1", world.id, name)
        await site.deliver(world, f"Anybody {name.lower()}?", name=f"Cora {name}")
    made = await visit("/inbox", token(sub=subject))
    await expect(made.page.get_by_role("heading", name="Which workspace?")).to_be_focused()
    await made.page.get_by_role("button", name="Downstairs").click()
    await expect(made.page.locator("#workspace")).to_have_text("Downstairs")
    await expect(made.page.locator("#list .name")).to_have_text(["Cora Downstairs"])


async def test_who_is_not_let_in_any_more_is_asked_again(visit, site, world):
    made = await visit("/inbox", world.key)
    await expect(made.page.locator("#view")).to_be_visible()
    await expect(made.page.locator("#connection")).to_have_attribute("data-state", "live")
    change = "UPDATE workspaces SET api_key_sha256 = $2 WHERE id = $1"
    await site.owner.execute(change, world.id, secrets.token_bytes(32))
    await expect(made.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await expect(made.page.locator("#view")).to_be_hidden()
    await expect(made.page.locator("#sign-in").get_by_role("alert")).not_to_be_empty()
