"""The comment on a pull request, and the job summary: short, whole, and deaf to whatever a name says."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from tailgate_loadtest.judge.regression.document import Loosened
from tailgate_loadtest.report.regression import comment as comments
from tailgate_loadtest.report.regression import summary as summaries
from tailgate_loadtest.report.regression.comment import MARKER, comment, worth_telling
from tailgate_loadtest.report.regression.markup import plain, prose
from tailgate_loadtest.report.regression.summary import summary

from tests.loadtest.comparisons import (
    HOSTILE,
    accepts,
    adoption,
    cell,
    cells,
    comparison,
    exact,
    failing,
    hostile,
    interrupted,
    many,
    undecided,
)

BUILDS = [comparison, failing, undecided, interrupted, hostile, many]
ALLOWED = {"b", "br", "code", "details", "h3", "li", "p", "sub", "summary", "table", "td", "th", "tr", "ul", "a"}
UNSEEN = "\u200b"


class Reader(HTMLParser):
    """Sees that only harmless elements are there, each closed where it was opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag, attrs):
        assert tag in ALLOWED
        assert {name for name, _ in attrs} <= {"colspan", "href"}
        self.links += [value for name, value in attrs if name == "href"]
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(markdown: str) -> Reader:
    """What a host makes of it: CommonMark with tables and links of bare addresses, as GitHub has them."""
    reader = Reader()
    reader.feed(MarkdownIt("commonmark").enable("table").render(markdown))
    reader.close()
    assert reader.open == []
    return reader


def words(markdown: str) -> str:
    return " ".join(" ".join(read(markdown).text).split()).replace("\u202f", " ")


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("write", [comment, summary])
def test_every_text_is_whole_and_none_of_its_names_is_obeyed(build, write) -> None:
    assert read(write(build())).links == []


@pytest.mark.parametrize("write", [comment, summary])
def test_nothing_in_a_name_becomes_a_mention_a_reference_or_a_link(write) -> None:
    text = write(hostile())
    for trap in ("@octocat", "#12", "http://", "www.", "a@evil"):
        assert trap in HOSTILE
        assert trap not in text
    assert f"@{UNSEEN}octocat" in text


@given(st.text(), st.sampled_from([plain, prose]))
def test_any_text_is_one_line_of_text(text, write) -> None:
    written = write(text)
    assert len(written.splitlines()) <= 1
    reader = read(f"<ul>\n<li>{written}</li>\n</ul>")
    assert reader.links == []


@pytest.mark.parametrize("letter", ['"', "&", "\U0001f600", "@", "`a` "])
@pytest.mark.parametrize(("write", "most"), [(comment, comments.MAX_BYTES), (summary, summaries.MAX_BYTES)])
def test_a_text_has_its_bounds_however_many_and_long_the_names_are(letter, write, most) -> None:
    name = (letter * 65536)[:65536]
    document = many(100)
    document = document.model_copy(
        update={
            "base": document.base.model_copy(update={"what": name}),
            "candidate": document.candidate.model_copy(update={"what": name}),
            "cells": tuple(
                c.model_copy(update={"route": f"{n // 4} {name}", "why": name, "causes": (name,) * 9})
                for n, c in enumerate(document.cells)
            ),
            "exact": tuple(f.model_copy(update={"route": f"{n} {name}"}) for n, f in enumerate(document.exact)),
            "loosened": (Loosened(objective=name, what=name),) * 90,
            "accepts": (accepts(route=name, why=name, until=name, measure=name, covers=(name,)),) * 90,
            "reasons": (name,) * 90,
            "warnings": (name,) * 90,
            "tool": name,
            "adoption": adoption(why=name),
        }
    )
    text = write(document)
    assert len(text.encode()) <= most
    assert "more, in the report" in text
    read(text)


def test_a_comment_says_in_its_first_lines_what_got_worse_by_how_much_and_why() -> None:
    text = comment(failing())
    lines = text.splitlines()
    assert lines[0] == MARKER
    assert lines[2] == "### ✕ Fail: 1 of 5 routes got worse, 1 objective is loosened"
    top = words("\n".join(lines[:9]))
    assert "GET /api/conversations p95 +38 % [+35, +41], 96.5 ms → 133 ms" in top
    assert "3 more queries, all select name from contacts where id = $1 at parallel.py:88 (N+1)" in top
    assert len(top.split()) < 120


def test_a_comment_says_what_is_taken_on_and_until_when() -> None:
    text = words(comment(failing()))
    assert "Taken on knowingly POST /api/messages/send latency, up to 30 % until 2030-01-31: p95 +18 %" in text
    assert "until 2026-01-31: expired, it covers nothing any more" in text


def test_a_comment_says_the_error_rate_and_the_measured_one() -> None:
    text = words(comment(comparison()))
    assert "would come up in at most 1 % of such comparisons" in text
    assert "Measured on this machine: 0 false alarms in 60 comparisons of identical sides (0 % to 6.0 %)" in text


def test_the_worst_comes_first_and_what_does_not_fit_is_counted() -> None:
    text = words(comment(many(200, length=300)))
    assert text.index("resource-199") < text.index("resource-197")
    assert "more, in the report" in text


def test_a_comment_leads_to_the_report() -> None:
    assert read(comment(failing(), "https://example.test/run/1")).links == ["https://example.test/run/1"]


def test_nothing_is_told_where_nothing_changed() -> None:
    assert not worth_telling(comparison())


@pytest.mark.parametrize(
    "document",
    [
        failing(),
        undecided(),
        interrupted(),
        comparison(accepts=(accepts(),)),
        comparison(accepts=(accepts(holds=False, covers=()),)),
        comparison(loosened=(Loosened(objective="o", what="lower", accepted="why"),)),
        comparison(exact=(exact(accepted="why"),)),
        comparison(cells=tuple(cells({("GET /api/conversations", "p95"): -0.3}))),
    ],
)
def test_whatever_changed_is_told(document) -> None:
    assert worth_telling(document)


def test_an_improvement_is_shown() -> None:
    text = words(comment(comparison(cells=tuple(cells({("GET /api/conversations", "p95"): -0.3})))))
    assert "Got better GET /api/conversations p95 −30 % [−32, −28]" in text


def test_a_summary_has_every_number() -> None:
    text = words(summary(failing()))
    assert "p, adjusted" in text
    assert "5 210 and 5 188" in text


def test_a_route_shows_what_its_load_came_to_beside_what_was_counted_of_it() -> None:
    text = comment(comparison(verdict="fail", exit_code=1, exact=(exact(),)))
    (row,) = (line for line in text.splitlines() if line.startswith("<tr>") and "queries 2 → 5" in line)
    assert row.endswith("<td>✕ queries 2 → 5</td><td>✓ Pass</td></tr>")
    assert "<th>Counted</th><th>By load</th>" in text
    assert "<th>Verdict</th>" in comment(comparison())


def test_why_nothing_would_have_shown_is_told_where_nothing_would() -> None:
    short = cell("GET /shop", "p50", visible=None)
    assert "<td>too short a load</td>" in summary(comparison(cells=(short,)))


@pytest.mark.parametrize("write", [comment, summary])
def test_what_the_rule_advises_is_told_with_its_numbers(write) -> None:
    assert f"adopt the candidate: {adoption().why}" in words(write(comparison(adoption=adoption())))
    assert "adopt" not in words(write(comparison()))
