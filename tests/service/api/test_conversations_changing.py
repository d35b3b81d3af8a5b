"""Conversations changed: state, assignee, domain, metadata, tags, read."""

import asyncio
import json
import uuid

import pytest
from tailgate_service.models.conversations import InboxItem

from tests.service.api.conftest import once


async def changed(client, conversation: uuid.UUID, **changes) -> InboxItem:
    answer = await client.patch(f"/api/conversations/{conversation}", json=changes)
    assert answer.status_code == 200, answer.text
    return InboxItem.model_validate_json(answer.content)


@pytest.fixture
async def conversation(world) -> uuid.UUID:
    return await world.conversation(
        status="pending", domain="sales", unread_count=3, metadata='{"order": 7}', last_message_preview="Hello"
    )


async def spare_tags(world, *names: str) -> None:
    """Tags that the workspace has beside those of its conversation."""
    other = await world.conversation(status="archived")
    for name in names:
        await world.tag(other, name)


async def test_each_change_changes_what_it_names_and_the_inbox_shows_it(client, world, conversation):
    member = await world.user()
    await spare_tags(world, "lead", "vip")
    before = next(
        item
        for item in (await client.get("/api/conversations")).json()["conversations"]
        if item["id"] == str(conversation)
    )
    expected = InboxItem.model_validate(before)
    for change in (
        {"status": "resolved"},
        {"assigned_to": str(member)},
        {"domain": "support"},
        {"metadata": {"order": 8, "paid": True, "by": None, "eur": 9.5}},
        {"unread_count": 0},
        {"tags": ["vip", "lead"]},
    ):
        item = await changed(client, conversation, **change)
        [(name, value)] = change.items()
        said = [tag.name for tag in item.tags] if name == "tags" else getattr(item, name)
        assert said == {"assigned_to": member, "tags": ["lead", "vip"]}.get(name, value)
        expected = expected.model_copy(update={name: getattr(item, name)})
        assert item == expected
    listed = (await client.get("/api/conversations", params={"domain": "support"})).json()["conversations"]
    assert InboxItem.model_validate(next(one for one in listed if one["id"] == str(conversation))) == expected
    assert (await changed(client, conversation, assigned_to=None)).assigned_to is None


async def test_tags_are_replaced_as_a_set(client, world, conversation):
    await spare_tags(world, "a", "b", "c")
    for names in (["a", "b"], ["c", "b", "c"], []):
        item = await changed(client, conversation, tags=names)
        assert [tag.name for tag in item.tags] == sorted(set(names))
    kept = await changed(client, conversation, tags=["a"])
    assert (await changed(client, conversation, status="open")).tags == kept.tags


async def test_of_sets_given_at_once_one_stays_whole(client, world, conversation):
    sets = [["a", "b"], ["c"], ["d", "e", "f"]]
    await spare_tags(world, *(name for names in sets for name in names))
    for _ in range(5):
        await asyncio.gather(*(changed(client, conversation, tags=names) for names in sets))
        item = await changed(client, conversation, unread_count=0)
        assert [tag.name for tag in item.tags] in sets


@once
@pytest.mark.row("B5")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"status": "closed"}, "status"),
        ({"status": None}, "status"),
        ({"assigned_to": "me"}, "assigned_to"),
        ({"domain": ""}, "domain"),
        ({"domain": "x" * 65}, "domain"),
        ({"unread_count": 1}, "unread_count"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"Key": 1}}, "metadata"),
        ({"metadata": {"key": "a\x00b"}}, "metadata"),
        ({"metadata": {"key": "x" * 4096}}, "metadata"),
        ({"metadata": {"key": {"nested": 1}}}, "metadata"),
        ({"metadata": {f"a{number}": 1e308 for number in range(100)}}, "metadata"),
        ({"metadata": {f"a{number}": 1e-300 for number in range(100)}}, "metadata"),
        ({"tags": ["x"] * 21}, "tags"),
        ({"tags": [f"{number}" for number in range(21)]}, "tags"),
        ({"tags": "vip"}, "tags"),
        ({"contact_id": str(uuid.uuid4())}, "contact_id"),
    ],
)
async def test_a_bad_change_is_refused_by_its_field_and_changes_nothing(client, conversation, change, field):
    before = (await client.get("/api/conversations")).json()
    body = json.dumps({"domain": "other"} | change)
    headers = {"content-type": "application/json"}
    answer = await client.patch(f"/api/conversations/{conversation}", content=body, headers=headers)
    assert answer.status_code == 422, answer.text
    assert {(error["location"], error["field"].split(".")[0]) for error in answer.json()["errors"]} == {("body", field)}
    assert (await client.get("/api/conversations")).json() == before


async def test_a_tag_that_is_none_of_ours_is_refused_and_nothing_else_is_changed(client, conversation):
    before = (await client.get("/api/conversations")).json()
    change = {"domain": "other", "tags": ["none of ours"]}
    answer = await client.patch(f"/api/conversations/{conversation}", json=change)
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == ["tags"]
    assert (await client.get("/api/conversations")).json() == before


async def test_the_largest_metadata_that_is_taken_can_be_stored(client, conversation):
    for metadata in (
        {f"k{number:03}": 1 for number in range(400)},
        {"key": "ä" * 2040},
        {"key": "\x01" * 680},
        {f"a{number}": 1e300 for number in range(13)},
    ):
        assert (await changed(client, conversation, metadata=metadata)).metadata == metadata


async def test_what_belongs_to_another_workspace_cannot_be_given(client, elsewhere, conversation):
    await elsewhere.tag(await elsewhere.conversation(), "theirs")
    member = await elsewhere.user()
    for change in ({"assigned_to": str(member)}, {"tags": ["theirs"]}):
        answer = await client.patch(f"/api/conversations/{conversation}", json={"domain": "other"} | change)
        assert [error["field"] for error in answer.json()["errors"]] == list(change)
    assert (await changed(client, conversation, unread_count=0)).domain == "sales"


async def test_a_conversation_of_another_workspace_cannot_be_changed(client, elsewhere):
    theirs = await elsewhere.conversation(domain="sales")
    for change in ({"domain": "ours"}, {"tags": []}):
        assert (await client.patch(f"/api/conversations/{theirs}", json=change)).status_code == 404
    assert await elsewhere.database.fetchval("SELECT domain FROM conversations WHERE id = $1", theirs) == "sales"


async def test_a_change_must_change_something(client, conversation):
    answer = await client.patch(f"/api/conversations/{conversation}", json={})
    assert answer.status_code == 422
    assert "name at least one field" in answer.json()["detail"]
