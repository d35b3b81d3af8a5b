"""comparison.json: two sides, what of the candidate is worse, by how much, how sure that is, and why. In seconds."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from tailgate_loadtest.judge.document import Finding, Outcome
from tailgate_loadtest.run.document import Model, Percentiles
from tailgate_loadtest.shapes.sides import SIDES, Side

SCHEMA: Literal["tailgate/comparison/v1"] = "tailgate/comparison/v1"
Measure = Literal["p50", "p95", "p99", "failures"]
"""What is compared by statistics: percentiles of response times, and the share of requests that failed."""
Exact = Literal["status", "queries", "round_trips", "bytes", "requests"]
"""What is compared request for request; ``requests`` are those of an iteration, where others followed or none."""
_BLAMED = r"^{0}: |; {0}: its service died"
"""The words of older documents that say which side gave out: to a brake one alone does, and both may die."""


class SideRecord(Model):
    """One of the two."""

    what: str
    """What was asked for, such as a revision or an address; never a secret."""
    revision: str | None = None
    """The commit, where it is one."""
    bundles: tuple[str, ...]
    """Where its runs are, relative to the comparison: one, or several of ``tailgate compare``."""
    facts: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    """What is known of it: its variant, its database, how it was started."""
    response: Percentiles | None = None
    """Of all its judged requests that succeeded, whatever their route."""


class SegmentRecord(Model):
    """A stretch of the load and where its arrivals went; whole seconds since the load began, warm-up included."""

    start: int
    length: int
    to: Literal["both", "base", "candidate"]
    """Both: each arrival to one of them, at random."""


class DesignRecord(Model):
    """How arrivals were given to the sides."""

    seed: int
    warmup: float
    block: int
    """Seconds of an alternating block."""
    segments: tuple[SegmentRecord, ...]


class Look(Model):
    """A moment at which the evidence so far was judged."""

    at: float
    """Seconds since the load began."""
    spent: float
    """Of the error rate, what may have been used up by then."""
    decided: Outcome | None
    """None: the load went on."""


class Cell(Model):
    """One measure of one route."""

    route: str
    measure: Measure
    blocking: bool
    """It can stop the change; others are only shown."""
    verdict: Outcome
    samples_base: int
    samples_candidate: int
    base: float | None
    """The measure's value; seconds, or a share for failures. Here and below, None where there is none."""
    candidate: float | None
    p: float | None
    """How probable so much more of bad would be if both sides were the same, under random assignment."""
    p_adjusted: float | None
    """The same with regard to all cells (Holm), of which rare ones have a share of the error rate of their own."""
    side_by_side: float | None
    """The candidate's value divided by the base's while both were loaded; on shared cores it understates."""
    ratio: float | None
    """The same while they took turns, which sizes it without bias; for failures the difference of the shares."""
    low: float | None
    high: float | None
    """The ratio's interval, each side of it at ``confidence``."""
    tolerance: float | None
    """The ratio (the difference) that is still tolerated: of a relative and an absolute bound the larger."""
    visible: float | None
    """The smallest ratio (difference) that this comparison would have found nine times in ten."""
    accepted: str | None = None
    """Why it is taken on knowingly, in the words of the objectives file."""
    why: str
    """The verdict in words."""
    causes: tuple[str, ...] = ()
    """Where the time went, most first; only for what is worse."""


class ExactFinding(Model):
    """One route's difference in something that is compared request for request."""

    route: str
    measure: Exact
    phase: Literal["cold", "warm", "load"]
    """The first requests to a fresh service, the same again, or those of the load, which are only shown."""
    base: float
    """Per request; for ``status`` the code that differs first, 0 for no answer; for ``requests`` per iteration."""
    candidate: float
    requests: int
    """How many differ."""
    of: int
    worse: bool
    blocking: bool
    accepted: str | None = None
    why: str
    causes: tuple[str, ...] = ()
    """Which queries are more, where that is known."""


class Loosened(Model):
    """An objective that asks for less than the base's file does."""

    objective: str
    what: str
    accepted: str | None = None


class Acceptance(Model):
    """An entry of the candidate's objectives file, by which something worse is taken on knowingly."""

    route: str
    measure: str
    bound: float
    """Up to this fraction; for failures up to this share of the requests."""
    until: str
    """Its last day, in ISO 8601."""
    why: str
    holds: bool
    """False: it has expired, and covers nothing."""
    covers: tuple[str, ...] = ()
    """What would stop the change without it, in words."""


class Adoption(Model):
    """What a rule of the base's objectives says of taking the candidate in its place; it changes no exit code."""

    quantile: float
    """Of the response times of all judged requests together."""
    advice: Literal["adopt", "keep", "neither", "undecided"]
    candidate: float | None = None
    """Its time, in seconds."""
    ratio: float | None = None
    """To the base's time, with its interval."""
    low: float | None = None
    high: float | None = None
    why: str


class Rates(Model):
    """How often such verdicts are wrong on this machine, as ``tailgate calibrate`` has measured it."""

    gates: int
    false_alarms: int
    false_alarms_low: float
    false_alarms_high: float
    """Exact binomial bounds of the rate, each at 95 %."""
    inconclusive: int
    seconds: float
    """The time budget of these gates."""
    measured: str
    """When, in ISO 8601."""
    machine: str


class ComparisonDocument(Model):
    """The whole of comparison.json."""

    schema_: Literal["tailgate/comparison/v1"] = Field(default=SCHEMA, alias="schema")
    id: str
    tool: str
    kind: Literal["ab", "compare"]
    started: str
    seconds: float
    base: SideRecord
    candidate: SideRecord
    design: DesignRecord | None
    """None where the sides were not loaded together."""
    looks: tuple[Look, ...] = ()
    error_rate: float
    """How probable a verdict of worse is for two sides that are the same, over all of its cells and looks."""
    confidence: float
    """Of each bound of an interval."""
    verdict: Literal["pass", "fail", "inconclusive", "interrupted"]
    exit_code: int
    reasons: tuple[str, ...]
    aborted: str | None = None
    """How a side gave out under the load, so that it was ended."""
    gave_out: tuple[Side, ...] = ()
    """Which did: either, or both at once."""
    cells: tuple[Cell, ...]
    exact: tuple[ExactFinding, ...] = ()
    loosened: tuple[Loosened, ...] = ()
    accepts: tuple[Acceptance, ...] = ()
    """All entries that the candidate's gate has."""
    fresh: bool = True
    """What was asked one request after the other was asked of sides with the data that they begin with."""
    on_inconclusive: Literal["fail", "neutral"] = "fail"
    """Whether a verdict of inconclusive stops the change: exit code 3, or 0."""
    objectives: tuple[Finding, ...] = ()
    """The candidate's, by the candidate's file."""
    adoption: Adoption | None = None
    """None where the objectives have no such rule."""
    differences: tuple[str, ...] = ()
    """Of the environments, where the runs were not made together."""
    rates: Rates | None = None
    unrated: str | None = None
    """Why there are none, where only other comparisons were calibrated on this machine."""
    warnings: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _of_before(cls, raw: Any) -> Any:
        """With the sides that gave out, which older documents name in words alone."""
        if not isinstance(raw, Mapping) or "gave_out" in raw or not isinstance(raw.get("aborted"), str):
            return raw
        return {**raw, "gave_out": [side for side in SIDES if re.search(_BLAMED.format(side), raw["aborted"])]}
