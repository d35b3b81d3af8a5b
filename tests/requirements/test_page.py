"""The page, of rows that came to each of its verdicts."""

import math
from pathlib import Path

import pytest

from benchmarks.figures import Figure
from benchmarks.stored import Machine, Stored
from tests.requirements.page import OF_FIGURES, Test, judged, of_figures, render
from tests.requirements.rows import Row

GOLDEN = Path(__file__).parent / "golden"

ROWS = (
    Row(id="A1", title="Shown", text="By a test and a figure.", figures=("shop.cart.p95_ms",)),
    Row(id="A2", title="The shop's figure", text="One of two misses its goal.", figures=("shop.*.p95_ms",)),
    Row(id="A3", title="No figure yet", text="There is none of that name.", figures=("shop.cart.p99_ms",)),
    Row(id="A4", title="A test fails", text="Another one passes."),
    Row(id="A5", title="A test is skipped", text="Which shows nothing.", document="docs/no-such.md"),
    Row(id="B1", title="No test", text="Nobody has written one."),
)


def stored(name: str, value: float, goal: float = 100, commit: str = "abc1234") -> Stored:
    return Stored(
        figure=Figure(name=name, value=value, low=value - 1, high=value + 1, goal=goal),
        commit=commit,
        date="2026-01-31",
        command="python -m benchmarks.shop --rounds 3",
        machine=Machine(cores=2, memory=8_000_000_000, python="3.11.9"),
    )


def ran(outcome: str, *rows: str, file: str = "tests/shop/test_cart.py") -> Test:
    return Test(file=file, rows=frozenset(rows), outcome=outcome)


STORED = {each.figure.name: each for each in (stored("shop.cart.p95_ms", 37.25), stored("shop.till.p95_ms", 101))}
STORED["shop.unasked_for"] = stored("shop.unasked_for", 1, commit="fff0000")
TESTS = [
    ran("passed", "A1", "A2"),
    ran("passed", "A1", file="tests/shop/test_till.py"),
    ran("passed", "A3", "A4"),
    ran("failed", "A4"),
    ran("skipped", "A5"),
]


def test_the_page_shows_what_is_shown_missed_and_missing(tmp_path):
    golden, got = GOLDEN / "requirements.md", GOLDEN / "requirements.md.got"
    page = render(ROWS, TESTS, STORED, "The tests ran on a Monday.", root=tmp_path)
    got.write_text(page, encoding="utf-8")
    assert page == golden.read_text(encoding="utf-8"), f"look at {got}, then move it over the golden file"
    got.unlink()


def test_the_lines_of_figures_are_found_again_in_the_page(tmp_path):
    page = render(ROWS, TESTS, STORED, "The tests ran on a Monday.", root=tmp_path)
    assert [line for line in page.splitlines() if line.startswith(OF_FIGURES)] == of_figures(ROWS, STORED)


@pytest.mark.parametrize(
    ("index", "verdict"),
    [
        (0, "shown"),
        (1, "missed: 1 figure"),
        (2, "missing: 1 figure"),
        (3, "missed: 1 failed test"),
        (4, "missing: 1 test that was skipped, `docs/no-such.md`"),
        (5, "missing: a test"),
    ],
)
def test_a_row_is_shown_by_all_it_needs_and_nothing_less(index, verdict, tmp_path):
    assert str(judged(ROWS[index], TESTS, STORED, tmp_path)) == verdict


def test_a_document_that_is_there_is_not_missing(tmp_path):
    (tmp_path / "page.md").touch()
    row = Row(id="A1", title="", text="", document="page.md")
    assert str(judged(row, [ran("passed", "A1")], {}, tmp_path)) == "shown"


def test_a_figure_that_is_no_number_is_missed():
    row = Row(id="A1", title="", text="", figures=("shop.cart.p95_ms",))
    verdict = judged(row, [ran("passed", "A1")], {"shop.cart.p95_ms": stored("shop.cart.p95_ms", math.nan)})
    assert verdict.word == "missed"
