"""The metrics of one service process."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tailgate_otel import names
from tailgate_otel.config import Config
from tailgate_otel.guard import Guard
from tailgate_otel.histogram import Counter, Histogram

MAX_ROUTES = 200

_HTTP_EDGES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_DB_EDGES = (0.0005, 0.001, 0.0025, *_HTTP_EDGES)
_QUERY_EDGES = (0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100)
_BY_ROUTE = (names.LABEL_METHOD, names.LABEL_ROUTE)
_REASONS = (
    names.KEPT_ERROR,
    names.KEPT_SLOW,
    names.KEPT_BUDGET,
    names.KEPT_N_PLUS_ONE,
    names.KEPT_SAMPLE,
)


class Meters(Collector):
    """Every metric, its labels bounded and its edges holding every threshold of the configuration."""

    def __init__(self, config: Config, guard: Guard) -> None:
        own = (*config.thresholds.values(), *config.edges)
        self.requests = Histogram(
            names.HTTP_SERVER_DURATION,
            "Time from a request's first byte to its response's last.",
            (*_HTTP_EDGES, *own),
            (*_BY_ROUTE, names.LABEL_STATUS),
        )
        self.queries = Histogram(
            names.QUERIES_PER_REQUEST,
            "Statements a request had the database execute.",
            (*_QUERY_EDGES, *config.budgets.values()),
            _BY_ROUTE,
        )
        self.db_time = Histogram(
            names.DB_TIME_PER_REQUEST,
            "Time a request waited for the database, overlapping statements counted once.",
            (*_DB_EDGES, *own),
            _BY_ROUTE,
        )
        self.pool_wait = Histogram(names.DB_POOL_WAIT, "Time to obtain a connection from the pool.", _DB_EDGES)
        self.n_plus_one = Counter(
            names.N_PLUS_ONE, "Requests that repeated one statement so often that it is an N+1.", _BY_ROUTE
        )
        self.kept = Counter(names.TRACES_KEPT, "Traces kept, by reason.", (names.LABEL_REASON,))
        self.over_cap = Counter(
            names.TRACES_OVER_CAP,
            "Traces worth keeping but beyond the cap, by reason.",
            (names.LABEL_REASON,),
        )
        self.spans_dropped = Counter(names.SPANS_DROPPED, "Spans of kept traces that were not exported.")
        self.active: dict[str, int] = {}
        self._guard = guard
        self._errors = Counter(
            names.INSTRUMENTATION_ERRORS, "Failures inside instrumentation, none of which reached a request."
        )
        self._routes = {route.partition(" ")[2] for route in (*config.thresholds, *config.budgets)}
        self._start(config)

    def route(self, template: str) -> str:
        """The label value of a route: itself, until there are too many."""
        if template in self._routes:
            return template
        if len(self._routes) >= MAX_ROUTES:
            return names.OTHER_ROUTE
        self._routes.add(template)
        return template

    def pool_waited(self, seconds: float) -> None:
        """Count one wait for a connection."""
        self.pool_wait.observe((), seconds)

    def collect(self) -> Iterator[Metric]:
        """Every family as it stands; called by the scraper's thread."""
        yield self.requests.family()
        active = GaugeMetricFamily(names.HTTP_SERVER_ACTIVE, "Requests being answered.", labels=(names.LABEL_METHOD,))
        for method, count in list(self.active.items()):
            active.add_metric((method,), count)
        yield active
        for histogram in (self.queries, self.db_time, self.pool_wait):
            yield histogram.family()
        self._errors.totals[()] = self._guard.failures
        for counter in (self.n_plus_one, self.kept, self.over_cap, self.spans_dropped, self._errors):
            yield counter.family()

    def _start(self, config: Config) -> None:
        """Open at 0 what is known beforehand: a rate over a series that begins at 1 misses that one."""
        for route in {*config.thresholds, *config.budgets}:
            method, _, template = route.partition(" ")
            self.requests.start((method, template, "200"))
            self.queries.start((method, template))
            self.db_time.start((method, template))
            self.n_plus_one.add((method, template), 0)
            self.active.setdefault(method, 0)
        for reason in _REASONS:
            self.kept.add((reason,), 0)
            self.over_cap.add((reason,), 0)
        self.pool_wait.start(())
        self.spans_dropped.add((), 0)
