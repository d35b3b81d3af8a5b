"""What measurements need - a database, servers, an observer - each started when it is first asked for."""

import asyncio
import os
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property
from types import TracebackType
from typing import Self

from tailgate_otel import names
from tailgate_service.postgres.cluster import Cluster

from benchmarks.instrumented import shop
from benchmarks.instrumented.load import closed, connected, request
from benchmarks.instrumented.observer import Observer, by_route, observing, scrape
from benchmarks.instrumented.server import CORE, Server, serving
from benchmarks.instrumented.sides import Side

CONNECTIONS = 8
_OTHER_CORE = 1
_WARM_REQUESTS = 400


class Stand:
    """A context manager. Servers have a core to themselves; the client, which is this process, and all else another."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._serving = ExitStack()
        self._servers: dict[str, Server] = {}
        self._scraped: set[str] = set()

    def __enter__(self) -> Self:
        cores = os.sched_getaffinity(0)
        if not {CORE, _OTHER_CORE} <= cores:
            raise SystemExit(f"servers and clients need a core each, {CORE} and {_OTHER_CORE}; there is {cores}")
        os.sched_setaffinity(0, {_OTHER_CORE})  # whoever is started from here inherits it
        self._stack.callback(os.sched_setaffinity, 0, cores)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.renew()
        self._stack.__exit__(kind, error, trace)

    @cached_property
    def database(self) -> str:
        """Where a real Postgres has the shop's data."""
        cluster = self._stack.enter_context(Cluster())
        cluster.initialise()
        cluster.start()
        asyncio.run(shop.fill(cluster.dsn))
        return cluster.dsn

    @cached_property
    def observer(self) -> Observer:
        """The receiver of all servers' traces."""
        return self._stack.enter_context(observing())

    def server(self, side: Side) -> Server:
        """The server of a side, which has seen every page of the load before."""
        if side.name not in self._servers:
            server = self._serving.enter_context(serving(side, self.database, self.observer.endpoint))
            with connected(server.port, CONNECTIONS) as connections:
                for queries in shop.LOAD:
                    closed(connections, requests(queries), _WARM_REQUESTS)
            self._servers[side.name] = server
        return self._servers[side.name]

    def renew(self) -> None:
        """End all servers: the next asked for are new processes.

        Those of one program differ by two per cent in what a request costs them, from their start to their end, by
        where their memory happens to lie. Whoever measures the same ones again and again does not see that.
        """
        self._serving.close()
        self._servers.clear()
        self._scraped.clear()

    def have_scraped(self, side: Side) -> None:
        """Have the observer scrape a side's metrics, from now on."""
        port = self.server(side).metrics_port
        if side.name not in self._scraped and port is not None:
            self.observer.traces(scraping=port)
            self._scraped.add(side.name)

    def check(self, side: Side) -> None:
        """Raise ``SystemExit`` if what watches a side has failed: it would be measured as cheaper than it is."""
        port = self.server(side).metrics_port
        if port is not None and any(by_route(scrape(port), f"{names.INSTRUMENTATION_ERRORS}_total").values()):
            raise SystemExit(f"instrumentation failed in the server of {side.name}, which therefore was not measured")


def requests(queries: int) -> Sequence[bytes]:
    """A request for every row, to the page that makes so many queries."""
    return [request(shop.LOAD[queries].path(key + 1)) for key in range(shop.ROWS)]
