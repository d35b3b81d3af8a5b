"""The objectives' thresholds as PromQL: lines in the panels of what they limit, and divisors of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from tailgate_slo import Objectives

from ..series import Series
from .promql import Distribution, number, one_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """A largest good value, and the routes (``METHOD template``) that it holds for."""

    value: Decimal
    routes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Limits of one measure of a service, ascending."""

    limits: tuple[Limit, ...]
    series: Series
    distribution: Distribution

    def lines(self) -> Iterator[tuple[Decimal, str]]:
        """Each limit, and PromQL for it that answers wherever one of its routes has traffic and is chosen."""
        for limit in self.limits:
            yield limit.value, f"group ({self._present(limit)}) * {number(limit.value)}"

    def by_route(self, *labels: str) -> str:
        """The limit of each route, under the labels that tell routes apart."""
        return " or ".join(
            f"group by ({', '.join(labels)}) ({self._present(limit)}) * {number(limit.value)}" for limit in self.limits
        )

    def kept(self, *labels: str) -> str:
        """The fraction of each route's events within its limit."""
        return " or ".join(
            self.distribution.within(limit.value, *labels, matchers=matchers)
            for limit in self.limits
            for matchers in self._matchers(limit)
        )

    def _present(self, limit: Limit) -> str:
        return " or ".join(self.distribution.series(*matchers) for matchers in self._matchers(limit))

    def _matchers(self, limit: Limit) -> list[tuple[str, ...]]:
        routes: dict[str, set[str]] = {}
        for route in limit.routes:
            method, _, template = route.partition(" ")
            routes.setdefault(method, set()).add(self.series.routes.get(route, template))
        if self.series.method is None:
            return [(one_of(self.series.route, set().union(*routes.values())),)]
        return [
            (one_of(self.series.method, {method}), one_of(self.series.route, found))
            for method, found in sorted(routes.items())
        ]


def latency_limits(objectives: Objectives, target: Decimal) -> tuple[Limit, ...]:
    """What the fraction ``target`` of each route's requests is to be answered within, in seconds."""
    strictest: dict[str, Decimal] = {}
    for slo in objectives.slos:
        measure = slo.measure
        if measure and measure.kind == "latency" and slo.target == target and measure.route and measure.threshold:
            strictest[measure.route] = min(measure.threshold, strictest.get(measure.route, measure.threshold))
    return _grouped(strictest)


def query_limits(objectives: Objectives) -> tuple[Limit, ...]:
    """How many queries a request of each route may make."""
    return _grouped({route: Decimal(budget) for route, budget in objectives.budgets().items()})


def _grouped(values: Mapping[str, Decimal]) -> tuple[Limit, ...]:
    return tuple(
        Limit(value=value, routes=tuple(sorted(route for route, held in values.items() if held == value)))
        for value in sorted(set(values.values()))
    )
