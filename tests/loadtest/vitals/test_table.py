"""What visits come to, in a terminal."""

import io

import pytest
from rich.console import Console
from tailgate_loadtest.judge.vitals.document import Setting, VitalsDocument
from tailgate_loadtest.judge.vitals.verdict import judge_visits
from tailgate_loadtest.report.vitals import vitals_table

from tests.loadtest.conftest import objectives
from tests.loadtest.vitals.made import account, failed, visit, visits

HOSTILE = "/[bold red]x[/]\x1b[31m\u202e<script>alert(1)</script>" + "/very" * 60


def shown(document: VitalsDocument, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False, highlight=False)
    console.print(vitals_table(document))
    return console.file.getvalue()


def kept() -> VitalsDocument:
    made = [
        visit(n, lcp=1 + n / 20, cls=0.012, timings={"panels_complete": 1.5}, lcp_element="#leads > h2")
        for n in range(1, 21)
    ]
    measures = objectives(
        ("lcp", "measure: vital, vital: lcp, route: /dashboard, threshold: 2.5s", "0.75"),
        ("cls", "measure: vital, vital: cls, route: /dashboard, threshold: 0.1", "0.75"),
        ("panels", "measure: vital, timing: panels_complete, route: /dashboard, threshold: 2s", "0.75"),
        ("lcp-80", "measure: vital, vital: lcp, threshold: 2.5s", "0.8"),
        ("elsewhere", "measure: vital, vital: lcp, route: /inbox, threshold: 2s", "0.75"),
    )
    return judge_visits(made, account(made, load={"seconds": 42.0}), measures)


def missed() -> VitalsDocument:
    made = [
        *visits(12, lcp=12.345, lane="phone 4g cpu/4"),
        *failed(8, start=13, lane="phone 4g cpu/4", why="took longer than 60 s"),
        *visits(20, start=21, missing=["inp"]),
    ]
    measures = objectives(
        ("lcp", "measure: vital, vital: lcp, route: /dashboard, threshold: 2.5s", "0.75"),
        ("inp", "measure: vital, vital: inp, route: /dashboard, threshold: 200ms", "0.75"),
        ("drawn", "measure: vital, timing: microphone_answered, route: /dashboard, threshold: 2s", "0.75"),
    )
    return judge_visits(made, account(made, warnings=("a browser of lane desktop fails: it was closed",)), measures)


def many_pages() -> VitalsDocument:
    made = [visit(n, page=f"/orders/{n % 3}", visit="visit") for n in range(1, 21)]
    return judge_visits(made, account(made), objectives(("lcp", "measure: vital, vital: lcp, threshold: 2s", "0.75")))


def hostile() -> VitalsDocument:
    made = [
        *visits(12, page=HOSTILE, lcp_element=HOSTILE, visit=HOSTILE, lane="l" * 80, timings={"t" * 40: 1234.5}),
        *failed(3, start=13, page=HOSTILE, visit=HOSTILE, lane="l" * 80, why=HOSTILE),
    ]
    measures = objectives(("lcp", "measure: vital, vital: lcp, threshold: 2s", "0.75"))
    return judge_visits(made, account(made, warnings=(HOSTILE,), browser=HOSTILE), measures)


def unjudged() -> VitalsDocument:
    made = visits(1)
    return judge_visits(made, account(made), None)


@pytest.mark.parametrize("build", [kept, missed, many_pages, hostile, unjudged])
def test_a_table_fits_eighty_columns_and_has_no_control_characters(build) -> None:
    text = shown(build())
    assert max(map(len, text.splitlines())) <= 80
    assert not [c for c in text if (ord(c) < 32 and c != "\n") or c in "\x7f\u202e"]


def test_every_measure_has_its_percentile_its_interval_its_rating_and_its_objectives() -> None:
    lines = [line.rstrip() for line in shown(kept()).splitlines()]
    assert lines[0] == "/dashboard  dashboard, desktop: 20 visits"
    assert lines[1].split() == ["measure", "p75", "interval", "rating", "visits", "objective"]
    by_name = {line.split()[0]: " ".join(line.split()) for line in lines[2:] if line.strip()}
    assert by_name["LCP"] == "LCP 1 750 ms 1 600–1 950 ms good 20 ✓ p75 ≤ 2 500 ms"
    assert "✓ p80 ≤ 2 500 ms" in [" ".join(line.split()) for line in lines]
    assert by_name["CLS"] == "CLS 0.012 0.012–0.012 good 20 ✓ p75 ≤ 0.1"
    assert by_name["INP"] == "INP 80.0 ms 80.0–80.0 ms good 20 –"
    assert by_name["panels_complete"] == "panels_complete 1 500 ms 1 500–1 500 ms – 20 ✓ p75 ≤ 2 000 ms"
    assert "  LCP: most often #leads > h2" in lines
    assert "✓ PASS  All 4 objectives are kept" in lines
    assert "  not judged, since no visit came to their pages: elsewhere" in lines
    assert "  Chromium 156.0.7100.0, 20 visits in 42 s" in lines


def test_what_is_missed_missing_and_failed_is_said() -> None:
    text = shown(missed(), width=200)
    assert "/dashboard  dashboard, phone 4g cpu/4: 20 visits, 8 failed" in text
    assert "≥ 12 300 ms" in text
    assert "12 300 ms or more" in text
    assert "  INP: 20 visits told nothing: no interaction" in text
    assert "0/20" in text
    assert "✕ FAIL  1 of 3 objectives is missed" in text
    assert "  - lcp (phone 4g cpu/4): p75 is at least 12345 ms [12345 ms, open]; 20 of 20 visits were bad" in text
    assert "  ! 8 visits failed: took longer than 60 s" in text
    assert "  ! a browser of lane desktop fails: it was closed" in text


def test_that_any_certificate_was_taken_is_said() -> None:
    known = unjudged()
    setting = Setting(id="x", url="https://shop.test", began=0.0, started="", seed=1, insecure=True, environment={})
    assert "! any certificate was taken" in shown(known.model_copy(update={"setting": setting}))
    assert "certificate" not in shown(known)


def test_what_no_single_row_can_show_has_a_line_of_its_own() -> None:
    text = shown(missed(), width=200)
    assert "? inconclusive  drawn (/dashboard; dashboard, desktop): –; the objective: p75 ≤ 2 000 ms" in text
    several = shown(many_pages(), width=200)
    line = "✓ pass  lcp (all pages; visit, desktop): 1 000 ms 1 000–1 000 ms; the objective: p75 ≤ 2 000 ms"
    assert line in several


def test_without_objectives_there_is_no_column_of_them() -> None:
    text = shown(unjudged())
    assert "objective " not in text.splitlines()[1]
    assert "– NOT JUDGED  There was nothing to judge by" in text
    assert "LCP 1 000 ms good 1" in " ".join(text.split())
