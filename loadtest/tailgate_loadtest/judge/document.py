"""verdict.json: every objective, its number, interval, samples, verdict and why; and what it all comes to."""

from typing import Literal

from pydantic import Field

from tailgate_loadtest.run.document import Model

SCHEMA: Literal["tailgate/verdict/v1"] = "tailgate/verdict/v1"
Outcome = Literal["pass", "fail", "inconclusive"]
Verdict = Literal["pass", "fail", "inconclusive", "interrupted", "unjudged"]


class Finding(Model):
    """One objective, judged."""

    name: str
    display_name: str
    measure: Literal["latency", "availability", "queries"]
    route: str | None
    """None: all routes together."""
    threshold: float | None
    """Seconds for latency, a count for queries."""
    target: float
    """The share of requests that must be good."""
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
    unit: Literal["seconds", "queries", "share"]
    number: float | None
    """The percentile at the target: of response times, or of queries per request; for availability the good share."""
    low: float | None
    high: float | None
    """The number's interval; None where it is open."""
    at_least: bool = False
    """The number's rank reaches requests that were never answered well: it is larger than the number given."""
    exact: bool = False
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
    """Objectives that no run can answer."""
    steps: tuple[StepFinding, ...] = ()
    rate_held: float | None = None
    """The highest step at which every objective held, in arrivals per second; the next step bounds it from above."""
    confidence: float
    slo: str | None
    slo_digest: str | None
