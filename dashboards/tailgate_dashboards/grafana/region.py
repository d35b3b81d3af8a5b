"""A load test's region on every board: begun with the load, and told how it ended.

Grafana shows an annotation's text as HTML; whatever comes from elsewhere is escaped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from tailgate_otel import names

if TYPE_CHECKING:
    # Importing its client takes a quarter of a second, which runs that mark no region are spared.
    from .connection import Grafana

_LONGEST_TAG = 100
"""Characters: Grafana's database keeps no more."""
_LONGEST_TEXT = 4000
_MOST_REASONS = 5
"""A region is read at a glance; the report has the rest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What a region says of a run. Times are seconds since 1970; ``end`` is the planned one while it lasts."""

    profile: str
    host: str
    start: float
    end: float
    run: str | None = None
    """Its id, known once it has ended."""
    verdict: str | None = None
    reasons: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    """The run's own tags; one whose value is an address of the web becomes a link."""
    report: str | None = None
    """Where its report is."""

    @property
    def tags(self) -> list[str]:
        """What the boards, and people, find the region by."""
        found = [names.GRAFANA_RUN_TAG, f"{names.LABEL_PROFILE}:{self.profile}"]
        if self.verdict:
            found.append(f"verdict:{self.verdict}")
        return [tag[:_LONGEST_TAG] for tag in found]

    def text(self, board: str) -> str:
        """HTML; ``board`` is the address of the board of load tests."""
        outcome = f": <b>{escape(self.verdict)}</b>" if self.verdict else ", under way"
        lines = [f"Load test <b>{escape(self.profile)}</b> of {escape(self.host)}{outcome}"]
        lines += map(escape, self.reasons[:_MOST_REASONS])
        if (more := len(self.reasons) - _MOST_REASONS) > 0:
            lines.append(f"and {more} more")
        lines += (f"{escape(key)}: {_linked(value)}" for key, value in self.labels.items())
        if self.run:
            lines.append(f"run {escape(self.run)}")
        if self.report:
            lines.append(f"report: {escape(self.report)}")
        link = f'<a href="{escape(self._looked_at(board))}">The board of load tests at that time</a>'
        kept: list[str] = []
        for line in lines:
            if sum(map(len, kept)) + len(line) + len(link) > _LONGEST_TEXT:
                kept.append("…")
                break
            kept.append(line)
        return "<br>".join([*kept, link])

    def _looked_at(self, board: str) -> str:
        window = {"from": _milliseconds(self.start), "to": _milliseconds(self.end)}
        return f"{board}?{urlencode({**window, 'var-run': self.run} if self.run else window)}"


class Region:
    """One run's region in a Grafana."""

    def __init__(self, grafana: "Grafana") -> None:
        self._grafana = grafana
        self._id: int | None = None

    def begin(self, told: Told) -> None:
        """Put it there."""
        answer = self._grafana.ask(
            "write an annotation",
            lambda api: api.annotations.add_annotation(
                time_from=_milliseconds(told.start),
                time_to=_milliseconds(told.end),
                tags=told.tags,
                text=told.text(self._board),
            ),
        )
        if not isinstance(answer, dict) or not isinstance(answer.get("id"), int):
            raise self._grafana.stranger()
        self._id = answer["id"]

    def conclude(self, told: Told) -> None:
        """Say how the run ended; without one that was begun there is nothing to do."""
        if self._id is not None:
            number, self._id = self._id, None
            self._grafana.ask(
                "write an annotation",
                lambda api: api.annotations.update_annotation(
                    number,
                    time_from=_milliseconds(told.start),
                    time_to=_milliseconds(told.end),
                    tags=told.tags,
                    text=told.text(self._board),
                ),
            )

    def withdraw(self) -> None:
        """Take back one that was begun and not concluded: there was no load."""
        if self._id is not None:
            number, self._id = self._id, None
            self._grafana.ask("delete an annotation", lambda api: api.annotations.delete_annotations_by_id(number))

    @property
    def _board(self) -> str:
        return f"{self._grafana.url}/d/{quote(names.GRAFANA_LOAD_TEST_BOARD, safe='')}"


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _linked(value: str) -> str:
    try:
        web = urlsplit(value).scheme in ("http", "https")
    except ValueError:
        web = False
    return f'<a href="{escape(value)}">{escape(value)}</a>' if web else escape(value)
