"""The routes of an application as they are counted: the labels of each, its limits, and its series."""

from collections.abc import MutableMapping
from typing import Any

from tailgate_otel import names
from tailgate_otel.keep import Keeper
from tailgate_otel.meters import Meters
from tailgate_otel.record import Record
from tailgate_otel.repetition import Growth, rows_before
from tailgate_otel.route import status_label, template_of

# Statements of a route whose growth is followed, and routes whose template is remembered.
_MAX_GROWING = 20
_MAX_KNOWN = 1000


class Route:
    """What the end of every request to a route needs.

    Attributes:
        name: ``METHOD template``.
        key: method and template, the values of the labels.
        said: what the series of load tests say beyond that; nothing for visitors.
        labels: both.
        slow_above: nanoseconds.
        budget: queries.
        queries, database: where these arrive to be counted.
        requests: where durations arrive, by the statuses seen.
        tested: the same route for the requests of load tests, once there have been any.
        growth: how the statements of an N+1 grow with the data.

    """

    __slots__ = (
        "_meters",
        "budget",
        "database",
        "growth",
        "key",
        "labels",
        "name",
        "queries",
        "requests",
        "said",
        "slow_above",
        "tested",
    )

    def __init__(self, method: str, template: str, meters: Meters, keeper: Keeper, *said: str) -> None:
        self.name = f"{method} {template}"
        self.key = (method, template)
        self.said = said
        self.labels = (*self.key, *said)
        self.tested: Route | None = None
        seconds, self.budget = keeper.limits(self.name)
        self.slow_above = round(seconds * 1e9)
        self.queries = meters.queries.arrivals(self.labels)
        self.database = meters.db_time.arrivals(self.labels)
        self.requests: dict[int, list[int]] = {}
        self.growth: dict[str, Growth] = {}
        self._meters = meters

    def answers(self, status: int) -> tuple[str, ...]:
        """The values of the labels of requests that were answered so."""
        return (*self.key, status_label(status), *self.said)

    def answered(self, status: int) -> list[int]:
        """Where the durations of requests with a status arrive that has not been seen here."""
        key = self.answers(status)
        arrivals = self._meters.requests.arrivals(key)
        # Statuses that are none share a series, and are not remembered one by one.
        if names.OTHER_STATUS not in key[2:]:
            self.requests[status] = arrivals
        return arrivals

    def grow(self, record: Record) -> None:
        """Follow the statements of every N+1 found here, in this request and in all after it."""
        found = record.n_plus_one
        if found:
            self._meters.n_plus_one.add(self.key)
        for text, _ in found:
            if text not in self.growth and len(self.growth) < _MAX_GROWING:
                self.growth[text] = Growth()
        calls = record.calls
        for text, growth in self.growth.items():
            growth.add(*rows_before(calls, text))


class Routes:
    """Finds the route that answered a request. There are as many as there may be; all others share one."""

    def __init__(self, meters: Meters, keeper: Keeper) -> None:
        self._meters = meters
        self._keeper = keeper
        self._routes: dict[tuple[str, str], Route] = {}
        self._known: dict[int, tuple[object, int, Route]] = {}
        self._testing = False

    def of(self, method: str, scope: MutableMapping[str, Any], root_path: str) -> Route:
        """The route that a framework has left in a scope; ``root_path`` is that of the scope before."""
        answered, segments = scope.get("route"), scope["path"].count("/")
        # Where each segment is matched by one segment, the same number of them means the same template again.
        known = self._known.get(id(answered))
        if (
            known is not None
            and known[0] is answered
            and known[1] == segments
            and known[2].key[0] == method
            and not root_path
        ):
            return known[2]
        template = template_of(scope, root_path)
        route = self._routes.get((method, template)) or self._bounded(method, self._meters.route(template))
        if template == getattr(answered, "path", "") and ":path}" not in template and len(self._known) < _MAX_KNOWN:
            self._known[id(answered)] = answered, segments, route
        return route

    def tested(self, route: Route) -> Route:
        """The route for the requests of load tests, which are counted apart."""
        if route.tested is None:
            if not self._testing:
                self._testing = True
                self._meters.expect(names.SYNTHETIC_TEST)
            tested = route.tested = Route(*route.key, self._meters, self._keeper, names.SYNTHETIC_TEST)
            # What is found of a statement's growth holds for both.
            tested.growth = route.growth
        return route.tested

    def _bounded(self, method: str, template: str) -> Route:
        route = self._routes.get((method, template))
        if route is None:
            route = self._routes[method, template] = Route(method, template, self._meters, self._keeper)
        return route
