"""The inbox: filters and pages, all on the server; threads."""

import uuid

import pytest
from tailgate_service.models.conversations import Inbox, Thread

from tests.service.api.conftest import once


async def inbox(client, **params) -> Inbox:
    answer = await client.get("/api/conversations", params=params)
    assert answer.status_code == 200, answer.text
    return Inbox.model_validate_json(answer.content)


def ids(page: Inbox) -> list[uuid.UUID]:
    return [conversation.id for conversation in page.conversations]


async def test_the_inbox_lists_contact_tags_team_and_the_count_of_active_ones(client, world):
    zoe, ada = await world.user("Zoe"), await world.user("Ada")
    conversation = await world.conversation(await world.contact(name="Cora"), assigned_to=zoe)
    await world.tag(conversation, "vip")
    await world.tag(conversation, "billing")
    await world.conversation(status="pending")
    await world.conversation(status="resolved")

    page = await inbox(client)
    assert page.active_count == 2
    assert [member.id for member in page.team] == [ada, zoe]
    item = next(item for item in page.conversations if item.id == conversation)
    assert item.contact.name == "Cora"
    assert item.assigned_to == zoe
    assert [tag.name for tag in item.tags] == ["billing", "vip"]
    assert [other.tags for other in page.conversations if other.id != conversation] == [[], []]


async def test_the_latest_conversation_comes_first_and_pages_neither_skip_nor_repeat(client, world):
    # Three have the same time: the id decides.
    made = [await world.conversation(last_message_at=world.at(minute)) for minute in (1, 5, 5, 5, 2, 9, 0)]
    pages = [await inbox(client, per_page=2, page=number) for number in (1, 2, 3, 4, 5)]
    listed = [one for page in pages for one in ids(page)]
    assert listed == [made[5], *sorted(made[1:4], reverse=True), made[4], made[0], made[6]]
    assert [page.has_more for page in pages] == [True, True, True, False, False]
    assert pages[1].page == 2


@pytest.mark.row("A12")
async def test_what_follows_a_page_neither_skips_nor_repeats_when_conversations_move_up_meanwhile(client, world):
    made = [await world.conversation(last_message_at=world.at(minute)) for minute in (1, 5, 5, 5, 2, 9, 0)]
    first = await inbox(client, per_page=3)
    moved = made[6]
    await client.post("/api/messages/send", json={"conversation_id": str(moved), "body": "x"})
    second = await inbox(client, per_page=2, before=first.next_before)
    third = await inbox(client, per_page=2, before=second.next_before)
    order = [made[5], *sorted(made[1:4], reverse=True), made[4], made[0]]
    assert ids(first) + ids(second) + ids(third) == order
    assert (second.has_more, third.has_more, third.next_before) == (True, False, None)
    # Pages count from there.
    assert ids(await inbox(client, per_page=2, before=first.next_before, page=2)) == ids(third)


@pytest.mark.row("A12")
async def test_filters_select_on_the_server(client, world):
    member = await world.user()
    open_ = await world.conversation(status="open", assigned_to=member)
    pending = await world.conversation(status="pending")
    resolved = await world.conversation(status="resolved")
    archived = await world.conversation(status="archived", assigned_to=member)
    await world.tag(pending, "vip")
    await world.tag(pending, "lead")
    await world.tag(archived, "late")
    sales = await world.conversation(status="archived", assigned_to=member, domain="sales")

    async def found(**params) -> set[uuid.UUID]:
        return set(ids(await inbox(client, **params)))

    assert await found(status="resolved") == {resolved}
    assert await found(active=True) == {open_, pending}
    assert await found(active=False) == {resolved, archived, sales}
    assert await found(assigned_to=str(member)) == {open_, archived, sales}
    assert await found(assigned_to="unassigned") == {pending, resolved}
    assert await found(tag="vip") == {pending}
    assert await found(tag=["lead", "vip", "vip"]) == {pending}
    assert await found(tag=["late", "vip"]) == set()
    assert await found(tag=["vip", "unheard of"]) == set()
    assert await found(domain="sales") == {sales}
    assert await found(domain="Sales") == set()
    assert await found(assigned_to=str(member), active=True) == {open_}
    assert await found(assigned_to=str(member), active=True, tag="vip") == set()


FOUND = [
    "cora",
    "LIND co",
    "c l",
    "4930",
    "+49 (30) 12",
    "refund",
    "Refund 100%",
    "under_sc",
    "cora refund",
    "érik",
    "日本",
]
MISSED = ["ora", "corax", "cora something", "30 123", "1234567", "Erik", "本", "%", "_", "' | a", "!cora x"]


@pytest.mark.row("A12")
@pytest.mark.parametrize(("search", "finds"), [(one, True) for one in FOUND] + [(one, False) for one in MISSED])
async def test_each_word_searched_begins_a_word_of_the_name_or_preview_or_the_number(client, world, search, finds):
    contact = await world.contact(name="Cora O'Lind-Érik", phone="+49 30 1234567")
    wanted = await world.conversation(contact, last_message_preview="Refund of 100% under_score 日本語")
    other = await world.contact(name="Dora", phone="+1 206 555 0100")
    await world.conversation(other, last_message_preview="Something else")
    await world.conversation(other, status="resolved")
    assert ids(await inbox(client, search=search)) == [wanted] * finds


async def test_search_finds_what_is_shown_now(client, world):
    contact = await world.contact(name="Cora", phone="+49 30 1")
    conversation = await world.conversation(contact, last_message_preview="before")
    await client.post("/api/messages/send", json={"conversation_id": str(conversation), "body": "after"})
    await client.patch(f"/api/contacts/{contact}", json={"name": "Dora", "phone": "+1 555"})
    for gone in ("before", "Cora", "4930"):
        assert ids(await inbox(client, search=gone)) == []
    for shown in ("after", "dora", "1555", "dora after"):
        assert ids(await inbox(client, search=shown)) == [conversation]


async def test_a_search_stays_in_its_workspace(client, world, elsewhere):
    theirs = await elsewhere.contact(name="Cora", phone="+49 30 1234567")
    await elsewhere.conversation(theirs, last_message_preview="refund")
    for search in ("cora", "4930", "refund", str(elsewhere.id), f"{elsewhere.id} cora"):
        assert ids(await inbox(client, search=search)) == []
        assert (await client.get("/api/contacts", params={"search": search})).json()["contacts"] == []


@once
@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"status": "closed"}, "status"),
        ({"active": "perhaps"}, "active"),
        ({"assigned_to": "me"}, "assigned_to"),
        ({"tag": "a\x00b"}, "tag"),
        ({"search": "x" * 101}, "search"),
        ({"page": 0}, "page"),
        ({"page": 10_001}, "page"),
        ({"per_page": 101}, "per_page"),
        ({"before": "yesterday"}, "before"),
        ({"domain": ""}, "domain"),
        ({"tag": ["x"] * 21}, "tag"),
    ],
)
async def test_a_bad_filter_is_refused_by_name(client, params, field):
    answer = await client.get("/api/conversations", params=params)
    assert answer.status_code == 422
    assert {error["field"].split(".")[0] for error in answer.json()["errors"]} == {field}


async def test_a_thread_is_read_backwards_page_by_page(client, world):
    conversation = await world.conversation()
    # Two have the same time: a page ends between them.
    for minute in (0, 1, 2, 2, 3):
        await world.message(conversation, f"at {minute}", created_at=world.at(minute))
    seen, before = [], None
    while True:
        params = {"limit": 2} | ({"before": before} if before else {})
        answer = await client.get(f"/api/conversations/{conversation}/messages", params=params)
        page = Thread.model_validate_json(answer.content)
        seen.append([message.body for message in page.messages])
        before = page.next_before
        if before is None:
            break
    assert seen == [["at 3", "at 2"], ["at 2", "at 1"], ["at 0"]]


async def test_a_thread_without_messages_is_empty_and_not_missing(client, world):
    conversation = await world.conversation()
    answer = await client.get(f"/api/conversations/{conversation}/messages")
    expected = {"conversation_id": str(conversation), "messages": [], "next_before": None}
    assert (answer.status_code, answer.json()) == (200, expected)


@once
@pytest.mark.parametrize(
    ("params", "field"), [({"limit": 0}, "limit"), ({"limit": 101}, "limit"), ({"before": "yesterday"}, "before")]
)
async def test_a_bad_page_of_a_thread_is_refused_by_name(client, world, params, field):
    answer = await client.get(f"/api/conversations/{uuid.uuid4()}/messages", params=params)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_a_conversation_must_be_named_by_its_id(client):
    answer = await client.get("/api/conversations/latest/messages")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["location"] == "path"
