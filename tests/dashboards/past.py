"""Sixty hours of a shop's metrics as OpenMetrics, with two incidents, and a Prometheus that holds them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.dashboards.servers import Server, Version, prometheus, promtool

SCRAPE = 60
HOUR = 3_600
HOURS = 48
"""Before the end: what backtests look at."""
END = int(time.time()) // SCRAPE * SCRAPE - 53
"""A scrape about now, and at no round second; what is asked of the past ends with it."""
AHEAD = HOUR
"""Scrapes go on for so long after that, so that there is one of just now whenever somebody asks."""
START = END - 60 * HOUR
MIDDLING = END - 30 * HOUR
"""From here on every request takes between 0.3 and 0.5 s, for twenty minutes."""
SLOW = END - 14 * HOUR
"""From here on every request takes more than 1 s, for forty minutes, and a tenth of them fails."""
NEW_EDGE = END - 20 * HOUR
"""From here on the histogram has an edge at 0.25 s."""
RESTART = END - 22 * HOUR
"""When the counters begin anew."""
ROUTE = 'http_request_method="GET",http_route="/orders/{id}"'
DURATION = "http_server_request_duration_seconds"

FILE = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: orders, displayName: "Orders <within> 300 ms"}
spec:
  service: shop
  indicator:
    spec:
      thresholdMetric:
        metricSource: {type: tailgate, spec: {measure: latency, route: "GET /orders/{id}", threshold: 300ms}}
  timeWindow: [{duration: 30d, isRolling: true}]
  objectives: [{target: 0.99}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: availability}
spec:
  service: shop
  indicator: {spec: {thresholdMetric: {metricSource: {type: tailgate, spec: {measure: availability}}}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  objectives: [{target: 0.999}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: queried}
spec:
  service: shop
  indicator:
    spec:
      ratioMetric:
        bad:
          metricSource:
            type: Prometheus
            spec:
              query: sum(rate(http_server_request_duration_seconds_count{http_response_status_code="503"}[{{.window}}]))
        total:
          metricSource:
            type: Prometheus
            spec: {query: "sum(rate(http_server_request_duration_seconds_count[{{.window}}]))"}
  timeWindow: [{duration: 30d, isRolling: true}]
  objectives: [{target: 0.999}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: elsewhere}
spec:
  service: shop
  indicator:
    spec:
      thresholdMetric:
        metricSource: {type: tailgate, spec: {measure: latency, route: "GET /orders", threshold: 300ms}}
  objectives: [{target: 0.99}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: between}
spec:
  service: shop
  indicator:
    spec:
      thresholdMetric:
        metricSource: {type: tailgate, spec: {measure: latency, route: "GET /orders/{id}", threshold: 400ms}}
  objectives: [{target: 0.99}]
"""


def within(start: int, minutes: int, at: int) -> bool:
    """Whether the minute that ends at a moment is one of an incident's."""
    return start < at <= start + minutes * 60


def exposition() -> str:
    """A hundred and twenty requests in every other minute, a twentieth above 0.1 s; the scrapes of one instance."""
    edges = ("0.1", "0.25", "0.3", "0.5", "1.0", "+Inf")
    lines = [f"# TYPE {DURATION} histogram"]
    columns: dict[str, list[str]] = {}
    counts = dict.fromkeys((*edges, "200", "503"), 0)
    for at in range(START, END + AHEAD + 1, SCRAPE):
        if at == RESTART:
            counts = dict.fromkeys(counts, 0)
        middling, slow = within(MIDDLING, 20, at), within(SLOW, 40, at)
        asked = 120 * ((at // SCRAPE) % 2)
        shares = (0, 0, 0, 0, 0, 1) if slow else (0, 0, 0, 1, 1, 1) if middling else (0.95, 1, 1, 1, 1, 1)
        for edge, share in zip(edges, shares, strict=True):
            counts[edge] += round(asked * share)
        failed = asked // 10 if slow else 0
        counts["200"] += asked - failed
        counts["503"] += failed
        for edge in edges if at > NEW_EDGE else (each for each in edges if each != "0.25"):
            columns.setdefault(f'{DURATION}_bucket{{{ROUTE},le="{edge}"}}', []).append(f"{counts[edge]} {at}")
        for status in ("200", "503"):
            name = f'{DURATION}_count{{{ROUTE},http_response_status_code="{status}"}}'
            columns.setdefault(name, []).append(f"{counts[status]} {at}")
    lines += [f"{name} {value}" for name, values in columns.items() for value in values]
    return "\n".join([*lines, "# EOF", ""])


@contextmanager
def past(directory: Path, version: Version) -> Iterator[Server]:
    """A Prometheus that holds it, and scrapes nothing."""
    with holding(directory, version, exposition()) as server:
        yield server


@contextmanager
def holding(directory: Path, version: Version, text: str) -> Iterator[Server]:
    """A Prometheus that holds the samples of an OpenMetrics text, and scrapes nothing."""
    (directory / "shop.om").write_text(text)
    blocks = ("tsdb", "create-blocks-from", "openmetrics", "shop.om", "prometheus")
    promtool(*blocks, cwd=directory, binary=version.promtool)
    kept = "--storage.tsdb.retention.time=1y"
    with prometheus(directory, "global: {}\n", kept, binary=version.prometheus) as server:
        yield server
