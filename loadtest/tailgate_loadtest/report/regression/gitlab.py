"""What a merge request on GitLab shows: a metrics report, and a load performance report in the shape of k6's."""

import json
from typing import Any

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.openmetrics.exposition import generate_latest
from tailgate_otel import names

from tailgate_loadtest.judge.regression.document import ComparisonDocument
from tailgate_loadtest.report import show
from tailgate_loadtest.report.regression import shown

_NAME = 200


def metrics(document: ComparisonDocument) -> str:
    """OpenMetrics: the exit code, and of each route the candidate's values and their change from the base.

    GitLab reads it line by line as a shell would, takes all after a # for a comment, and compares values as text with
    those of the target branch: so names have no #, and numbers no more digits than they have.
    """
    registry = CollectorRegistry()
    Gauge(names.COMPARISON_EXIT_CODE, "Exit code of the comparison.", registry=registry).set(document.exit_code)
    labels = (names.LABEL_ROUTE, names.LABEL_MEASURE)
    times = Gauge(names.COMPARISON_RESPONSE_TIME, "Candidate's response time.", labels, registry=registry)
    failures = Gauge(names.COMPARISON_FAILURES, "Candidate's share of failed requests.", labels[:1], registry=registry)
    change = Gauge(
        names.COMPARISON_CHANGE,
        "Change from base to candidate: a fraction of the base, for failures a difference of shares.",
        labels,
        registry=registry,
    )
    for cell in document.cells:
        route = show.one_line(cell.route, _NAME).replace("#", "%23")
        if cell.candidate is not None:
            child = failures.labels(route) if cell.measure == "failures" else times.labels(route, cell.measure)
            child.set(_rounded(cell.candidate))
        if (changed := shown.change_of(cell)) is not None:
            change.labels(route, cell.measure).set(_rounded(changed))
    page: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return page.decode()


def load_performance(document: ComparisonDocument) -> str:
    """JSON with the keys of k6's exported summary that GitLab reads, about the candidate; times in milliseconds.

    A check is something that could have stopped the change. The time is the whole response time, from the moment due:
    GitLab has room for the time to the first byte alone, and shows it by that name.
    """
    requests = sum(
        max((cell.samples_candidate for cell in cells.values()), default=0)
        for cells in shown.of_route(document).values()
    )
    outcomes = [cell.verdict == "pass" for cell in document.cells if cell.blocking]
    outcomes += [not shown.stops(finding) for finding in document.exact if finding.blocking]
    outcomes += [each.accepted is not None for each in document.loosened]
    found: dict[str, Any] = {
        "http_reqs": {"count": requests, "rate": _rounded(requests / document.seconds) if document.seconds > 0 else 0},
        "checks": {"passes": sum(outcomes), "fails": len(outcomes) - sum(outcomes)},
    }
    if (response := document.candidate.response) is not None:
        times = {
            "avg": response.mean,
            "med": response.p50,
            "p(90)": response.p90,
            "p(95)": response.p95,
            "p(99)": response.p99,
            "max": response.max,
        }
        found["http_req_waiting"] = {name: _rounded(seconds * 1e3) for name, seconds in times.items()}
    return json.dumps({"metrics": found}, indent=1, allow_nan=False) + "\n"


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
