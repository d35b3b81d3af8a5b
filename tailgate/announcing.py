"""Who else is told of a run: a Grafana is given its region, an Alertmanager the silence under which it pages nobody."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from tailgate_dashboards.alerts.alertmanager import Alertmanager
from tailgate_dashboards.alerts.silence import silenced
from tailgate_dashboards.errors import DashboardError
from tailgate_dashboards.grafana.region import Region, Told
from tailgate_dashboards.rules import identity_of
from tailgate_loadtest.judge.document import VerdictDocument
from tailgate_loadtest.run.document import RunDocument
from tailgate_loadtest.run.plan import Plan
from tailgate_loadtest.shapes.profile import Profile
from tailgate_otel import names

from tailgate.console import say
from tailgate.errors import CommandError

_TIMEOUT = 3.0
"""Seconds to wait for either: a run that is ended is to end soon."""
_START = 30.0
"""Seconds that an engine may take before the load's own time runs."""


def announcer_for(grafana: str | None, token_file: Path | None, alertmanager: str | None) -> "Announcer":
    """Who tells those that the options name.

    Raises:
        CommandError: a token file is of no use.
        DashboardError: an address is none, or no Grafana is there.

    """
    region = None
    if grafana:
        # With it comes its client, which takes a quarter of a second to import.
        from tailgate.grafana import connect

        region = Region(connect(grafana, token_file, os.environ, timeout=_TIMEOUT))
    return Announcer(region, Alertmanager(alertmanager, timeout=_TIMEOUT) if alertmanager else None)


class Announcer:
    """Tells others of one run.

    Args:
        region: the run's region in a Grafana.
        alertmanager: who is not to page while the load is on.

    """

    def __init__(self, region: Region | None, alertmanager: Alertmanager | None) -> None:
        self._region = region
        self._alertmanager = alertmanager
        self._told: Told | None = None

    @contextmanager
    def load(self, plan: Plan) -> Iterator[None]:
        """Within, there are the silence and the region of the plan's load.

        Raises:
            CommandError: nobody can say what to silence, or for how long.
            DashboardError: an Alertmanager or a Grafana refuses.

        """
        # The silence is the first to end: what follows may wait for a Grafana.
        with self._marked(plan), self._quiet(plan):
            yield

    def conclude(self, run: RunDocument, verdict: VerdictDocument, report: Path) -> None:
        """Tell how it ended; a Grafana that cannot be told changes nothing about that."""
        if self._region and self._told:
            told = replace(
                self._told,
                start=run.began,
                end=run.began + run.seconds,
                run=run.id,
                verdict=verdict.verdict,
                reasons=verdict.reasons,
                report=str(report.resolve()),
            )
            try:
                self._region.conclude(told)
            except DashboardError as error:
                say(f"the run's region does not say how it ended: {error}")

    @contextmanager
    def _marked(self, plan: Plan) -> Iterator[None]:
        if self._region is None:
            yield
            return
        self._told = _told(plan)
        self._region.begin(self._told)
        try:
            yield
        except BaseException:  # there was no load, whatever ended it
            try:
                self._region.withdraw()
            except DashboardError as error:
                say(f"the region of a load that was none is left: {error}")
            raise

    @contextmanager
    def _quiet(self, plan: Plan) -> Iterator[None]:
        if self._alertmanager is None:
            yield
            return
        ids = [identity_of(slo)[names.LABEL_SLO_ID] for slo in (plan.objectives.slos if plan.objectives else ())]
        if not ids:
            raise CommandError("--alertmanager: without objectives there are no alerts of theirs; give --slo")
        length = _length(plan)
        if length is None:
            raise CommandError("--alertmanager: a silence needs an end, and only the locustfile knows it; give -t")
        seconds = _START + (plan.crew.patience if plan.crew else 0.0) + length + plan.drain
        comment = f"load test {plan.gate_profile} of {_host(plan)}, lifted when it ends"
        with silenced(self._alertmanager, ids, seconds=seconds, comment=comment, on_left=say):
            until = datetime.fromtimestamp(time.time() + seconds, UTC)
            say(f"nobody is paged for these objectives while the load is on, nor after {until:%H:%M:%S} UTC if it dies")
            yield


def _told(plan: Plan) -> Told:
    now = time.time()
    return Told(
        profile=plan.gate_profile,
        host=_host(plan),
        start=now,
        end=now + (_length(plan) or 0.0),
        labels=plan.labels,
    )


def _length(plan: Plan) -> float | None:
    """Planned seconds of load; None when only the locustfile knows."""
    load = plan.load
    return load.warmup + load.duration if isinstance(load, Profile) else load.run_time


def _host(plan: Plan) -> str:
    parts = urlsplit(plan.host)
    return f"{parts.scheme}://{parts.netloc}"
