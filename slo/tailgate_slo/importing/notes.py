"""Reading of files that are not ours: what is known is taken, what is not is noted with its place."""

import re
from collections.abc import Collection, Mapping

from tailgate_slo.alerting import BOARD, RUNBOOK, is_address
from tailgate_slo.errors import DocumentError
from tailgate_slo.node import Node

_NOT_NAME = re.compile(r"[^a-z0-9.-]+")
_WINDOW = re.compile(r"\{\{-?\s*\.window\s*-?\}\}")
WINDOW = "{{.window}}"
"""Stands for a window in the queries of objectives, with or without blanks within."""


def as_name(text: str) -> str:
    """Text as a name of ours, empty where nothing of it may be part of one."""
    return _NOT_NAME.sub("-", text.lower()).strip(".-")[:63].strip(".-")


_LINKS = {
    "runbook": RUNBOOK,
    "runbook_url": RUNBOOK,
    "runbookUrl": RUNBOOK,
    "dashboard": BOARD,
    "dashboard_url": BOARD,
    "dashboardUrl": BOARD,
}


class Notes:
    """Collects what could not be kept of one file, a sentence with its place each."""

    def __init__(self) -> None:
        self._noted: list[tuple[int, str]] = []
        self.left_out = 0
        """How many objectives, or documents, could not be taken over at all."""

    @property
    def lost(self) -> list[str]:
        """The sentences, by line."""
        return [sentence for _, sentence in sorted(self._noted, key=lambda noted: noted[0])]

    def add(self, node: Node, problem: str, cure: str = "") -> None:
        """Note what becomes of a place."""
        self._noted.append((node.tree.line, str(node.error(problem, cure))))

    def leave_out(self, error: DocumentError) -> None:
        """Note what cannot be taken over at all, and why."""
        self.left_out += 1
        self._noted.append((error.line, f"{error} It is left out."))

    def fields(self, node: Node, known: Collection[str], reasons: Mapping[str, str]) -> dict[str, Node]:
        """The places of a mapping that are ``known``; each other is noted, with the reason where there is one.

        What is written as nothing, or as an empty list or mapping, counts as absent.
        """
        found = {}
        for key, value in node.mapping().items():
            if value.tree.is_null or value.tree.content in ((), {}):
                continue
            if key in known:
                found[key] = value
            else:
                self.add(value, "is not kept", reasons.get(key, ""))
        return found

    def name(self, node: Node) -> str:
        """A name as ours may be; noted where it had to be changed."""
        given = node.text()
        name = as_name(given)
        if not name:
            raise node.error("holds no letter and no digit to make a name of", "Rename it")
        if name != given:
            self.add(node, f"is called {name}", "Names are of lower-case letters, digits, dots and dashes")
        return name

    def query(self, node: Node) -> str:
        """A query with its window; noted where it has none. Other templates only its own tool fills: an error."""
        query = _WINDOW.sub(WINDOW, node.text().strip())
        if "{{" in query.replace(WINDOW, ""):
            raise node.error("holds a template", "Write the query that it makes")
        if WINDOW not in query:
            self.add(
                node, "has no window: what it says is added up over each, once a minute", f"Write [{WINDOW}] for that"
            )
        return query

    def links(self, node: Node, prefix: str = "") -> dict[str, str]:
        """The annotations of ours that an alert's annotations are; the others are noted."""
        found: dict[str, str] = {}
        for key, value in node.mapping().items():
            ours = _LINKS.get(key.removeprefix(prefix))
            if ours is None or ours in found:
                self.add(value, "is not kept", "Alerts say by themselves what happens; a runbook and a board are kept")
            elif not is_address(value.words()):
                self.add(value, "is not kept", "Give the whole address, as in https://wiki.example.org/runbooks/orders")
            else:
                found[ours] = value.words()
        return found
