"""The browsers beside a run's load: what is asked for is decided, and what it takes is found, before any starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, cast

from tailgate_loadtest import data
from tailgate_loadtest.browser.conditions import DeviceName, NetworkName
from tailgate_loadtest.browser.found import Browsing, find
from tailgate_loadtest.browser.plan import BrowserPlan, Lane
from tailgate_loadtest.browser.recording import Visit
from tailgate_loadtest.browser.visiting import Visiting
from tailgate_loadtest.errors import PlanError
from tailgate_loadtest.run.plan import Plan
from tailgate_loadtest.run.traces import TraceStore
from tailgate_loadtest.run.visitors import Opening
from tailgate_loadtest.shapes.browsers import Browser, is_script
from tailgate_loadtest.shapes.profile import Profile

from tailgate.console import say

_EXPLAINED = 3
"""Visits of each page and lane, the slowest, whose traces are kept."""


@dataclass(frozen=True, kw_only=True)
class Browsers:
    """What visits beside a load."""

    plan: BrowserPlan
    """Of a host that is not known yet."""
    browsing: Browsing

    @classmethod
    def of(cls, asked: Sequence[Browser], environ: Mapping[str, str]) -> Self | None:
        """What was asked for; None where it was nothing.

        Raises:
            PlanError: it cannot be had.
            BrowserError: no browser is installed, or nothing to drive it; the message says how it is.
        """
        if not asked:
            return None
        plan = BrowserPlan(host="http://localhost", lanes=tuple(_lane(browser) for browser in asked))
        return cls(plan=plan, browsing=find(environ))

    def opening(self, plan: Plan, traces: TraceStore | None = None) -> Opening:
        """What makes them, for a run by that plan, whose service's traces come to ``traces``. Raises PlanError."""
        warmup = plan.load.warmup if isinstance(plan.load, Profile) else 0.0
        own = replace(
            self.plan,
            host=plan.host,
            seed=plan.seed,
            targets=plan.targets,
            insecure=plan.tls.insecure,
            run_secret=plan.run_secret,
            judged_from=warmup,
        )
        watch = _Watch(traces, warmup)

        def opening(directory: Path) -> Visiting:
            return Visiting(own, directory, self.browsing, on_visit=watch, held=True)

        return opening

    @property
    def words(self) -> str:
        """For one line: ``2 browsers visit dashboard (phone 4g), 1 browser visits inbox (desktop)``."""
        return ", ".join(
            f"{lane.count} {'browser visits' if lane.count == 1 else 'browsers visit'} {lane.visit_name} ({lane.name})"
            for lane in self.plan.lanes
        )

    @property
    def record(self) -> list[dict[str, Any]]:
        """As JSON has them."""
        return [
            {
                "visit": lane.visit_name,
                "lane": lane.name,
                "count": lane.count,
                "device": lane.device,
                "network": lane.network,
                "cpu": lane.cpu,
                "every": lane.every,
            }
            for lane in self.plan.lanes
        ]


def warn_without_sandbox(browsing: Browsing) -> None:
    """Say so where nothing but Chromium's own care stands between a page and this machine."""
    if not browsing.sandbox:
        say("as root Chromium has no sandbox: visit pages that you trust, or run this as somebody else")


def _lane(browser: Browser) -> Lane:
    try:
        return Lane(
            visit=Path(browser.visit) if is_script(browser.visit) else data.visit(browser.visit),
            count=browser.count,
            device=cast("DeviceName", browser.device),
            network=cast("NetworkName", browser.network),
            cpu=browser.cpu,
            every=browser.every,
        )
    except PlanError as error:
        raise PlanError(f"browsers of {browser.visit}: {error}") from error


class _Watch:
    """Has the traces of the slowest visits kept, since when all is over most are gone.

    Called with each visit that has ended, by one thread.
    """

    def __init__(self, traces: TraceStore | None, measured_from: float) -> None:
        self._traces = traces
        self._from = measured_from
        self._slowest: dict[tuple[str | None, str, str], list[tuple[float, str]]] = {}
        if traces is not None:
            traces.hold(())

    def __call__(self, visit: Visit) -> None:
        if self._traces is None or visit.failed is not None or visit.began < self._from:
            return
        slowest = self._slowest.setdefault((visit.page, visit.visit, visit.lane), [])
        slowest.append((visit.felt, visit.trace_id))
        slowest.sort(reverse=True)
        del slowest[_EXPLAINED:]
        self._traces.hold([trace for each in self._slowest.values() for _, trace in each])
