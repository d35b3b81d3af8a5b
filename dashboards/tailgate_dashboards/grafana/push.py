"""Puts things into a Grafana: only what differs from what is there, so that doing it again does nothing."""

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .things import Found, Thing

if TYPE_CHECKING:
    from .connection import Grafana

Action = Literal["create", "update", "keep"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What is to be done about one thing."""

    thing: Thing
    found: Found | None

    @property
    def action(self) -> Action:
        """What that is."""
        if self.found is None:
            return "create"
        return "keep" if self.found.document == self.thing.wanted() else "update"

    @property
    def diff(self) -> str:
        """From what is there to what should be, as a unified diff of JSON; empty where there is nothing yet."""
        if self.found is None:
            return ""
        return "\n".join(
            difflib.unified_diff(
                _lines(self.found.document),
                _lines(self.thing.wanted()),
                f"{self.thing.uid} in Grafana",
                f"{self.thing.uid} as it should be",
                n=2,
                lineterm="",
            )
        )


def compare(grafana: "Grafana", things: Iterable[Thing]) -> list[Change]:
    """What there is to do, in the order of the things; nothing is written. Raises GrafanaError."""
    return [Change(thing=thing, found=thing.find(grafana)) for thing in things]


def carry_out(grafana: "Grafana", changes: Sequence[Change]) -> None:
    """Do it, in that order. Raises GrafanaError; what was done by then stays, and is kept the next time."""
    for change in changes:
        if change.action != "keep":
            change.thing.write(grafana, change.found)


def _lines(document: object) -> list[str]:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False).splitlines()
