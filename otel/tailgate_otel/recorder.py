"""The lean recorder: what a request's record becomes when it ends."""

import os
import socket
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExporter
from prometheus_client.process_collector import ProcessCollector

from tailgate_otel import names
from tailgate_otel.config import Config
from tailgate_otel.export import Shipper, exporters
from tailgate_otel.guard import Guard
from tailgate_otel.keep import Keeper, reason_to_keep
from tailgate_otel.meters import Meters
from tailgate_otel.middleware import Application, Exchange, Middleware
from tailgate_otel.nesting import TailProcessor, tracer_provider
from tailgate_otel.propagation import Entrance
from tailgate_otel.route import status_label, template_of
from tailgate_otel.scrape import MetricsServer, serve
from tailgate_otel.trace import Answer, spans

_SERVER_ERROR = 500
_USER_AGENT = names.HEADER_USER_AGENT.encode()


class _Route(NamedTuple):
    """What the end of every request to a route needs: its labels and its limits."""

    name: str
    key: tuple[str, str]
    slow_above: float
    budget: float


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
        self.secret = None if config.run_secret is None else config.run_secret.encode()
        self.random = Random()  # noqa: S311 - ids, not secrets
        # Forked processes that shared its state would give out the same ids.
        os.register_at_fork(after_in_child=self.random.seed)
        self._routes: dict[tuple[str, str], _Route] = {}
        self._exporter = exporter
        self._resource = Resource.create(
            {
                names.ATTR_SERVICE_NAME: config.service_name,
                names.ATTR_SERVICE_VERSION: config.service_version,
                names.ATTR_SERVICE_INSTANCE: f"{socket.gethostname()}:{os.getpid()}",
            }
        )
        self._shipper: Shipper | None = None
        self.entrance = Entrance(self.keeper.sampled, self.random, self.guard)
        self._tail = TailProcessor(self.guard)
        self.tracer_provider = tracer_provider(self._tail, self.keeper.sampled, self.random, self._resource)
        self._server: MetricsServer | None = None

    @property
    def metrics_port(self) -> int:
        """The port the metrics are served on; the configured one while they are not."""
        return self._server.port if self._server else self.config.metrics_port

    def middleware(self, app: Application) -> Middleware:
        """The application, recorded."""
        return Middleware(app, self)

    def start(self) -> None:
        """Serve the metrics and begin to export. The application may be served before, unexported.

        Raises:
            ConfigError: the traces cannot be exported to where the configuration says.
            MetricsPortError: none of the ports can be listened on.

        """
        destinations = exporters(self.config) if self._exporter is None else [self._exporter]
        self._server = serve(self.config, self.meters, [ProcessCollector(registry=None)])
        if destinations:
            self._shipper = self._tail.shipper = Shipper(destinations, self.meters.spans_dropped)

    def flush(self) -> None:
        """Export the traces kept so far; waits for the receiver."""
        if self._shipper is not None:
            self._shipper.flush()

    def close(self) -> None:
        """Export what is queued, within a few seconds, and stop serving metrics. May be called twice."""
        shipper, self._shipper, self._tail.shipper = self._shipper, None, None
        if shipper is not None:
            shipper.close()
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def begin(self, exchange: Exchange) -> None:
        """A request has begun."""
        active = self.meters.active
        active[exchange.method] = active.get(exchange.method, 0) + 1

    def finish(self, exchange: Exchange, error: BaseException | None) -> None:
        """A request has ended: once it becomes metrics, and maybe a trace."""
        if exchange.finished:
            return
        exchange.finished = True
        if exchange.record.open:
            exchange.record.close()
        self.meters.active[exchange.method] -= 1
        with self.guard:
            self._measure(exchange, error)
        if not exchange.span.ended:
            exchange.span.settle(kept=False)

    def _route(self, exchange: Exchange) -> _Route:
        method, template = exchange.method, template_of(exchange.scope, exchange.root_path)
        route = self._routes.get((method, template))
        if route is None:
            bounded = self.meters.route(template)
            name = f"{method} {bounded}"
            slow_above, budget = self.keeper.limits(name)
            route = _Route(name=name, key=(method, bounded), slow_above=slow_above, budget=budget)
            if bounded == template:
                self._routes[method, template] = route
        return route

    def _measure(self, exchange: Exchange, error: BaseException | None) -> None:
        record, meters, route = exchange.record, self.meters, self._route(exchange)
        # A response that never began, or broke off, is the server's error whatever its first line said.
        status = exchange.status if error is None and exchange.status else _SERVER_ERROR
        request_key = (*route.key, status_label(status))
        duration, queries = record.ended - record.started, record.queries
        meters.requests.observe(request_key, duration)
        meters.queries.observe(route.key, queries)
        meters.db_time.observe(route.key, record.database)
        if record.repeated:
            meters.n_plus_one.add(route.key)
        reason = reason_to_keep(
            failed=status >= _SERVER_ERROR,
            slow=duration / 1e9 > route.slow_above,
            over_budget=queries > route.budget,
            repeated=record.repeated,
            sampled=exchange.span.sampled,
        )
        if reason is None:
            return
        if not self.keeper.admit(route.name, reason):
            meters.over_cap.add((reason,))
            return
        meters.kept.add((reason,))

        def exported() -> None:
            with self.guard:
                trace_id = f"{exchange.span.trace_id:032x}"
                meters.requests.exemplify(request_key, duration, trace_id)
                meters.queries.exemplify(route.key, queries, trace_id)
                meters.db_time.exemplify(route.key, record.database, trace_id)

        if self._shipper is not None:
            self._ship(self._shipper, exchange, self._answer(exchange, route, status, error, reason), exported)

    def _answer(
        self, exchange: Exchange, route: _Route, status: int, error: BaseException | None, reason: str
    ) -> Answer:
        scope = exchange.scope
        agent = next((value for name, value in scope["headers"] if name == _USER_AGENT), b"")
        return Answer(
            method=exchange.method,
            route=route.key[1],
            path=scope["path"],
            scheme=scope.get("scheme", "http"),
            user_agent=agent.decode("latin-1"),
            status=status,
            error=error,
            reason=reason,
            endpoint=scope.get("endpoint"),
        )

    def _ship(self, shipper: Shipper, exchange: Exchange, answer: Answer, exported: Callable[[], None]) -> None:
        record, request = exchange.record, exchange.span
        nested, running = request.settle(kept=True)
        made = spans(record, request, answer, nested, self._resource, self.random)
        if shipper.ship(made, record.calls_dropped + request.spans_dropped, exported):
            self._tail.follow(running)
        else:
            request.kept = False
            shipper.drop(len(running))
