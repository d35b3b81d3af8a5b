"""The lean recorder: what a request's record becomes when it ends."""

import os
from asyncio import get_running_loop
from collections import deque
from collections.abc import Iterator
from contextvars import ContextVar
from random import Random
from threading import Lock

from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.sdk.trace.export import SpanExporter
from prometheus_client.process_collector import ProcessCollector

from tailgate_otel import names
from tailgate_otel.account import add_up
from tailgate_otel.call import WIDTH, Rows
from tailgate_otel.config import Config
from tailgate_otel.export import exporters
from tailgate_otel.guard import Guard
from tailgate_otel.keep import Keeper, reason_to_keep
from tailgate_otel.meters import Meters
from tailgate_otel.middleware import FORGOTTEN, Application, Exchange, Middleware
from tailgate_otel.peers import Peers, networks
from tailgate_otel.propagation import Entrance
from tailgate_otel.record import watch_from
from tailgate_otel.routes import Route, Routes
from tailgate_otel.scrape import MetricsServer, Source, serve
from tailgate_otel.synthetic import Synthetic
from tailgate_otel.traces import Traces

_SERVER_ERROR = 500
# Requests that have ended are worked out so many together, or after so many seconds: code that runs in a row
# costs a third of what it costs between two waits.
_TOGETHER = 50
_WITHIN = 0.05
# Values are counted into histograms so many together, or when these are asked for: a seventh of a millisecond's work.
_COUNT_FROM = 1_500


class Recorder:
    """Records an ASGI application: metrics of every request, traces of those worth keeping.

    Args:
        config: what to record and where to.
        exporter: where kept traces go; without one, to the configuration's OTLP endpoint and file; without
            those, nowhere.

    Attributes:
        tracer_provider: for application code and other instrumentations, which are given it, or find it when it is
            made the global one. Their spans nest in the traces of requests and are kept or not with them; outside of
            requests they are sampled by ``sample_ratio``.
        exporting: whether kept traces go anywhere just now.

    Raises:
        ConfigError: a limit of spans in OpenTelemetry's own environment variables cannot be read.

    Example:
        recorder = Recorder(Config.from_env(service_name="shop"))
        recorder.start()
        app = recorder.middleware(app)
        opentelemetry.trace.set_tracer_provider(recorder.tracer_provider)

    """

    def __init__(self, config: Config, *, exporter: SpanExporter | None = None) -> None:
        self.config = config
        self.guard = Guard()
        self.meters = Meters(config, self.guard)
        self.keeper = Keeper(config)
        self.sampled_below = self.keeper.sampled_below
        self.secret = None if config.run_secret is None else config.run_secret.encode()
        self.peers = Peers(networks(config.trusted_peers))
        self.watch_from = watch_from(config.n_plus_one)
        self.random = Random()  # noqa: S311 - ids, not secrets
        # Forked processes that shared its state would give out the same ids.
        os.register_at_fork(after_in_child=self.random.seed)
        self.context = _context_variable()
        # Those that nothing but numbers is remembered of are tuples of these.
        self._ended: deque[Exchange | tuple[Route, int, int, int, Rows, Rows]] = deque()
        self._settling = Lock()
        self._arrived = 0
        self._routes = Routes(self.meters, self.keeper)
        self._synthetic = Synthetic()
        self._exporter = exporter
        self.exporting = False
        self.entrance = Entrance(self.keeper.sampled, self.random, self.guard)
        # The headers that the beginning of a request looks at.
        self.watched = self.entrance.fields | {names.HEADER_RUN_SECRET.encode()}
        self._traces = Traces(config, self.keeper, self.meters, self.guard, self.random)
        self.tracer_provider = self._traces.tracer_provider
        self._server: MetricsServer | None = None
        self._sources: list[Source] = []

    @property
    def metrics_port(self) -> int:
        """The port the metrics are served on; the configured one while they are not."""
        return self._server.port if self._server else self.config.metrics_port

    def middleware(self, app: Application) -> Middleware:
        """The application, recorded."""
        return Middleware(app, self)

    def show(self, source: Source) -> None:
        """Let the metrics page show the families of ``source`` as well, from now on."""
        self._sources.append(source)

    def start(self) -> None:
        """Serve the metrics and begin to export. The application may be served before, unexported.

        Raises:
            ConfigError: the traces cannot be exported to where the configuration says.
            MetricsPortError: none of the ports can be listened on.

        """
        destinations = exporters(self.config) if self._exporter is None else [self._exporter]
        self._server = serve(self.config, self, [ProcessCollector(registry=None)])
        if destinations:
            self._traces.export_to(destinations)
            self.exporting = True

    def flush(self) -> None:
        """Export the traces kept so far; waits for the receiver."""
        self.settle()
        self._traces.flush()

    def close(self) -> None:
        """Export what is queued, within a few seconds, and stop serving metrics. May be called twice."""
        self.settle()
        self.exporting = False
        self._traces.close()
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def finish(self, exchange: Exchange) -> None:
        """A request has ended: once it becomes metrics, and maybe a trace."""
        exchange.finished = True
        if exchange.open:
            exchange.close()
        self.meters.active[exchange.method] -= 1
        try:
            route = self._routes.of(exchange.method, exchange.scope, exchange.root_path)
            if self._synthetic(exchange.scope["headers"]):
                route = self._routes.tested(route)
            exchange.route = route
            # A response that never began, or broke off, is the server's error whatever its first line said.
            if exchange.error is not None or not exchange.status:
                exchange.status = _SERVER_ERROR
            ended = self._ended
            if (
                exchange.span.sampled
                or exchange.status >= _SERVER_ERROR
                or exchange.ended - exchange.started > route.slow_above
                or len(exchange.rows) > route.budget * WIDTH
                or exchange.repetitions is not None
                or route.growth
            ):
                ended.append(exchange)
            else:
                # There is no reason to keep the trace, as with most requests: nothing but numbers is remembered.
                exchange.span.over()
                exchange.scope = FORGOTTEN
                ended.append((route, exchange.status, exchange.started, exchange.ended, exchange.rows, exchange.waits))
            if len(ended) >= _TOGETHER:
                self._settle()
            elif len(ended) == 1:
                self._settle_soon()
        except Exception as failure:  # noqa: BLE001 - counted by the guard
            self.guard.caught(failure)

    def _settle_soon(self) -> None:
        try:
            get_running_loop().call_later(_WITHIN, self._settle)
        except RuntimeError:  # another kind of loop, or none
            self.settle()

    def settle(self) -> None:
        """Work out what the requests that have ended come to, all of them, now."""
        with self._settling:
            self._measure_all()

    def text(self, openmetrics: bool) -> Iterator[str]:
        """Every metric as it stands; called by the scraper's thread."""
        with self._settling:
            self._measure_all()
            self.meters.count()
        yield from self.meters.text(openmetrics)
        for source in list(self._sources):
            yield from source.text(openmetrics)

    def _settle(self) -> None:
        # The event loop does not wait for a scrape: whoever has the lock takes nearly all of these, too.
        if not self._settling.acquire(blocking=False):
            self._settle_soon()
            return
        try:
            self._measure_all()
        finally:
            self._settling.release()

    def _measure_all(self) -> None:
        ended = self._ended
        while ended:
            one = ended.popleft()
            try:
                if isinstance(one, tuple):
                    route, status, started, closed, rows, waits = one
                    queries, database = add_up(rows, waits, closed, self.meters)
                    self._measure(route, status, closed - started, queries, database)
                else:
                    self._judge(one)
            except Exception as failure:  # noqa: BLE001 - counted by the guard
                self.guard.caught(failure)

    def _measure(self, route: Route, status: int, duration: int, queries: int, database: int) -> None:
        (route.requests.get(status) or route.answered(status)).append(duration)
        route.queries.append(queries)
        route.database.append(database)
        self._arrived += 3 + queries
        if self._arrived >= _COUNT_FROM:
            self._arrived = 0
            self.meters.count()

    def _judge(self, exchange: Exchange) -> None:
        """Measure a request whose trace there may be a reason to keep, and keep it if there is."""
        route, status, duration = exchange.route, exchange.status, exchange.ended - exchange.started
        try:
            queries, database = exchange.add_up(self.meters)
            self._measure(route, status, duration, queries, database)
            repeated = exchange.repetitions is not None and exchange.repetitions.found
            if repeated or route.growth:
                route.grow(exchange)
            reason = reason_to_keep(
                failed=status >= _SERVER_ERROR,
                slow=duration > route.slow_above,
                over_budget=queries > route.budget,
                repeated=repeated,
                forced=exchange.forced,
                sampled=exchange.span.sampled,
            )
            if reason is not None:
                self._traces.keep(exchange, reason)
        finally:
            exchange.span.over()
            # What the server and the application hold leads here by the scope.
            exchange.scope = FORGOTTEN


def _context_variable() -> ContextVar[Context]:
    """Where OpenTelemetry keeps its current context, so that a request need not ask three functions to set it."""
    token = attach(get_current())
    detach(token)
    return token.var
