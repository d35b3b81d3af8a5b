"""The filters of lists as SQL conditions, over ``conversations c`` and ``contacts k``."""

from typing import Any

from tailgate_service.store.base import ACTIVE, ContactQuery, InboxQuery

_TAGS = """c.id IN (
    SELECT ct.conversation_id FROM conversation_tags ct JOIN tags t ON t.id = ct.tag_id
    WHERE t.workspace_id = {workspace} AND t.name = ANY({n}::text[])
    GROUP BY ct.conversation_id HAVING count(*) = cardinality({n}::text[]))"""


class Conditions:
    """Conditions joined by AND, their values appended to ``arguments``.

    Only filters in use appear, so that each combination is a statement, and a plan, of its own; there are few, which
    bounds the statement cache. Values are always arguments.
    """

    def __init__(self, workspace: str, arguments: list[Any]) -> None:
        self._workspace = workspace
        self._arguments = arguments
        self._found: list[str] = []

    def add(self, condition: str, *values: object) -> None:
        """Ask for ``condition``, in which ``{workspace}`` and, for each of ``values``, ``{n}``, ``{m}`` stand."""
        first = len(self._arguments) + 1
        self._arguments.extend(values)
        self._found.append(condition.format(workspace=self._workspace, n=f"${first}", m=f"${first + 1}"))

    def __str__(self) -> str:
        return " AND ".join(self._found)


def conversations(query: InboxQuery, arguments: list[Any], workspace: str, search: str) -> Conditions:
    """The conditions of ``query``; ``search`` is that for the words ``{n}``."""
    where = Conditions(workspace, arguments)
    where.add("c.workspace_id = {workspace}")
    if query.status is not None:
        where.add("c.status = {n}", query.status)
    if query.active is not None:
        where.add("c.status = ANY({n}::text[])" if query.active else "c.status <> ALL({n}::text[])", ACTIVE)
    if query.assigned_to == "unassigned":
        where.add("c.assigned_to IS NULL")
    elif query.assigned_to is not None:
        where.add("c.assigned_to = {n}", query.assigned_to)
    if query.domain is not None:
        where.add("c.domain = {n}", query.domain)
    if query.tags:
        where.add(_TAGS, sorted(query.tags))
    if query.search is not None:
        where.add(search, query.search)
    if query.before is not None:
        where.add("(c.last_message_at, c.id) < ({n}, {m})", query.before.at, query.before.id)
    return where


def contacts(query: ContactQuery, arguments: list[Any], workspace: str, search: str) -> Conditions:
    """The conditions of ``query``; ``search`` is that for the words ``{n}``."""
    where = Conditions(workspace, arguments)
    where.add("k.workspace_id = {workspace}")
    if query.search is not None:
        where.add(search, query.search)
    if query.before is not None:
        where.add("(k.created_at, k.id) < ({n}, {m})", query.before.at, query.before.id)
    return where
