"""The agent test: the microphone asked for on load, and a call followed stage by stage."""

import secrets
import uuid

import pytest
from playwright.async_api import expect

from tests.browser import PHONE, in_browser
from tests.service.auth.issuer import token

pytestmark = in_browser

ALLOWED = {"permissions": ["microphone"]}
STAGES = ["queued", "connecting", "connected", "speaking", "ended"]
MANY = """
WITH shops AS (
    INSERT INTO workspaces (name, api_key_sha256, phone_number_id)
    SELECT 'Shop ' || n, sha256(convert_to($1::text || n, 'UTF8')), $1::text || n FROM generate_series(1, 200) n
    RETURNING id
), members AS (
    INSERT INTO users (workspace_id, name, email, role, subject)
    SELECT id, 'Uma', 'uma@example.test', 'agent', $1::text FROM shops
)
INSERT INTO agents (workspace_id, phone_number, configuration)
SELECT id, $1::text || id, '{"name": "Ada"}'::jsonb FROM shops"""
"""Two hundred workspaces of one person, whom the issuer of tokens calls $1, each with an agent."""
UNANSWERED = "window.answered = new Promise((answer) => { window.answer = answer; });"
"""To be run before a page is, with the next: nobody says whether it may have the microphone until ``answer()``."""
TRACKS = """{
  const ask = MediaDevices.prototype.getUserMedia;
  window.tracks = [];
  MediaDevices.prototype.getUserMedia = async function (wanted) {
    await window.answered;
    const stream = await ask.call(this, wanted);
    window.tracks.push(...stream.getAudioTracks());
    return stream;
  };
}"""
"""The same: keeps the tracks that a page is given."""
COME_BACK = """() => {
  for (const kind of ["pagehide", "pageshow"]) dispatchEvent(new PageTransitionEvent(kind, { persisted: true }));
}"""


@pytest.fixture
async def agent(site, world, provider):
    """A workspace with an agent, whose provider behaves well."""
    await site.agent(world)
    return world


@pytest.mark.row("C7")
async def test_the_microphone_is_asked_for_as_soon_as_the_page_is_there(visit):
    """Nobody has signed in, or touched anything."""
    page = (await visit("/agent", **ALLOWED)).page
    await expect(page.locator("#microphone")).to_have_attribute("data-state", "ready")
    assert await page.evaluate("performance.getEntriesByName('microphone_answered', 'mark').length") == 1


@pytest.mark.row("C7")
async def test_a_refused_microphone_says_what_to_do_and_is_asked_for_again_by_itself_once_it_is_allowed(visit, agent):
    page = (await visit("/agent", agent.key)).page
    await expect(page.locator("#microphone")).to_have_attribute("data-state", "refused")
    await expect(page.get_by_role("status").filter(has_text="The microphone is blocked.")).to_be_visible()
    await expect(page.get_by_text("allow the microphone for this page")).to_be_visible()
    await expect(page.get_by_role("button", name="Ask again")).to_be_visible()
    await page.context.grant_permissions(["microphone"])
    await expect(page.locator("#microphone")).to_have_attribute("data-state", "ready")
    await expect(page.get_by_role("button", name="Ask again")).to_be_hidden()


@pytest.mark.row("C7")
@pytest.mark.parametrize(
    ("error", "said"),
    [("NotFoundError", "There is no microphone."), ("NotReadableError", "The microphone cannot be used.")],
)
async def test_a_microphone_that_is_not_there_or_held_by_others_is_told_apart(visit, agent, error, said):
    async def prepare(page):
        reason = f"new DOMException('no', '{error}')"
        await page.add_init_script(f"MediaDevices.prototype.getUserMedia = () => Promise.reject({reason})")

    page = (await visit("/agent", agent.key, prepare=prepare, **ALLOWED)).page
    await expect(page.locator("#microphone")).to_have_attribute("data-state", "missing")
    await expect(page.get_by_role("status").filter(has_text=said)).to_be_visible()
    await expect(page.get_by_role("button", name="Start a test call")).to_be_enabled()


@pytest.mark.row("C7")
async def test_a_microphone_that_is_allowed_during_a_call_is_heard_from_then_on_and_muted_when_it_ends(
    visit, agent, provider
):
    async def prepare(page):
        await page.add_init_script(UNANSWERED + TRACKS)

    provider.behave(fault="hang", at=["words"])
    page = (await visit("/agent", agent.key, prepare=prepare, **ALLOWED)).page
    microphone = page.locator("#microphone")
    await page.get_by_role("button", name="Start a test call").click()
    await expect(page.locator("#stages [data-stage=connected]")).to_have_attribute("data-state", "current")
    await expect(microphone).to_have_attribute("data-state", "asking")
    await page.evaluate("answer()")
    await expect(microphone).to_have_attribute("data-state", "ready")
    await expect(microphone).to_contain_text("is heard in this call")
    assert await page.evaluate("tracks.map(({ enabled }) => enabled)") == [True]
    await page.locator("#agents a").click()
    await expect(microphone).to_contain_text("is muted until a call")
    assert await page.evaluate("tracks.map(({ enabled }) => enabled)") == [False]


async def test_a_page_that_is_left_lets_go_of_the_microphone_and_asks_for_it_when_it_is_come_back_to(visit, agent):
    """Told as a browser would: this one keeps no page that had a microphone."""

    async def prepare(page):
        await page.add_init_script(TRACKS)

    page = (await visit("/agent", agent.key, prepare=prepare, **ALLOWED)).page
    await expect(page.locator("#microphone")).to_have_attribute("data-state", "ready")
    await page.evaluate(COME_BACK)
    await expect(page.locator("#microphone")).to_have_attribute("data-state", "ready")
    states = await page.evaluate("tracks.map(({ enabled, readyState }) => [readyState, enabled])")
    assert states == [["ended", False], ["live", False]]


@pytest.mark.row("C6")
@pytest.mark.row("C7")
async def test_a_call_is_shown_stage_by_stage_to_its_end(visit, agent):
    page = (await visit("/agent", agent.key, **ALLOWED)).page
    stages = page.locator("#stages li")
    await expect(stages).to_have_count(len(STAGES))
    await page.get_by_role("button", name="Start a test call").click()
    await expect(page.locator("#stages li[data-state=reached]")).to_have_count(len(STAGES))
    assert [await stage.get_attribute("data-stage") for stage in await stages.all()] == STAGES
    await expect(page.get_by_role("button", name="Start a test call")).to_be_enabled()
    await expect(page.locator("#call-error")).to_be_empty()


@pytest.mark.row("C6")
async def test_a_stage_is_shown_while_the_next_is_waited_for(visit, agent, provider):
    provider.behave(fault="hang", at=["words"])
    page = (await visit("/agent", agent.key, **ALLOWED)).page
    await page.get_by_role("button", name="Start a test call").click()
    current = page.locator("#stages [aria-current=step]")
    await expect(current).to_have_attribute("data-stage", "connected")
    await expect(page.locator("#stages li[data-state=reached]")).to_have_count(2)
    await expect(page.locator("#stages li[data-state=waiting]")).to_have_count(2)
    await expect(page.get_by_role("button", name="Start a test call")).to_be_disabled()


@pytest.mark.row("C6")
async def test_a_call_that_fails_says_why_and_another_may_be_made(visit, agent, provider):
    provider.behave(fault="error", at=["words"])
    page = (await visit("/agent", agent.key, **ALLOWED)).page
    await page.get_by_role("button", name="Start a test call").click()
    await expect(page.get_by_role("alert").filter(has_text="the line is bad")).to_be_visible()
    await expect(page.locator("#stages li[data-state=failed]")).to_have_count(1)
    provider.behave()
    await page.get_by_role("button", name="Start a test call").click()
    await expect(page.locator("#stages li[data-state=reached]")).to_have_count(len(STAGES))
    await expect(page.locator("#call-error")).to_be_empty()


async def test_who_has_no_agent_or_names_another_is_told_so(visit, site, world, provider):
    page = (await visit("/agent", world.key, **ALLOWED)).page
    await expect(page.get_by_role("status").filter(has_text="No workspace of yours has a voice agent.")).to_be_visible()
    await expect(page.get_by_role("button", name="Start a test call")).to_be_disabled()
    number = await site.agent(world)
    await page.goto(f"/agent?agent={uuid.uuid4()}")
    await expect(page.get_by_role("status").filter(has_text="No agent of yours has the id")).to_be_visible()
    await page.get_by_role("link", name=number).click()
    await expect(page.get_by_role("button", name="Start a test call")).to_be_enabled()
    await expect(page.locator("#agents [aria-current]")).to_have_count(1)


async def test_a_call_can_be_begun_on_the_first_screen_of_a_phone_however_many_agents_there_are(visit, site):
    subject = secrets.token_hex(8)
    await site.owner.execute(MANY, subject)
    page = (await visit("/agent", token(sub=subject), **ALLOWED, **PHONE)).page
    await page.locator("#workspaces button").first.click()
    await expect(page.locator("#agents a")).to_have_count(200)
    start = page.get_by_role("button", name="Start a test call")
    await expect(start).to_be_in_viewport(ratio=0.9)
    last = page.locator("#agents a").last
    await last.press("Enter")
    await expect(start).to_be_enabled()
    await expect(last).to_have_attribute("aria-current", "true")
    for one in (last, start):
        await expect(one).to_be_in_viewport(ratio=0.9)
