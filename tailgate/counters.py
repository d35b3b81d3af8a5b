"""A run's service by its counters in a Prometheus, as ``--prometheus`` has them read."""

import time

from tailgate_dashboards.errors import PrometheusError
from tailgate_dashboards.prometheus import Prometheus
from tailgate_dashboards.prometheus.counters import counters, scraped
from tailgate_dashboards.series import series_of
from tailgate_loadtest.errors import CountersError
from tailgate_loadtest.run.interruption import Interruption
from tailgate_loadtest.run.page import Sample
from tailgate_loadtest.run.server import Moment, ServerCounters
from tailgate_slo import Metrics, Objectives

from tailgate.console import say

_TIMEOUT = 5.0
_PATIENCE = 150.0
"""Seconds for a scrape after the load: twice the minute that services are scraped in at the most, and some more."""
_PAUSE = 0.5


def counters_in(url: str, objectives: Objectives | None, interruption: Interruption) -> ServerCounters:
    """What reads the counters of the series that the objectives name, by default those of OpenTelemetry.

    The last reading waits until every instance has been scraped after the load; an interrupted run does not.

    Raises:
        PrometheusError: the address is none.

    """
    prometheus = Prometheus(url, timeout=_TIMEOUT)
    series = series_of(objectives.metrics if objectives else Metrics())

    def read(moment: Moment) -> list[Sample]:
        try:
            if moment == "end":
                await_scrape(time.time())
            return [(name, labels, value) for name, labels, value in counters(prometheus, series)]
        except PrometheusError as error:
            raise CountersError(str(error)) from error

    def await_scrape(ended: float) -> None:
        say("waiting until Prometheus has scraped what the load left")
        until = time.monotonic() + _PATIENCE
        while (last := scraped(prometheus, series)) is None or last < ended:
            if interruption.name is not None:
                return
            if time.monotonic() > until:
                what = "not every instance was scraped" if last else f"there is no {series.statuses}"
                raise CountersError(
                    f"{what} within {_PATIENCE:g} s after the load; see tailgate slo check --prometheus"
                )
            time.sleep(_PAUSE)

    return ServerCounters(prometheus.url, read=read)
