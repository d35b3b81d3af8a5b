"""The inbox in memory against the plain way: sort all, filter all, cut."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_service.cursor import Cursor
from tailgate_service.store.base import InboxQuery
from tailgate_service.store.readmodel.inbox import Inbox, Item

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
MEMBERS = [UUID(int=1), UUID(int=2)]
STATUSES = ["open", "pending", "resolved", "archived"]


def item(number: int, minute: int, status: str, assigned_to: UUID | None, tags: frozenset[str]) -> Item:
    at = (NOON + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")
    document = {"id": str(UUID(int=number)), "last_message_at": at, "status": status, "domain": f"d{number % 2}"}
    document |= {"assigned_to": assigned_to, "tags": [{"name": name} for name in sorted(tags)]}
    return Item.read(number, orjson.dumps(document))


ITEMS = st.builds(
    item,
    st.integers(0, 30),
    st.integers(0, 5),
    st.sampled_from(STATUSES),
    st.sampled_from([None, *MEMBERS]),
    st.frozensets(st.sampled_from("ab")),
)
FILTERS = {
    "status": st.sampled_from(STATUSES),
    "active": st.booleans(),
    "assigned_to": st.sampled_from(["unassigned", *MEMBERS]),
    "tags": st.frozensets(st.sampled_from("ab")),
    "domain": st.just("d0"),
    "before": st.builds(
        Cursor,
        at=st.integers(0, 5).map(lambda n: NOON + timedelta(minutes=n)),
        id=st.integers(0, 30).map(lambda n: UUID(int=n)),
    ),
}
PAGES = {"page": st.integers(1, 3), "per_page": st.integers(1, 5)}
# Two filters at most: of more, nothing would be left to be turned over.
QUERIES = st.sets(st.sampled_from(sorted(FILTERS)), max_size=2).flatmap(
    lambda names: st.builds(InboxQuery, **PAGES, **{name: FILTERS[name] for name in names})
)


def plainly(items: list[Item], query: InboxQuery) -> list[Item]:
    found = [
        one
        for one in sorted(items, key=lambda one: (one.at, one.id), reverse=True)
        if query.status in (None, one.status)
        and query.active in (None, one.status in ("open", "pending"))
        and (query.assigned_to != "unassigned" or one.assigned_to is None)
        and (not isinstance(query.assigned_to, UUID) or one.assigned_to == str(query.assigned_to))
        and query.domain in (None, one.domain)
        and query.tags <= one.tags
        and (query.before is None or (one.at, one.id) < (query.before.at, str(query.before.id)))
    ]
    return found[query.offset : query.offset + query.per_page + 1]


@given(st.lists(ITEMS, max_size=30), st.sets(st.integers(0, 30)), QUERIES)
def test_a_page_is_what_sorting_and_filtering_all_would_give(items, removed, query):
    inbox, plain = Inbox(), {}
    for one in items:
        inbox.put(one)
        plain[one.id] = one
    for number in removed:
        inbox.remove(str(UUID(int=number)))
        plain.pop(str(UUID(int=number)), None)
    assert inbox.page(query) == plainly(list(plain.values()), query)
    assert inbox.active == sum(one.active for one in plain.values())
    assert inbox.size == sum(one.size for one in plain.values())
    assert len(inbox) == len(plain)


def test_a_moment_that_is_none_is_an_error():
    with pytest.raises(ValueError, match="isoformat"):
        Item.read(1, b'{"id":"1","last_message_at":"","status":"open","assigned_to":null,"domain":"x","tags":[]}')
