"""verdict.json: every objective, its number, interval, samples, verdict and why; and what it all comes to."""

from typing import Literal

from pydantic import Field
from tailgate_slo.model import Vital

from tailgate_loadtest.run.document import Model

SCHEMA: Literal["tailgate/verdict/v1"] = "tailgate/verdict/v1"
Outcome = Literal["pass", "fail", "inconclusive"]
Verdict = Literal["pass", "fail", "inconclusive", "interrupted", "unjudged"]


class LaneVerdict(Model):
    """One lane of browsers against an objective."""

    visit: str
    """What they visit: a script's name."""
    lane: str
    verdict: Outcome


class Finding(Model):
    """One objective, judged."""

    name: str
    display_name: str
    measure: Literal["latency", "availability", "queries", "vital"]
    route: str | None
    """None: all routes together. Of a vital, a page's path, and None: all pages."""
    threshold: float | None
    """Seconds for latency and vitals, a count for queries, plain for the vital ``cls``."""
    target: float
    """The share of requests, or of visits, that must be good."""
    verdict: Outcome
    missing: bool = False
    """Nothing was measured that could decide it."""
    key: bool
    weight: float
    samples: int
    bad: int
    bad_share: float | None
    bad_low: float | None
    bad_high: float | None
    """One-sided bounds of the bad share; equal to it where it is counted exactly."""
    unit: Literal["seconds", "queries", "share", "score"]
    number: float | None
    """The percentile at the target: of response times, of queries per request, or of a vital; for availability the good
    share."""
    low: float | None
    high: float | None
    """The number's interval; None where it is open."""
    at_least: bool = False
    """The number's rank reaches requests that were never answered well: it is larger than the number given."""
    exact: bool = False
    vital: Vital | None = None
    """Which Web Vital was measured."""
    timing: str | None = None
    """Or which moment that the page marks itself."""
    lanes: tuple[LaneVerdict, ...] = ()
    """How each lane of browsers keeps an objective of a vital; the numbers are those of the first, the worst off."""
    why: str


class StepFinding(Model):
    """One step of a search for the highest rate held."""

    rate: float
    verdict: Outcome
    why: str


class VerdictDocument(Model):
    """The whole of verdict.json."""

    schema_: Literal["tailgate/verdict/v1"] = Field(default=SCHEMA, alias="schema")
    run: str
    tool: str
    verdict: Verdict
    exit_code: int
    reasons: tuple[str, ...]
    score: float | None
    """0 to 100: the weighted share of every objective's target that was reached. Shown, never judged."""
    objectives: tuple[Finding, ...]
    skipped: tuple[str, ...] = ()
    """Objectives that this run could not answer: no run can, or no browser visited their page."""
    steps: tuple[StepFinding, ...] = ()
    rate_held: float | None = None
    """The highest step at which every objective held, in arrivals per second; the next step bounds it from above."""
    confidence: float
    slo: str | None
    slo_digest: str | None
