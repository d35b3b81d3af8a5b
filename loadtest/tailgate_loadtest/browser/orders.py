"""What the runner is told: a plan, and what it needs to carry it out, as one JSON object."""

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tailgate_otel import names

from tailgate_loadtest.browser.conditions import DEVICES, NETWORKS
from tailgate_loadtest.browser.found import MEASURE, Browsing
from tailgate_loadtest.browser.plan import BrowserPlan, Lane
from tailgate_loadtest.browser.recording import PICTURES


def orders(plan: BrowserPlan, directory: Path, browsing: Browsing) -> dict[str, Any]:
    """The plan, with everything in seconds and bytes; the run's secret is in it."""
    return {
        "driver": str(browsing.driver / "index.mjs"),
        "chromium": str(browsing.chromium),
        "sandbox": browsing.sandbox,
        "measure": str(MEASURE),
        "directory": str(directory.resolve()),
        "picturesBelow": PICTURES,
        "host": plan.host,
        "targets": str(plan.targets.resolve()) if plan.targets else None,
        "seed": plan.seed,
        "pictures": plan.pictures,
        "insecure": plan.insecure,
        "within": plan.visit_within,
        "agent": f"tailgate/{version('tailgate-loadtest')} ({names.SYNTHETIC_AGENT})",
        "traceparent": names.HEADER_TRACEPARENT,
        "secret": {names.HEADER_RUN_SECRET: plan.run_secret} if plan.run_secret else {},
        "lanes": [_lane(lane) for lane in plan.lanes],
    }


def _lane(lane: Lane) -> dict[str, Any]:
    network = NETWORKS[lane.network]
    return {
        "script": str(lane.visit.resolve()) if lane.visit else None,
        "visit": lane.visit_name,
        "name": lane.name,
        "count": lane.count,
        "device": asdict(DEVICES[lane.device]),
        "network": asdict(network) if network else None,
        "cpu": lane.cpu,
        "every": lane.every,
        "visits": lane.visits,
    }
