"""The inbox's filters as SQL conditions over ``conversations c``."""

from typing import Any

from tailgate_service.store.base import ACTIVE, InboxQuery

_SEARCH = """(c.last_message_preview ILIKE ${n} OR EXISTS (
    SELECT FROM contacts s WHERE s.id = c.contact_id AND (s.name ILIKE ${n} OR s.phone ILIKE ${n})))"""
_TAG = """EXISTS (SELECT FROM conversation_tags ct JOIN tags t ON t.id = ct.tag_id
    WHERE ct.conversation_id = c.id AND t.name = ${n})"""


def conditions(query: InboxQuery, arguments: list[Any], workspace: str) -> str:
    """The conditions of ``query`` on a ``workspace``, joined by AND, each filter's value appended to ``arguments``.

    Only filters in use appear, so that each combination is a statement, and a plan, of its own; there are
    few, which bounds the statement cache. Values are always arguments.
    """
    found = [f"c.workspace_id = {workspace}"]

    def add(condition: str, value: object) -> None:
        arguments.append(value)
        found.append(condition.replace("${n}", f"${len(arguments)}"))

    if query.status is not None:
        add("c.status = ${n}", query.status)
    if query.active is not None:
        add("c.status = ANY(${n}::text[])" if query.active else "c.status <> ALL(${n}::text[])", ACTIVE)
    if query.assigned_to == "unassigned":
        found.append("c.assigned_to IS NULL")
    elif query.assigned_to is not None:
        add("c.assigned_to = ${n}", query.assigned_to)
    if query.tag is not None:
        add(_TAG, query.tag)
    if query.search is not None:
        add(_SEARCH, f"%{_literal(query.search)}%")
    return " AND ".join(found)


def _literal(text: str) -> str:
    """``text`` with the characters that mean something to LIKE made to mean themselves."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
