"""vitals.json: what people would have felt, page by page and lane by lane, and what it comes to.

In seconds; the vital ``cls`` is a score.
"""

from typing import Literal

from pydantic import Field
from tailgate_slo.model import Vital

from tailgate_loadtest.browser.account import Account
from tailgate_loadtest.judge.document import Outcome, Verdict
from tailgate_loadtest.run.document import Model

SCHEMA: Literal["tailgate/vitals/v1"] = "tailgate/vitals/v1"
FILE = "vitals.json"
Rating = Literal["good", "needs-improvement", "poor"]


class Setting(Model):
    """Which address was visited, when, and where the browsers were."""

    id: str
    url: str
    """Without a query, which may hold what is nobody else's business."""
    began: float
    """Seconds since the epoch; every second in visits.jsonl counts from here."""
    started: str
    """The same: ISO 8601, UTC."""
    seed: int
    insecure: bool = False
    """Any certificate was taken."""
    slo_digest: str | None = None
    """Of the objectives in the bundle; None where there are none."""
    environment: dict[str, str | int | float | bool | None]


class Measured(Model):
    """One measure over some visits."""

    samples: int
    """Visits that count: those that told of the measure, and those that failed, which are worse than any other."""
    failed: int
    """Of these."""
    missing: int
    """Visits that went well and did not tell of it; in no other count."""
    number: float | None
    """The percentile. None: no visit told of the measure."""
    low: float | None
    high: float | None
    """The percentile's interval, which holds whether missing visits were better or worse than all others; None where it
    is open."""
    at_least: bool = False
    """The percentile's rank reaches visits that failed: it is larger than the number given."""


class Cell(Measured):
    """A measure of a page in a lane; its percentile is the 75th."""

    page: str
    visit: str
    """The script's name."""
    lane: str
    vital: Vital | None
    timing: str | None
    """A moment that the page marks itself, where it is no Web Vital."""
    rating: Rating | None
    """Of a Web Vital's percentile."""
    why_missing: str | None = None
    """What was most often the reason."""
    element: str | None = None
    """Which element was the largest most often, of LCP."""


class LaneFinding(Measured):
    """One lane against one objective; its percentile is that of the objective's target."""

    visit: str
    lane: str
    verdict: Outcome
    bad: int
    """Samples above the threshold, and failed ones."""
    bad_share: float | None
    bad_low: float | None
    bad_high: float | None
    """One-sided bounds of the bad share, which hold whether missing visits were good or bad."""
    why: str


class VitalFinding(Model):
    """One objective, judged: it is kept where each lane keeps it by itself."""

    name: str
    display_name: str
    vital: Vital | None
    timing: str | None
    page: str | None
    """None: all pages together."""
    threshold: float
    target: float
    """The share of visits that must be good."""
    verdict: Outcome
    lanes: tuple[LaneFinding, ...]
    """The one that is worst off first; there is at least one."""

    @property
    def worst(self) -> LaneFinding:
        """The lane that is worst off: the objective's verdict is its own."""
        return self.lanes[0]

    @property
    def why(self) -> str:
        """Why the verdict is what it is; the lane by name where there are several."""
        return f"{self.worst.lane}: {self.worst.why}" if len(self.lanes) > 1 else self.worst.why


class VitalsDocument(Model):
    """The whole of vitals.json."""

    schema_: Literal["tailgate/vitals/v1"] = Field(default=SCHEMA, alias="schema")
    tool: str
    setting: Setting | None
    """None where the visits were part of a run, which tells it of itself."""
    verdict: Verdict
    exit_code: int
    reasons: tuple[str, ...]
    unsound: tuple[str, ...]
    """Why nothing may pass, whatever the objectives' own verdicts are: visits that were to be are not there."""
    objectives: tuple[VitalFinding, ...]
    skipped: tuple[str, ...]
    """Objectives of pages that no visit came to."""
    cells: tuple[Cell, ...]
    failures: dict[str, int]
    """Why visits failed, and how many; the commonest first, and not all where there are many."""
    account: Account
    confidence: float
    """Of each one-sided bound."""
    slo: str | None
    slo_digest: str | None
