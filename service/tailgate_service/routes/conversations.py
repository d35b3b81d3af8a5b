"""The inbox and its threads."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from tailgate_service.auth import IdentityOf
from tailgate_service.context import StoreOf
from tailgate_service.cursor import Cursor
from tailgate_service.fields import CursorText, DomainText, SearchText, TagName, either
from tailgate_service.models.conversations import MAX_TAGS, ConversationChange, Inbox, InboxItem, Status, Thread
from tailgate_service.problems import responses
from tailgate_service.routes import answer
from tailgate_service.store.base import InboxQuery

router = APIRouter(tags=["conversations"])

MAX_PAGE = 10_000
MAX_PER_PAGE = 100


@router.get("/api/conversations", response_model=Inbox, responses=responses(401, 413, 422, 500, 503))
async def inbox(
    store: StoreOf,
    who: IdentityOf,
    status: Annotated[Status | None, Query()] = None,
    active: Annotated[bool | None, Query(description="open or pending; with false, neither")] = None,
    assigned_to: Annotated[
        Annotated[UUID | Literal["unassigned"], either("a member's id, or unassigned")] | None, Query()
    ] = None,
    tag: Annotated[
        list[TagName] | None, Query(max_length=MAX_TAGS, description="a tag's name; of several, all must be there")
    ] = None,
    domain: Annotated[DomainText | None, Query(description="what it is about")] = None,
    search: Annotated[
        SearchText | None,
        Query(description="beginnings of words of name or preview, or of the phone's digits; all must fit"),
    ] = None,
    page: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 1,
    before: Annotated[CursorText | None, Query(description="next_before of a page: pages count from there")] = None,
    per_page: Annotated[int, Query(ge=1, le=MAX_PER_PAGE)] = 25,
) -> Response:
    """List conversations, the latest first, with what stands beside the list."""
    query = InboxQuery(
        status=status,
        active=active,
        assigned_to=assigned_to,
        tags=frozenset(tag or ()),
        domain=domain,
        search=search,
        page=page,
        before=Cursor.parse(before) if before is not None else None,
        per_page=per_page,
    )
    return answer.json(await store.conversations.inbox(who, query))


@router.get(
    "/api/conversations/{conversation_id}/messages",
    response_model=Thread,
    responses=responses(401, 404, 413, 422, 500, 503),
)
async def thread(
    store: StoreOf,
    who: IdentityOf,
    conversation_id: UUID,
    limit: Annotated[int, Query(ge=1, le=MAX_PER_PAGE)] = 50,
    before: Annotated[CursorText | None, Query(description="next_before of the page before")] = None,
) -> Response:
    """List a conversation's messages, newest first."""
    cursor = Cursor.parse(before) if before is not None else None
    return answer.json(await store.conversations.thread(who, conversation_id, limit=limit, before=cursor))


@router.patch(
    "/api/conversations/{conversation_id}",
    response_model=InboxItem,
    responses=responses(400, 401, 404, 413, 422, 500, 503),
)
async def change(store: StoreOf, who: IdentityOf, conversation_id: UUID, change: ConversationChange) -> Response:
    """Change a conversation's state, assignee, domain, metadata or tags, or mark it as read."""
    values = change.model_dump(exclude_unset=True)
    return answer.json(await store.conversations.change(who, conversation_id, values))
