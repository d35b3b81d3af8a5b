"""What the benchmark of the dashboard's page makes of its visits."""

import math
from typing import Any

from benchmarks.dashboardpage import _figures


def one(visits: list[dict[str, Any]], verdict: str | None = "pass") -> dict[str, Any]:
    return {"visits": visits, "verdict": verdict}


def visits(count: int, panels: float | None, failed: str | None = None) -> list[dict[str, Any]]:
    return [{"failed": failed, "lcp": 0.5, "panels_complete": panels}] * count


def test_a_figure_is_the_median_of_the_rounds_percentiles_and_the_share_of_gates_that_miss():
    quick = one([*visits(15, 0.8), *visits(5, 3.0)])
    slow = one(visits(20, 2.5), "fail")
    figures = {figure.name: figure for figure in _figures([quick] * 3, [slow] * 3)}
    assert figures["dashboardpage.lcp_p75_ms"].value == 500
    assert figures["dashboardpage.panels_complete_p75_ms"].value == 800
    assert figures["dashboardpage.sequential.visits_that_wait_longer"].value == 1
    assert figures["dashboardpage.sequential.gates_missed"].value == 1
    assert all(figure.met for figure in figures.values())


def test_visits_that_failed_or_told_nothing_take_longer_than_any_other():
    broken = one([*visits(10, 0.8), *visits(5, None), *visits(5, 0.1, failed="a panel is broken")])
    figures = {figure.name: figure for figure in _figures([broken], [one([])])}
    assert figures["dashboardpage.panels_complete_p75_ms"].value == math.inf
    assert figures["dashboardpage.visits_failed"].value == 0.25
    assert not any(figure.met for figure in figures.values() if "sequential" in figure.name)
    assert not figures["dashboardpage.panels_complete_p75_ms"].met
