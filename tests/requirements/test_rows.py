"""Every row of the table is shown by a test, and every mark is of a row."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import stored
from tests.requirements.page import OF_FIGURES, PAGE, of_figures
from tests.requirements.rows import ROWS

TESTS = Path(__file__).parent.parent


def marked(source: str) -> Iterator[object]:
    """What the marks ``pytest.mark.row(...)`` in a source say, which is read and not run."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="mark"), attr="row"), args=arguments):
                yield from (ast.literal_eval(argument) for argument in arguments)


@pytest.fixture(scope="module")
def marks() -> dict[object, set[str]]:
    """The files in which each id stands."""
    found: dict[object, set[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for one in marked(path.read_text(encoding="utf-8")):
            found.setdefault(one, set()).add(str(path.relative_to(TESTS)))
    return found


def test_marks_are_read_wherever_they_stand():
    source = """
pytestmark = [pytest.mark.row("A1"), pytest.mark.slow]
@pytest.mark.row("A2")
@pytest.mark.parametrize("one", [pytest.param(1, marks=pytest.mark.row("A3"))])
def test_something(one): ...
"""
    assert sorted(marked(source)) == ["A1", "A2", "A3"]


@pytest.mark.row("A17")
def test_every_row_has_a_test(marks):
    assert {row.id for row in ROWS} - set(marks) == set()


@pytest.mark.row("A17")
def test_every_mark_is_of_a_row(marks):
    assert {one: files for one, files in marks.items() if one not in {row.id for row in ROWS}} == {}


def test_no_row_is_there_twice():
    assert len({row.id for row in ROWS}) == len(ROWS)


# Without the row's id: what makes the page anew must not be held up by the old one.
def test_the_page_shows_the_rows_and_the_figures_as_they_are_stored():
    page = PAGE.read_text(encoding="utf-8").splitlines()
    cure = "docs/requirements.md is older than the rows or docs/figures.json: run make requirements"
    assert [line for line in page if line.startswith(OF_FIGURES)] == of_figures(ROWS, stored.load()), cure
    headings = [line for line in page if line.startswith("## ") and ": " in line]
    assert headings == [f"## {row.id}: {row.title}" for row in ROWS], cure
