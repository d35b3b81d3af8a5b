"""Where a service's measures are in a Prometheus."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from tailgate_otel import names
from tailgate_slo import Measure

from .selectors import Traffic, equal
from .vitals import histogram_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """The series of one service, and the labels that tell them apart.

    Attributes:
        duration: the histogram of response times, by the name that ``_bucket``, ``_sum`` and ``_count`` are added to.
        per_second: how many of its units make a second.
        native: whether it is a native histogram, which is one series without buckets of its own.
        requests: the counter of requests that bears the status; None where the histogram itself does.
        queries: the histogram of queries per request, always a classic one; None where there is none.
        vitals: whether pages report their vitals to the service, always as classic histograms.
        method, route, status: names of labels. Without ``method`` all methods of a route are one.
        job: the name of the label that a scrape adds, which ``up`` has as well.
        match: labels, and the value that every one of the series has of each.
        routes: the value of the route's label, for routes whose template it is not.
        synthetic: the label that tells load tests; None where nothing tells, or where they count as well.
    """

    duration: str
    per_second: Decimal = Decimal(1)
    native: bool = False
    requests: str | None = None
    queries: str | None = None
    vitals: bool = False
    method: str | None
    route: str
    status: str
    job: str = "job"
    match: Mapping[str, str] = field(default_factory=dict)
    routes: Mapping[str, str] = field(default_factory=dict)
    synthetic: str | None = None

    @property
    def real(self) -> str | None:
        """The matcher that leaves load tests out, if they can be told."""
        return equal(self.synthetic, "") if self.synthetic else None

    @property
    def test(self) -> str | None:
        """The matcher that leaves load tests only, if they can be told."""
        return equal(self.synthetic, names.SYNTHETIC_TEST) if self.synthetic else None

    @property
    def statuses(self) -> str:
        """The series whose rate is that of requests, by status; of a native histogram, its count is meant."""
        if self.requests is not None:
            return self.requests
        return self.duration if self.native else f"{self.duration}_count"

    def histogram(self, measure: Measure) -> str | None:
        """The histogram of what a measure counts, by the name that suffixes are added to; None where there is none."""
        if measure.kind == "queries":
            return self.queries
        if measure.kind == "vital":
            return histogram_of(measure) if self.vitals else None
        return self.duration

    def of(self, measure: Measure, traffic: Traffic = "real") -> tuple[str, ...]:
        """What finds the events of a measure that are real, tests or either; of page views, only real ones count."""
        if measure.kind != "vital":
            return self.matchers(measure.route, traffic)
        told = ((names.LABEL_PAGE, measure.route), (names.LABEL_TIMING, measure.timing))
        found = (equal(label, value) for label, value in told if value is not None)
        return (*self.matchers(traffic="all"), *found)

    def matchers(self, route: str | None = None, traffic: Traffic = "real") -> tuple[str, ...]:
        """What finds the requests of a route (``METHOD template``; None: of all) that are real, tests or either."""
        found = [equal(label, value) for label, value in self.match.items()]
        if route is not None:
            method, _, template = route.partition(" ")
            if self.method is not None:
                found.append(equal(self.method, method))
            found.append(equal(self.route, self.routes.get(route, template)))
        told = {"real": self.real, "test": self.test, "all": None}[traffic]
        return (*found, told) if told else tuple(found)

    def in_units(self, seconds: Decimal) -> Decimal:
        """A duration in the histogram's units."""
        return seconds * self.per_second
