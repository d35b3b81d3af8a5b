"""Which columns each document shows, and how rows become documents."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tailgate_service.cursor import Cursor
from tailgate_service.store.base import Document

CONTACT = ("id", "name", "phone", "email", "created_at", "updated_at")
NOTE = ("id", "author_id", "body", "created_at")
CONVERSATION = (
    "id",
    "contact_id",
    "status",
    "assigned_to",
    "channel",
    "domain",
    "metadata",
    "unread_count",
    "last_message_at",
    "last_message_preview",
    "created_at",
)
MESSAGE = (
    "id",
    "conversation_id",
    "direction",
    "body",
    "sender_id",
    "provider_message_id",
    "metadata",
    "status",
    "created_at",
)
TAG = ("id", "name", "color")
MEMBER = ("id", "name", "email", "role")

NO_CONTACT = "This workspace has no such contact."
NO_CONVERSATION = "This workspace has no such conversation."


def pick(columns: Sequence[str], row: Mapping[str, Any]) -> Document:
    """The document of ``columns`` from a row that has at least those."""
    return {column: row[column] for column in columns}


def picked(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> list[Document]:
    """``pick`` for each row."""
    return [pick(columns, row) for row in rows]


def named(columns: Sequence[str], record: Sequence[Any]) -> Document:
    """The document from a nameless record whose fields stand in the order of ``columns``."""
    return dict(zip(columns, record, strict=True))


def thread(conversation_id: object, messages: list[Document], limit: int) -> Document:
    """A page of a thread from up to ``limit + 1`` messages: the extra one says that there are older ones."""
    return {
        "conversation_id": conversation_id,
        "messages": messages[:limit],
        "next_before": _next(messages, limit, "created_at"),
    }


def contacts(found: list[Document], limit: int) -> Document:
    """A page of contacts from up to ``limit + 1``: the extra one says that there are older ones."""
    return {"contacts": found[:limit], "next_before": _next(found, limit, "created_at")}


def inbox(conversations: list[Document], page: int, per_page: int, active_count: int, team: list[Document]) -> Document:
    """A page of the inbox from up to ``per_page + 1`` conversations: the extra one says there are more."""
    return {
        "conversations": conversations[:per_page],
        "page": page,
        "per_page": per_page,
        "has_more": len(conversations) > per_page,
        "next_before": _next(conversations, per_page, "last_message_at"),
        "active_count": active_count,
        "team": team,
    }


def _next(rows: Sequence[Document], limit: int, by: str) -> str | None:
    """Where the page after the first ``limit`` of ``rows`` begins; None when there is none."""
    if len(rows) <= limit:
        return None
    last = rows[limit - 1]
    return str(Cursor(at=last[by], id=last["id"]))
