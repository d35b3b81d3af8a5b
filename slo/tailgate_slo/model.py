"""What an objectives file says, as values. Seconds inside; every number a Decimal as written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal, get_args

Kind = Literal["latency", "availability", "queries", "vital"]
Vital = Literal["lcp", "inp", "cls", "fcp", "ttfb"]
Preset = Literal["otel", "micrometer", "nginx-ingress", "envoy"]
Op = Literal["lt", "lte", "gt", "gte"]
Acceptable = Literal[Kind, "bytes"]

KINDS: tuple[Kind, ...] = get_args(Kind)
VITALS: tuple[Vital, ...] = get_args(Vital)
PRESETS: tuple[Preset, ...] = get_args(Preset)
OPS: tuple[Op, ...] = get_args(Op)
ACCEPTABLE: tuple[Acceptable, ...] = get_args(Acceptable)
EVERYWHERE = "*"
"""An entry's route, where what it takes on concerns no single one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """What is measured, on which route (``METHOD template``; None: all), and the largest good value.

    ``threshold`` is in seconds for latency and vitals, a count for queries, plain for the vital ``cls``,
    None for availability. A vital is either a Web Vital, which ``vital`` names, or a moment that the page marks
    itself, named by ``timing``; ``route`` is then a page's path (None: all pages).
    """

    kind: Kind
    route: str | None = None
    threshold: Decimal | None = None
    vital: Vital | None = None
    timing: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """Prometheus queries of all events, and of the good or of the bad ones: the other of the two is None.

    ``counter`` says that a query without a range tells a total that only grows, of which the rate is meant.
    """

    total: str
    good: str | None = None
    bad: str | None = None
    counter: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Raw:
    """A Prometheus query that tells a fraction of events itself: of the bad ones when ``failure``, else of the good."""

    query: str
    failure: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """A Prometheus query whose value is good while it is ``op`` (``lte``: at most) ``value``."""

    query: str
    op: Op
    value: Decimal


Query = Ratio | Raw | Bound


@dataclass(frozen=True, kw_only=True, slots=True)
class Alerting:
    """What the alerts of an objective say and when they are silent.

    ``runbook`` and ``board`` are addresses that they lead to. With fewer than ``minimum_events`` in its long
    window no page is sent; without ``page`` none ever is, but tickets are. ``absent``: whether the lack of any data
    is a ticket.
    """

    runbook: str | None = None
    board: str | None = None
    minimum_events: int = 0
    page: bool = True
    absent: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class SLO:
    """One objective: of the events in ``period_days`` days, the fraction ``target`` is good.

    Its indicator is either a ``measure`` or a ``query``, which only Prometheus can answer; the other is None.
    """

    name: str
    display_name: str
    description: str
    service: str
    target: Decimal
    period_days: int
    measure: Measure | None
    query: Query | None = None
    alerting: Alerting = field(default_factory=Alerting)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tolerance:
    """How much worse a candidate may be: the larger of a fraction and a number of seconds."""

    relative: Decimal = Decimal("0.05")
    absolute: Decimal = Decimal("0.002")


@dataclass(frozen=True, kw_only=True, slots=True)
class Abort:
    """End the load when the fraction ``error_ratio`` of requests has failed for ``for_seconds``."""

    error_ratio: Decimal
    for_seconds: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """When to adopt a candidate, judged by its latency at ``quantile``.

    Adopt it when it is below ``adopt_below`` seconds and faster by the fraction ``adopt_faster``; keep the
    base when they differ by less than the fraction ``keep_within``; otherwise undecided.
    """

    quantile: Decimal
    adopt_below: Decimal
    adopt_faster: Decimal
    keep_within: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Accept:
    """A regression taken on knowingly: up to the fraction ``bound`` on a route's measure, ``until`` a day.

    It takes on a loosened objective as well: ``bound`` is then the fraction by which it was loosened, and 1 all of it.
    """

    route: str
    measure: Acceptable
    bound: Decimal
    until: date
    why: str

    def holds(self, on: date) -> bool:
        """Whether the entry still holds on that day; ``until`` is its last."""
        return on <= self.until


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """How a profile's run is judged; ``profile`` None means every profile without a gate of its own.

    ``weights`` count in the score, 1 where none is given; ``keys`` are the objectives shown first. An
    objective with fewer than ``minimum_samples`` is undecided.
    """

    name: str = "default"
    profile: str | None = None
    weights: Mapping[str, Decimal] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    minimum_samples: int = 100
    tolerance: Tolerance = field(default_factory=Tolerance)
    abort: Abort | None = None
    decision: Decision | None = None
    accept: tuple[Accept, ...] = ()

    def weight(self, slo: str) -> Decimal:
        """The weight of the objective of that name in the score."""
        return self.weights.get(slo, Decimal(1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Overrides:
    """What is otherwise than a preset says; None, or empty, where nothing is.

    Attributes:
        duration: the histogram of response times, by the name that ``_bucket``, ``_sum`` and ``_count`` are added to.
        per_second: how many of its units make a second.
        native: whether it is a native histogram.
        requests: the counter of requests that bears the status, where the histogram does not.
        queries: the histogram of queries per request.
        labels: names of labels by what they tell (``method``, ``route``, ``status``, ``job``); empty: there is none.
        match: labels, and the value that every series of the service has of each.
        routes: the value of the route's label, for routes whose template it is not.
        synthetic: whether load tests count among the visitors.
    """

    duration: str | None = None
    per_second: Decimal | None = None
    native: bool = False
    requests: str | None = None
    queries: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    match: Mapping[str, str] = field(default_factory=dict)
    routes: Mapping[str, str] = field(default_factory=dict)
    synthetic: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Metrics:
    """Which series of a Prometheus carry the measures: those of a preset, but for what is overridden."""

    preset: Preset = "otel"
    overrides: Overrides = field(default_factory=Overrides)


@dataclass(frozen=True, kw_only=True, slots=True)
class Objectives:
    """Everything one file says: ``text`` is all of it, ``digest`` its SHA-256; ``ignored`` titles the rest."""

    file: str
    digest: str
    text: str = field(default="", repr=False)
    slos: tuple[SLO, ...]
    gates: tuple[Gate, ...] = ()
    metrics: Metrics = field(default_factory=Metrics)
    ignored: tuple[str, ...] = ()

    def gate(self, profile: str) -> Gate:
        """The most specific gate: the profile's own, else one for every profile, else the defaults."""
        for wanted in (profile, None):
            for gate in self.gates:
                if gate.profile == wanted:
                    return gate
        return Gate(profile=profile)

    def routes(self) -> tuple[str, ...]:
        """The routes that objectives name, sorted; pages of vitals are not among them."""
        return tuple(sorted({m.route for m in self._measures() if m.route is not None and m.kind != "vital"}))

    def thresholds(self) -> dict[str, tuple[Decimal, ...]]:
        """Each route's latency thresholds in seconds, ascending."""
        return {route: tuple(sorted(values)) for route, values in self._by_route("latency").items()}

    def vital_thresholds(self) -> dict[str, tuple[Decimal, ...]]:
        """The thresholds of each Web Vital and each timing, by its name, ascending: those of all pages together."""
        found: dict[str, set[Decimal]] = {}
        for measure in self._measures():
            if (name := measure.vital or measure.timing) is not None and measure.threshold is not None:
                found.setdefault(name, set()).add(measure.threshold)
        return {name: tuple(sorted(values)) for name, values in sorted(found.items())}

    def budgets(self) -> dict[str, int]:
        """Each route's allowed queries per request: the strictest, where several objectives name it."""
        return {route: int(min(values)) for route, values in self._by_route("queries").items()}

    def _measures(self) -> tuple[Measure, ...]:
        return tuple(slo.measure for slo in self.slos if slo.measure is not None)

    def _by_route(self, kind: Kind) -> dict[str, set[Decimal]]:
        found: dict[str, set[Decimal]] = {}
        for measure in self._measures():
            if measure.kind == kind and measure.route is not None and measure.threshold is not None:
                found.setdefault(measure.route, set()).add(measure.threshold)
        return dict(sorted(found.items()))
