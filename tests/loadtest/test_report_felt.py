"""What a run's page, summary and terminal say of the visits that browsers made beside the load."""

import base64
import io
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tailgate_loadtest.browser.recording import Visit
from tailgate_loadtest.judge.verdict import judge_bundle
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.report import staircase
from tailgate_loadtest.report.album import Album
from tailgate_loadtest.report.terminal import final_table
from tailgate_loadtest.report.visits import MAX_DOTS
from tailgate_loadtest.report.waterfall import Row
from tailgate_loadtest.report.write import write
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import Tick
from tailgate_otel import names

from tests.loadtest.conftest import intervals, objectives
from tests.loadtest.test_report import Page, span
from tests.loadtest.vitals.made import JPEG, account, failed, pictured, record, visit, visits

BEGAN = 1_700_000_000.0
LOADED = intervals("GET /a", Kind.RESPONSE, 0.1, [10] * 30)
LCP = ("lcp", "measure: vital, vital: lcp, route: /dashboard, threshold: 2s", "0.75")
SHIFT = ("shift", "measure: vital, vital: cls, route: /dashboard, threshold: 0.1", "0.75")
PANELS = ("panels", "measure: vital, timing: panels_complete, route: /dashboard, threshold: 2s", "0.75")
HOSTILE = "<script>alert(1)</script>\x1b[31m"

Reported = tuple[Page, Bundle]
Report = Callable[..., Reported]


def ticks() -> tuple[Tick, ...]:
    known = dict.fromkeys(("waiting", "users", "failed", "lag"), 0.0)
    counted = ("planned", "started", "completed", "requests")
    return tuple(Tick(second=float(n), **known, **dict.fromkeys(counted, 10.0 * n)) for n in range(1, 31))


@pytest.fixture
def report(bundle: Callable[..., Bundle]) -> Report:
    """Writes a bundle of a load and of visits, judges it, and gives its page."""

    def report(made: Sequence[Visit], *rows: tuple[str, str, str], traces: str = "", **changes: Any) -> Reported:
        written = bundle(LOADED, browsers=account(made), timeline=ticks(), **changes)
        record(made, written.path)
        written.traces.write_text(traces)
        verdict = judge_bundle(written, objectives(*rows) if rows else None)
        page = write(written, written.read_run(), verdict)
        return Page(page.read_text(encoding="utf-8")), written

    return report


def words(page: Page) -> str:
    return " ".join(page.text.split()).replace("\u202f", " ")


def request(trace: str, key: str, route: str, start: float, seconds: float, *queries: tuple[float, float]) -> str:
    """A line of traces.jsonl: a request and its queries, in seconds from its own beginning."""
    at = int((BEGAN + start) * 1e9)
    method, _, template = route.partition(" ")
    asked = {names.ATTR_METHOD: method, names.ATTR_ROUTE: template}
    attributes = {**asked, names.ATTR_STATUS: 200, names.ATTR_QUERIES: len(queries)}
    spans = [span(key, route, 2, at, int(seconds * 1e9), attributes)]
    for n, (begin, length) in enumerate(queries):
        more = {names.ATTR_CALL_KIND: "query", names.ATTR_DB_QUERY: f"select {n}"}
        spans.append(span(f"{key}{n}", "SELECT", 3, at + int(begin * 1e9), int(length * 1e9), more))
    for each in spans:
        each["traceId"] = trace
    return json.dumps({"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": spans}]}]}) + "\n"


def test_each_measure_of_a_page_in_a_lane_is_a_row_with_its_interval_its_rating_and_its_objectives(report: Report):
    made = [
        *(visit(n, lcp=n / 10, timings={"panels_complete": 3.0}) for n in range(1, 21)),
        *visits(20, start=21, lane="phone 4g cpu/4", lcp=5.0, missing=["inp"], timings={"panels_complete": 1.0}),
    ]
    page, _ = report(made, LCP, SHIFT, PANELS)
    said = words(page)
    assert page.open == []
    assert "What people felt" in said
    desktop, phone = said.partition("/dashboard, desktop")[2].split("/dashboard, phone 4g cpu/4", 1)
    assert "LCP 1 500 ms 1 200–1 900 ms good 20 p75 ≤ 2 000 ms ✓ Pass " in desktop
    assert "CLS 0.010 0.010–0.010 good 20 p75 ≤ 0.1 ✓ Pass " in desktop
    assert "panels_complete 3 000 ms 3 000–3 000 ms – 20 p75 ≤ 2 000 ms ✕ Fail" in desktop
    assert "LCP 5 000 ms 5 000–5 000 ms poor 20 p75 ≤ 2 000 ms ✕ Fail " in phone
    assert "INP is not known of 20: no interaction" in phone
    assert "panels_complete 1 000 ms 1 000–1 000 ms – 20 p75 ≤ 2 000 ms ✓ Pass" in phone


def test_visits_are_drawn_over_the_runs_time_above_its_load(report: Report):
    made = [visit(n, lcp=n / 10, timings={"panels_complete": n / 5}) for n in range(1, 21)]
    page, _ = report([*made, *failed(2, start=21)], LCP, PANELS)
    (wide, narrow) = [a for tag, a in page.elements if tag == "svg" and "visits-" in (a.get("aria-labelledby") or "")]
    assert wide["viewbox"] != narrow["viewbox"]
    dots = [a["class"] for tag, a in page.elements if (a.get("class") or "").startswith("dot ")]
    assert (dots.count("dot painted"), dots.count("dot marked"), dots.count("dot failed")) == (40, 40, 4)
    assert "22 visits over 30 s, each with its largest paint and panels_complete; at most 4 000 ms." in words(page)
    assert "visit 7 · LCP 700 ms · panels_complete 1 400 ms" in words(page)
    places = [value for _, a in page.elements for name, value in a.items() if name in {"d", "x", "y", "cx", "cy"}]
    assert not [place for place in places if re.search("nan|inf", place or "", re.IGNORECASE)]


def test_no_limit_is_written_where_a_dot_may_lie(report: Report):
    page, _ = report([visit(n, lcp=1.95, timings={"panels_complete": 1.95}) for n in range(1, 21)], LCP, PANELS)
    dots: list[list[float]] = []
    limits: list[list[float]] = []
    for tag, attributes in page.elements:
        class_ = (attributes.get("class") or "").split()
        if tag == "svg":
            dots.append([])
            limits.append([])
        elif tag == "circle" and "dot" in class_:
            dots[-1].append(float(attributes["cx"] or ""))
        elif tag == "text" and "limit-label" in class_:
            assert attributes.get("text-anchor") is None
            limits[-1].append(float(attributes["x"] or ""))
    drawn = [(places, written) for places, written in zip(dots, limits, strict=True) if places]
    assert len(drawn) == 2
    assert all(written and min(written) > max(places) + 3 for places, written in drawn)
    assert "LCP p75 ≤ 2 000 ms panels_complete p75 ≤ 2 000 ms" in words(page)


def test_of_very_many_visits_the_slowest_of_every_few_are_drawn(report: Report):
    made = [visit(n, began=n / 50, lcp=9.0 if n == 777 else 1.0) for n in range(1, 1001)]
    page, _ = report(made)
    dots = [a for _, a in page.elements if (a.get("class") or "") == "dot painted"]
    assert len(dots) <= 2 * MAX_DOTS
    assert "visit 777 · LCP 9 000 ms" in words(page)


def test_a_usual_visit_and_the_slowest_are_seen_as_they_looked(report: Report):
    page, _ = report([pictured(n, lcp=n / 10) for n in range(1, 6)])
    shown = [a for tag, a in page.elements if tag == "img"]
    assert [a["alt"].replace("\u202f", " ") for a in shown] == [
        "A usual visit, 3, at its LCP, 300 ms",
        "A usual visit, 3, at its end",
        "The slowest visit, 5, at its LCP, 500 ms",
        "The slowest visit, 5, at its end",
    ]
    prefix = "data:image/jpeg;base64,"
    assert all(a["src"].startswith(prefix) for a in shown)
    assert base64.b64decode(shown[0]["src"].removeprefix(prefix)) == JPEG


def test_a_visit_that_is_pictured_is_the_slowest_only_where_no_other_was_slower(report: Report):
    page, _ = report([*(pictured(n, lcp=n / 10) for n in range(1, 6)), visit(6, lcp=0.1, timings={"drawn": 4.0})])
    shown = [a["alt"].replace("\u202f", " ") for tag, a in page.elements if tag == "img"]
    assert shown[2:] == ["A slow visit, 5, at its LCP, 500 ms", "A slow visit, 5, at its end"]


def test_the_slowest_visit_is_explained_by_its_requests_and_the_queries_of_the_last(report: Report):
    made = [visit(n, began=float(n), lcp=0.4, timings={"panels_complete": 1.0}) for n in range(1, 12)]
    slow = visit(12, began=12.0, lcp=0.5, ttfb=0.01, timings={"panels_complete": 4.0})
    own = slow.trace_id
    traces = "".join(
        (
            request(own, "a", "GET /dashboard", 12.05, 0.01),
            request(own, "b", "GET /api/pulse", 12.15, 3.8, (0.1, 1.0), (1.2, 1.0), (2.5, 1.2)),
            request(own, "c", "GET /api/leads", 12.16, 0.3, (0.1, 0.1)),
            request(own, "d", "GET /api/events", 12.2, 9.0),
            request(own, "e", "GET /api/later", 17.5, 0.1),
            request("f" * 32, "f", "GET /a", 13.0, 2.0),
        )
    )
    page, _ = report([*made, slow], PANELS, traces=traces)
    said = words(page)
    assert "Why the slowest visit took 4 000 ms: /dashboard, desktop" in said
    assert (
        "Until then the service answered 3 requests. The last to end was GET /api/pulse: 3 800 ms, of it 3 queries,"
        " 3 200 ms in the database." in said
    )
    fall = said.partition("Why the slowest visit took")[2].partition("Routes")[0]
    at = [fall.index(name) for name in ("/api/pulse", "SELECT", "/api/leads", "/api/events", "LCP500 ms")]
    assert at == sorted(at)
    assert "/api/later" not in fall
    links = [a["href"] for tag, a in page.elements if tag == "a" and (a.get("href") or "").startswith("#trace-")]
    assert len(set(links)) >= 4
    assert {link.removeprefix("#") for link in links} <= set(page.ids())
    bars = [a["style"] for tag, a in page.elements if tag == "i" and "style" in a]
    # The page itself was asked for at 12.05 s; 3.8 s of 4 s, from a tenth of a second on.
    assert "left:2.5%;width:95.0%" in bars


def test_a_document_that_waited_for_the_service_is_no_later_beginning_of_its_visit(report: Report):
    made = [visit(n, began=float(n), lcp=0.4, timings={"panels_complete": 1.0}) for n in range(1, 12)]
    slow = visit(12, began=12.0, lcp=9.0, ttfb=8.0, timings={"panels_complete": 12.0})
    traces = "".join(
        (
            request(slow.trace_id, "a", "GET /dashboard", 20.04, 0.01),
            request(slow.trace_id, "b", "GET /api/pulse", 20.2, 3.8, (0.1, 3.6)),
            request(slow.trace_id, "c", "POST /api/vitals", 24.6, 0.01),
        )
    )
    page, _ = report([*made, slow], PANELS, traces=traces)
    assert "Until then the service answered 2 requests. The last to end was GET /api/pulse: 3 800 ms" in words(page)
    bars = [a["style"] for tag, a in page.elements if tag == "i" and "style" in a]
    # Its navigation began at 12.05 s: 8.15 of 12 s until the panel was asked for.
    assert "left:67.917%;width:31.666%" in bars


def test_where_no_trace_came_the_page_says_so(report: Report):
    page, _ = report(visits(12))
    assert "of none of them a trace came here" in words(page)


def test_visits_that_failed_are_said_with_their_reasons_and_what_pages_complained_of(report: Report):
    made = [*visits(3, console=("Uncaught Error: no",)), *failed(2, start=4, why="waiting for the list: took too long")]
    page, _ = report(made)
    said = words(page)
    assert "waiting for the list: took too long 2 times" in said
    assert "Uncaught Error: no" in said
    assert "visits judged5" in said


def test_where_all_visits_failed_they_are_the_percentile(report: Report):
    page, _ = report(failed(12))
    assert "LCP failed – poor 1212 failed" in words(page)


def test_a_run_none_of_whose_visits_were_judged_still_has_a_page(report: Report):
    page, _ = report(visits(3, began=1.0), measured_from=5.0)
    assert page.open == []
    assert "No visit of the judged part came to a page." in words(page)


def test_hostile_words_of_a_page_stay_words(report: Report):
    made = visits(12, lcp_element=HOSTILE, console=(HOSTILE,), page=f"/{HOSTILE}", timings={"moment": 1.0})
    page, written = report([*made, *failed(1, start=13, why=HOSTILE)], LCP)
    assert "script" not in [tag for tag, _ in page.elements]
    assert "\x1b" not in (written.path / "report.html").read_text(encoding="utf-8")


def test_a_page_with_visits_is_the_same_again(report: Report):
    _, written = report([pictured(n) for n in range(1, 13)], LCP)
    first = (written.path / "report.html").read_bytes()
    write(written, written.read_run(), judge_bundle(written, objectives(LCP)))
    assert (written.path / "report.html").read_bytes() == first
    assert 'href="visits.jsonl"' in first.decode()


def test_the_terminal_and_the_summary_name_each_page_with_its_percentile(report: Report):
    _, written = report([*visits(20, lcp=3.0), *failed(1, start=21)], LCP)
    out = io.StringIO()
    console = Console(file=out, width=80, no_color=True)
    console.print(final_table(written.read_run(), judge_bundle(written, objectives(LCP))))
    said = " ".join(out.getvalue().split())
    assert "✕ fail lcp: p75 3 000 ms [3 000–3 000 ms]; the objective: 75 % within 2 000 ms" in said
    assert "21 visits of dashboard, desktop, 1 failed" in said
    assert max(map(len, out.getvalue().splitlines())) <= 80
    summary = (written.path / "summary.md").read_text().replace("\u202f", " ")
    assert "| lcp | /dashboard | 75 % within 2 000 ms |" in summary


class TestAlbum:
    def test_it_holds_pictures_while_there_is_room(self, tmp_path: Path):
        (tmp_path / "a.jpg").write_bytes(JPEG)
        (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        held = Album(tmp_path, room=len(JPEG) + 10)
        assert held.take("a.jpg") is not None
        assert held.take("a.jpg") is None
        assert (held.take("b.png") or "").startswith("data:image/png;base64,")

    @pytest.mark.parametrize("name", [None, "nothing.jpg", "text.jpg", "../outside.jpg", "link.jpg", "."])
    def test_what_is_no_picture_of_the_bundle_is_left_out(self, tmp_path: Path, name: str | None):
        within = tmp_path / "run"
        within.mkdir()
        (tmp_path / "outside.jpg").write_bytes(JPEG)
        (within / "text.jpg").write_text("root:x:0:0")
        (within / "link.jpg").symlink_to(tmp_path / "outside.jpg")
        assert Album(within).take(name) is None


@pytest.mark.parametrize(
    ("rows", "seconds"),
    [([], 0.0), ([(0.0, 1.0), (2.0, 1.0)], 2.0), ([(0.0, 2.0), (0.5, 0.5), (1.5, 1.0)], 2.5), ([(3, 1), (0, 1)], 2.0)],
)
def test_time_in_which_several_ran_counts_once(rows: list[tuple[float, float]], seconds: float):
    made = [Row(name="", kind="query", statement=None, start=at, length=length, failed=False) for at, length in rows]
    assert staircase.covered(made) == seconds
