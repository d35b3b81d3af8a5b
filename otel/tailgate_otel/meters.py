"""The metrics of one service process."""

from collections.abc import Iterator
from typing import TypeVar

from tailgate_otel import names
from tailgate_otel.bounded import Bounded
from tailgate_otel.call import TRANSACTION, WAIT, Call
from tailgate_otel.config import Config
from tailgate_otel.exposition import gauge
from tailgate_otel.guard import Guard
from tailgate_otel.histogram import Counter, Histogram
from tailgate_otel.pools import Pool, Pools
from tailgate_otel.statement import MAX_TEXT

MAX_ROUTES = 200
MAX_OPERATIONS = 50
MAX_ERROR_TYPES = 30
MAX_POOLS = 20
# Texts of statements whose series is remembered.
_MAX_TEXTS = 2000

_HTTP_EDGES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_DB_EDGES = (0.0005, 0.001, 0.0025, *_HTTP_EDGES)
_QUERY_EDGES = (0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100)
_NANOSECONDS = 1e9
_BY_ROUTE = (names.LABEL_METHOD, names.LABEL_ROUTE)
_OTHER_ROUTE = (names.OTHER_METHOD, names.OTHER_ROUTE)
_REASONS = (
    names.KEPT_ERROR,
    names.KEPT_SLOW,
    names.KEPT_BUDGET,
    names.KEPT_N_PLUS_ONE,
    names.KEPT_SAMPLE,
    names.KEPT_FORCED,
)
# What a route will answer: how it succeeds, by its method, and the failures that spend an error budget.
_SUCCESSES = {"POST": ("200", "201"), "PUT": ("200", "201"), "DELETE": ("200", "204")}
_FAILURES = ("500", "503")
_OPERATIONS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_Known = TypeVar("_Known")


class Meters:
    """Every metric, its labels bounded and its edges holding every threshold of the configuration."""

    def __init__(self, config: Config, guard: Guard) -> None:
        own = (*config.thresholds.values(), *config.edges)
        self.requests = Histogram(
            names.HTTP_SERVER_DURATION,
            "Time from a request's first byte to its response's last.",
            (*_HTTP_EDGES, *own),
            (*_BY_ROUTE, names.LABEL_STATUS, names.LABEL_SYNTHETIC),
            (*_OTHER_ROUTE, names.OTHER_STATUS),
            scale=_NANOSECONDS,
        )
        self.queries = Histogram(
            names.QUERIES_PER_REQUEST,
            "Statements a request had the database execute.",
            (*_QUERY_EDGES, *config.budgets.values()),
            (*_BY_ROUTE, names.LABEL_SYNTHETIC),
            _OTHER_ROUTE,
        )
        self.db_time = Histogram(
            names.DB_TIME_PER_REQUEST,
            "Time a request waited for the database, overlapping statements counted once.",
            (*_DB_EDGES, *own),
            (*_BY_ROUTE, names.LABEL_SYNTHETIC),
            _OTHER_ROUTE,
            scale=_NANOSECONDS,
        )
        self.operations = Histogram(
            names.DB_OPERATION_DURATION,
            "Time from sending a statement to its answer.",
            (*_DB_EDGES, *own),
            (names.LABEL_DB_SYSTEM, names.LABEL_DB_OPERATION, names.LABEL_ERROR_TYPE),
            (names.DB_SYSTEM, names.OTHER_OPERATION, names.OTHER_ERROR_TYPE),
            scale=_NANOSECONDS,
        )
        self.pool_wait = Histogram(
            names.DB_POOL_WAIT,
            "Time to obtain a connection from the pool.",
            (*_DB_EDGES, *own),
            (names.LABEL_POOL,),
            (names.OTHER_POOL,),
            scale=_NANOSECONDS,
        )
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
        self.pools = Pools(guard)
        self._guard = guard
        self._errors = Counter(
            names.INSTRUMENTATION_ERRORS, "Failures inside instrumentation, none of which reached a request."
        )
        configured = {route.partition(" ")[2] for route in (*config.thresholds, *config.budgets)}
        self.route = Bounded(MAX_ROUTES, names.OTHER_ROUTE, configured)
        self._operation = Bounded(MAX_OPERATIONS, names.OTHER_OPERATION, _OPERATIONS)
        self._error_type = Bounded(MAX_ERROR_TYPES, names.OTHER_ERROR_TYPE, ("",))
        self._pool_name = Bounded(MAX_POOLS, names.OTHER_POOL)
        self.known: dict[str, tuple[int, list[int] | None]] = {}
        self.waited: dict[str, list[int]] = {}
        self._expected = sorted({*config.thresholds, *config.budgets})
        self._start()

    def operation_ended(self, operation: str, error_type: str, nanoseconds: int) -> None:
        """Count one statement; ``error_type`` is empty, an SQLSTATE or the name of an exception's class."""
        key = (names.DB_SYSTEM, operation, error_type)
        if key not in self.operations:
            key = (names.DB_SYSTEM, self._operation(operation), self._error_type(error_type))
        self.operations.observe(key, nanoseconds)

    def pool_waited(self, pool_name: str, nanoseconds: int) -> None:
        """Count one wait for a connection."""
        self.pool_wait.observe((self._pool_name(pool_name),), nanoseconds)

    def count(self) -> None:
        """Count the values that have been put where they arrive; nobody may put any meanwhile."""
        for histogram in (self.requests, self.queries, self.db_time, self.operations, self.pool_wait):
            histogram.count()

    def call_ended(self, call: Call) -> None:
        """Count a call of a record: a statement, or a wait for a connection, whose text is the pool's name."""
        spent = call.ended - call.started
        if call.kind == WAIT:
            self.pool_waited(call.text, spent)
        elif call.kind <= TRANSACTION:
            self.operation_ended(call.statement.operation, call.error_type, spent)

    def learn(self, call: Call) -> None:
        """Remember what a text is for, as its text says, and where it arrives when it does not fail."""
        if call.kind == WAIT:
            _remember(self.waited, call.text, self.pool_wait.arrivals((self._pool_name(call.text),)))
            return
        arrivals = None
        if call.kind <= TRANSACTION:
            arrivals = self.operations.arrivals((names.DB_SYSTEM, self._operation(call.statement.operation), ""))
        _remember(self.known, call.text, (call.kind, arrivals))

    def watch(self, pool: Pool, name: str) -> None:
        """Show how full a pool is from now on, until it is closed or gone."""
        name = self._pool_name(name)
        self.pool_wait.cells((name,))
        self.pools.watch(pool, name)

    def text(self, openmetrics: bool) -> Iterator[str]:
        """Every family as it stands, in small pieces; called by the scraper's thread."""
        yield from self.requests.text(openmetrics)
        yield gauge(
            names.HTTP_SERVER_ACTIVE,
            "Requests being answered.",
            (names.LABEL_METHOD,),
            {(method,): count for method, count in list(self.active.items())},
        )
        for histogram in (self.queries, self.db_time, self.operations, self.pool_wait):
            yield from histogram.text(openmetrics)
        yield from self.pools.text()
        self._errors.totals[()] = self._guard.failures
        for counter in (self.n_plus_one, self.kept, self.over_cap, self.spans_dropped, self._errors):
            yield from counter.text(openmetrics)

    def expect(self, *said: str) -> None:
        """Open the routes with an objective at 0: a rate over a series that begins at 1 misses that one.

        ``said`` is what the series of load tests say beyond the others.
        """
        for route in self._expected:
            method, _, template = route.partition(" ")
            for status in (*_SUCCESSES.get(method, ("200",)), *_FAILURES):
                self.requests.cells((method, template, status, *said))
            self.queries.cells((method, template, *said))
            self.db_time.cells((method, template, *said))

    def _start(self) -> None:
        """Open at 0 what is known beforehand."""
        self.expect()
        for route in self._expected:
            method, _, template = route.partition(" ")
            self.n_plus_one.add((method, template), 0)
            self.active.setdefault(method, 0)
        for operation in _OPERATIONS:
            self.operations.cells((names.DB_SYSTEM, operation, ""))
        for reason in _REASONS:
            self.kept.add((reason,), 0)
            self.over_cap.add((reason,), 0)
        self.spans_dropped.add((), 0)


def _remember(known: dict[str, _Known], text: str, what: _Known) -> None:
    if len(text) <= MAX_TEXT:
        if len(known) >= _MAX_TEXTS:
            known.clear()
        known[text] = what
