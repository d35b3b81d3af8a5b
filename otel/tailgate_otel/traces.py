"""The traces of one application: those of its requests that are kept, on their way out of the process."""

import os
import socket
from collections.abc import Iterable
from random import Random

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExporter

from tailgate_otel import names
from tailgate_otel.config import Config
from tailgate_otel.export import Shipper
from tailgate_otel.guard import Guard
from tailgate_otel.keep import Keeper
from tailgate_otel.meters import Meters
from tailgate_otel.middleware import Exchange
from tailgate_otel.nesting import TailProcessor, tracer_provider
from tailgate_otel.trace import Answer, spans

_USER_AGENT = names.HEADER_USER_AGENT.encode()


class Traces:
    """Keeps traces, as many as the caps have room for, and exports them once it is told where to.

    Attributes:
        tracer_provider: for application code and other instrumentations; what it makes within a request is kept or not
            with the request's trace.

    Raises:
        ConfigError: a limit of spans in OpenTelemetry's own environment variables cannot be read.

    """

    def __init__(self, config: Config, keeper: Keeper, meters: Meters, guard: Guard, random: Random) -> None:
        self._keeper = keeper
        self._meters = meters
        self._guard = guard
        self._random = random
        self._resource = Resource.create(
            {
                names.ATTR_SERVICE_NAME: config.service_name,
                names.ATTR_SERVICE_VERSION: config.service_version,
                names.ATTR_SERVICE_INSTANCE: f"{socket.gethostname()}:{os.getpid()}",
            }
        )
        self._tail = TailProcessor(guard)
        self.tracer_provider = tracer_provider(self._tail, keeper.sampled, random, self._resource)

    def export_to(self, destinations: Iterable[SpanExporter]) -> None:
        """Export what is kept from now on."""
        self._tail.shipper = Shipper(destinations, self._meters.spans_dropped)

    def flush(self) -> None:
        """Export what was kept so far; waits for the receiver."""
        if self._tail.shipper is not None:
            self._tail.shipper.flush()

    def close(self) -> None:
        """Export what is queued, within a few seconds, and nothing from then on. May be called twice."""
        shipper, self._tail.shipper = self._tail.shipper, None
        if shipper is not None:
            shipper.close()

    def keep(self, exchange: Exchange, reason: str) -> None:
        """Keep the trace of a request that has ended, if the caps have room for it."""
        request, route, status, meters = exchange.span, exchange.route, exchange.status, self._meters
        # What chance has chosen stands for others, so it must not depend on how many others have its reason.
        chosen = request.sampled and self._keeper.admit(route.name, names.KEPT_SAMPLE)
        if not chosen and not self._keeper.admit(route.name, reason):
            meters.over_cap.add((reason,))
            return
        meters.kept.add((reason,))
        shipper = self._tail.shipper
        if shipper is None:
            return

        account = exchange.account
        # Nothing of the exchange may wait in the queue: by its error it holds the frames of the application.
        trace_id, duration = f"{request.trace_id:032x}", exchange.ended - exchange.started

        def exported() -> None:
            with self._guard:
                meters.requests.exemplify(route.answers(status), duration, trace_id)
                meters.queries.exemplify(route.labels, account.queries, trace_id)
                meters.db_time.exemplify(route.labels, account.database, trace_id)

        answer = _answer(exchange, reason)
        nested, running = request.settle(kept=True)
        made = spans(exchange, account, request, answer, nested, self._resource, self._random)
        if shipper.ship(made, exchange.calls_dropped + request.spans_dropped, exported):
            self._tail.follow(running)
        else:
            request.kept = False
            shipper.drop(len(running))


def _answer(exchange: Exchange, reason: str) -> Answer:
    scope, route = exchange.scope, exchange.route
    agent = next((value for name, value in scope["headers"] if name == _USER_AGENT), b"")
    return Answer(
        method=exchange.method,
        route=route.key[1],
        path=scope["path"],
        scheme=scope.get("scheme", "http"),
        user_agent=agent.decode("latin-1"),
        status=exchange.status,
        error=exchange.error,
        reason=reason,
        endpoint=scope.get("endpoint"),
        growth={text: growth.slope for text, growth in route.growth.items()},
    )
