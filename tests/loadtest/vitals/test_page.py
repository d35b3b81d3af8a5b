"""The page of visits beside which there was no load."""

import base64
import json
from pathlib import Path

import pytest
from tailgate_loadtest.browser.recording import Visit
from tailgate_loadtest.errors import BundleError
from tailgate_loadtest.judge.vitals.document import FILE
from tailgate_loadtest.judge.vitals.stored import read_document
from tailgate_loadtest.report.vitals_page import write
from tailgate_loadtest.run.bundle import Bundle

from tests.loadtest.conftest import objectives
from tests.loadtest.test_report import Page
from tests.loadtest.test_report_felt import HOSTILE, LCP, PANELS, SHIFT, words
from tests.loadtest.vitals.made import JPEG, bundle_of, failed, pictured, visit, visits


def page_of(bundle: Bundle) -> Page:
    return Page(write(bundle, read_document(bundle)).read_text(encoding="utf-8"))


def shown(directory: Path, made: list[Visit], *rows: tuple[str, str, str], **changes: object) -> Page:
    """The page of these visits."""
    return page_of(bundle_of(directory / "visited", made, objectives(*rows) if rows else None, **changes))


def test_the_page_is_whole_and_asks_for_nothing_from_outside(tmp_path: Path) -> None:
    page = shown(tmp_path, [pictured(n, lcp=n / 10) for n in range(1, 21)], LCP, PANELS)
    assert page.open == []
    assert page.ids() == list(dict.fromkeys(page.ids()))
    assert not {"script", "iframe", "object"} & {tag for tag, _ in page.elements}
    beside = {"vitals.json", "visits.jsonl", "pictures/"}
    for tag, attributes in page.elements:
        link = attributes.get("href") or attributes.get("src") or "#"
        assert link.startswith(("#", "data:")) or link in beside, tag


def test_it_shows_the_verdict_and_each_measure_with_its_interval_its_rating_and_its_objectives(tmp_path: Path) -> None:
    made = [
        *(visit(n, lcp=n / 10) for n in range(1, 21)),
        *visits(20, start=21, lane="phone 4g cpu/4", lcp=5.0, missing=["inp"]),
    ]
    said = words(shown(tmp_path, made, LCP, SHIFT, load={"seconds": 61.0}))
    assert "✕ Fail 1 of 2 objectives is missed" in said
    assert "lcp (phone 4g cpu/4): p75 is 5000 ms [5000 ms, 5000 ms]; 20 of 20 visits were bad" in said
    assert "https://shop.example/dashboard" in said
    assert "2026-11-21 10:00:00 UTC" in said
    assert "abc123 with changes" in said
    assert "1 min 1 s" in said
    desktop, phone = said.partition("/dashboard, desktop")[2].split("/dashboard, phone 4g cpu/4", 1)
    assert "LCP 1 500 ms 1 200–1 900 ms good 20 p75 ≤ 2 000 ms ✓ Pass " in desktop
    assert "CLS 0.010 0.010–0.010 good 20 p75 ≤ 0.1 ✓ Pass " in desktop
    assert "LCP 5 000 ms 5 000–5 000 ms poor 20 p75 ≤ 2 000 ms ✕ Fail " in phone
    assert "INP is not known of 20: no interaction" in phone


def test_of_a_load_and_of_traces_that_were_not_nothing_is_said(tmp_path: Path) -> None:
    said = words(shown(tmp_path, visits(20), LCP))
    assert "Real browsers visited, each visit in a context of its own." in said
    assert not [word for word in ("load was on", "arrivals", "warm-up", "trace") if word in said]


def test_a_usual_visit_and_the_slowest_are_seen_as_they_looked(tmp_path: Path) -> None:
    page = shown(tmp_path, [pictured(n, lcp=n / 10) for n in range(1, 6)])
    seen = [a for tag, a in page.elements if tag == "img"]
    assert [(a["alt"] or "").replace("\u202f", " ") for a in seen] == [
        "A usual visit, 3, at its LCP, 300 ms",
        "A usual visit, 3, at its end",
        "The slowest visit, 5, at its LCP, 500 ms",
        "The slowest visit, 5, at its end",
    ]
    assert {base64.b64decode((a["src"] or "").removeprefix("data:image/jpeg;base64,")) for a in seen} == {JPEG}


def test_an_objective_over_all_pages_or_of_a_moment_that_no_page_marked_is_among_the_objectives(tmp_path: Path) -> None:
    made = [visit(n, page=f"/orders/{n % 3}", visit="visit") for n in range(1, 21)]
    anywhere = ("all-lcp", "measure: vital, vital: lcp, threshold: 2s", "0.75")
    unmarked = ("drawn", "measure: vital, timing: drawn, threshold: 2s", "0.75")
    elsewhere = ("inbox-lcp", "measure: vital, vital: lcp, route: /inbox, threshold: 2s", "0.75")
    said = words(shown(tmp_path, made, anywhere, unmarked, elsewhere))
    listed = said.partition("Objectives")[2].partition("What people felt")[0]
    assert "all-lcp" in listed
    assert "20 of 20 visits told nothing of drawn (the page marked no such moment)" in listed
    assert "Not judged, since no visit came to their pages: inbox-lcp." in listed


def test_what_failed_what_pages_complained_of_and_what_is_doubtful_is_said(tmp_path: Path) -> None:
    made = [*visits(3, console=("Uncaught Error: no",)), *failed(2, start=4, why="waiting for the list: took too long")]
    said = words(shown(tmp_path, made, warnings=("a browser of lane desktop fails: it was closed",)))
    assert "✕ Fail Visits failed" in said
    assert "waiting for the list: took too long 2 times" in said
    assert "Uncaught Error: no" in said
    assert "a browser of lane desktop fails: it was closed" in said


def test_where_no_visit_was_measured_there_is_a_page_all_the_same(tmp_path: Path) -> None:
    page = shown(tmp_path, [], LCP, interrupted="SIGINT")
    assert page.open == []
    assert "The visits were ended before their time" in words(page)
    assert "No visit came to a page." in words(page)


def test_hostile_words_stay_words(tmp_path: Path) -> None:
    made = visits(12, lcp_element=HOSTILE, console=(HOSTILE,), page=f"/{HOSTILE}", timings={"moment": 1.0})
    page = shown(tmp_path, [*made, *failed(1, start=13, why=HOSTILE)], LCP, warnings=(HOSTILE,), browser=HOSTILE)
    assert "script" not in [tag for tag, _ in page.elements]
    assert "\x1b" not in (tmp_path / "visited" / "report.html").read_text(encoding="utf-8")


def test_the_same_bundle_has_the_same_page(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path / "visited", [pictured(n) for n in range(1, 13)], objectives(LCP))
    first = write(bundle, read_document(bundle)).read_bytes()
    assert write(bundle, read_document(bundle)).read_bytes() == first


def test_visits_of_a_run_have_none_of_their_own(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path / "visited", visits(1))
    bundle.write_json(FILE, {**json.loads((bundle.path / FILE).read_bytes()), "setting": None})
    with pytest.raises(BundleError, match="setting: is missing; visits beside a load are in the run's report"):
        page_of(bundle)
