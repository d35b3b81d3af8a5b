"""A comparison's page: one file, nothing from outside, whatever the names are."""

import re
from html.parser import HTMLParser

import pytest
from tailgate_loadtest.judge.regression.document import ComparisonDocument, Look
from tailgate_loadtest.report.regression.page import MAX_PICTURED, page

from tests.loadtest.comparisons import (
    HOSTILE,
    adoption,
    cell,
    cells,
    comparison,
    early,
    failing,
    hostile,
    interrupted,
    many,
    objective,
    undecided,
)

VOID = {"meta", "link", "br", "wbr", "path", "rect", "circle"}
ALLOWED = {
    *("html", "head", "meta", "link", "title", "style", "body", "div", "header", "main", "footer", "section", "nav"),
    *("p", "span", "strong", "h1", "h2", "h3", "ul", "li", "dl", "dt", "dd", "details", "summary", "table", "caption"),
    *("thead", "tbody", "tr", "th", "td", "figure", "figcaption", "svg", "g", "path", "rect", "circle", "text"),
    *("desc", "a", "code", "br", "wbr"),
}


class Reader(HTMLParser):
    """Collects elements, ids and links, and sees that every element is closed where it was opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name in ("href", "src")]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(document: ComparisonDocument) -> Reader:
    reader = Reader()
    reader.feed(page(document))
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.parametrize("build", [comparison, early, failing, undecided, interrupted, hostile, many])
def test_a_page_is_whole_and_needs_nothing_from_outside(build) -> None:
    reader = read(build())
    assert reader.tags <= ALLOWED
    assert len(reader.ids) == len(set(reader.ids))
    inside = {link for link in reader.links if link.startswith("#")}
    assert {link[1:] for link in inside} <= set(reader.ids)
    assert set(reader.links) - inside == {"data:,", "comparison.json", "summary.md", "junit.xml"}


def test_a_hostile_name_is_shown_as_it_is_and_is_no_markup() -> None:
    text = page(hostile())
    assert "<script" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "<script>alert(1)</script>" in HOSTILE
    assert "&lt;script&gt;alert(1)" in text


def test_a_failing_page_tells_what_why_and_what_was_taken_on() -> None:
    text = " ".join("".join(read(failing()).text).split())
    assert "1 of 5 routes got worse, 1 objective is loosened" in text
    assert "p95 +38\u202f% [+35, +41]" in page(failing()).replace("</strong>", "").replace("<strong>", "")
    assert "3 more queries, all `select name from contacts where id = $1` at parallel.py:88 (N+1)" in text
    assert "the threshold was raised from 400 ms to 500 ms" in text
    assert "expired, it covers nothing any more" in text
    assert "0 false alarms in 60 comparisons of identical sides" in text


def test_a_pass_has_no_section_of_what_stops_it() -> None:
    assert {"worse", "doubt", "accepted", "exact"}.isdisjoint(read(comparison()).ids)


def test_the_picture_is_bounded_and_says_so() -> None:
    text = page(many(60))
    assert f"The {MAX_PICTURED} routes with the worst verdicts" in text
    assert text.count("<svg") < 200


def test_what_is_not_known_is_not_drawn_as_a_number() -> None:
    unknown = {"ratio": None, "low": None, "high": None, "tolerance": None, "visible": None, "candidate": None}
    gone = cell("GET /gone", "p95", verdict="inconclusive", p=None, p_adjusted=None, side_by_side=None, **unknown)
    text = page(comparison(cells=(*comparison().cells, gone)))
    assert "nan" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL).lower()
    assert "GET /gone" in text.replace("\u00a0", " ").replace("<wbr>", "")


def test_a_comparison_of_runs_at_different_times_has_no_timeline_and_names_the_differences() -> None:
    text = page(comparison(kind="compare", design=None, looks=(), differences=("the machines have 2 and 4 cores",)))
    assert "Which side got the arrivals" not in text
    assert "the machines have 2 and 4 cores" in text


def test_a_route_shows_what_its_load_came_to_beside_what_was_counted_of_it() -> None:
    (row,) = re.findall(
        r"<tr>(?:(?!</tr>).)*queries 2 → 5(?:(?!</tr>).)*</tr>", page(failing(cells=cells())), re.DOTALL
    )
    assert "✓</span> Pass" in row
    assert "✕ queries 2 → 5" in row
    assert '<th scope="col">Counted</th>' not in page(comparison())


def test_why_nothing_would_have_shown_is_told_where_nothing_would() -> None:
    short = [cell("GET /shop", "p50", visible=None), cell("GET /rare", "p50", ratio=None, visible=None)]
    text = page(comparison(cells=tuple(short)))
    assert 'data-name="Would show">too short a load</td>' in text
    assert 'data-name="Would show">too little measured</td>' in text


def test_what_the_load_showed_is_not_told_as_the_verdict() -> None:
    text = page(failing(looks=(Look(at=240, spent=0.01, decided="pass"),)))
    assert '<th scope="col">By load</th>' in text
    assert '<th scope="col">Decided</th>' not in text


def test_of_a_gate_that_was_decided_early_no_share_has_more_digits_than_it_is_worth() -> None:
    text = page(early())
    assert "each bound of an interval is at 99.86\u202f%" in text
    assert '<td class="n">0.029\u202f%</td>' in text


def test_objectives_that_the_load_misses_do_not_look_as_if_they_stopped_anything() -> None:
    found = read(comparison(objectives=(objective(verdict="fail"),)))
    assert "worse" not in found.ids
    assert "They stop nothing here" in "".join(found.text)


def test_the_same_document_makes_the_same_page() -> None:
    assert page(failing()) == page(failing())


def test_what_the_rule_advises_is_told_with_its_numbers() -> None:
    text = " ".join("".join(read(comparison(adoption=adoption())).text).split())
    assert f"adopt the candidate: {adoption().why}" in text
    assert "The rule" not in "".join(read(comparison()).text)
