"""A run of some time ago, as a comparison needs it: its plan and place, and of each route what its requests did."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from tailgate_loadtest.judge.kept import check_log
from tailgate_loadtest.judge.verdict import lacking
from tailgate_loadtest.judge.windows import Windows, cut
from tailgate_loadtest.measure.hlog import LatencyLog
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import RunDocument
from tailgate_loadtest.run.found import name, side_of
from tailgate_loadtest.run.server import SCHEMA as SERVER_SCHEMA
from tailgate_loadtest.run.server import QueryCounts, ServerCounters


@dataclass(frozen=True, kw_only=True)
class Past:
    """One run, read."""

    bundle: Bundle
    run: RunDocument
    together: bool
    """It was loaded together with another side, and got a share of the arrivals."""
    routes: Mapping[str, Windows]
    """Of every route with a request that was judged; seconds."""
    queries: Mapping[str, QueryCounts]
    digest: str
    """Its name and the SHA-256 of its latency log: those of a copy are the same."""

    @property
    def name(self) -> str:
        """Where it is, as it was given."""
        return name(self.bundle.path)

    @property
    def requests(self) -> int:
        """All requests that were judged."""
        return sum(int(each.total.sum()) for each in self.routes.values())

    @property
    def unsound(self) -> list[str]:
        """Why it can say nothing of response times and failures; nothing where it can."""
        run = self.run
        lost = sum(route.lost for route in run.routes)
        return [
            *([f"it was ended by {run.interrupted}"] if run.interrupted else []),
            *(f"its generator was not healthy: {reason}" for reason in run.generator.reasons[:1]),
            *([f"{lost} of its requests have no known end, because a worker was lost"] if lost else []),
            *lacking(run),
            *([] if self.requests else ["it measured no request"]),
        ]


def read(bundle: Bundle) -> Past:
    """A bundle's run.

    Raises:
        BundleError: it is incomplete or damaged, or its files are not of one run.
    """
    run = bundle.read_run()
    server = ServerCounters.of(bundle.read_json("server.json", "tailgate/server/v", SERVER_SCHEMA))
    # Not by the bundle, which would keep it: of many runs, only what is needed stays in memory.
    log = LatencyLog.load(bundle.log)
    check_log(bundle, run, log)
    cuts = {route: cut(log, route, run.measured_from, run.seconds) for route in log.routes}
    return Past(
        bundle=bundle,
        run=run,
        together=side_of(bundle.path) is not None,
        routes={route: windows for route, windows in cuts.items() if windows.total.any() or windows.lost.any()},
        queries=server.queries(),
        digest=f"{run.id} {hashlib.sha256(bundle.log.read_bytes()).hexdigest()}",
    )
