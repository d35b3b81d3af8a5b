"""What a comparison shows in a terminal."""

import io

import pytest
from rich.console import Console
from tailgate_loadtest.judge.regression.document import ComparisonDocument, Look
from tailgate_loadtest.report.regression.terminal import comparison_table
from tailgate_loadtest.report.regression.words import interval
from tailgate_loadtest.shapes.sides import Side

from tests.loadtest.comparisons import (
    HOSTILE,
    adoption,
    cell,
    comparison,
    early,
    exact,
    failing,
    hostile,
    interrupted,
    many,
    objective,
    undecided,
)


def shown(document: ComparisonDocument, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False, highlight=False)
    console.print(comparison_table(document))
    return console.file.getvalue()


@pytest.mark.parametrize("build", [comparison, early, failing, undecided, interrupted, hostile, many])
def test_a_table_fits_eighty_columns_and_has_no_control_characters(build) -> None:
    text = shown(build())
    assert max(map(len, text.splitlines())) <= 80
    assert not [c for c in text if (ord(c) < 32 and c != "\n") or c in "\x7f\u202e"]


def test_a_regression_shows_its_size_its_interval_and_its_cause() -> None:
    text = shown(failing(), width=120)
    assert "✕ FAIL  1 of 5 routes got worse, 1 objective is loosened" in text
    assert "p95 +38 % [+35, +41], 96.5 ms → 133 ms" in text
    assert "why: 3 more queries, all `select name from contacts where id = $1` at parallel.py:88 (N+1)" in text
    assert "queries 2 → 5 in 41 of 41 requests when first asked" in text


def test_of_queries_that_were_counted_alone_the_statement_is_told() -> None:
    cause = "3 more queries a request (2 → 5), all `select name from contacts where id = $1`"
    text = shown(comparison(verdict="fail", exit_code=1, exact=(exact(causes=(cause,)),)), width=120)
    assert f"why: {cause}" in text


def test_the_worst_route_comes_first() -> None:
    lines = shown(failing()).splitlines()
    assert lines[1].startswith("GET /api/conversations ")


def test_what_is_taken_on_shows_until_when_and_what_has_expired() -> None:
    text = shown(failing(), width=200)
    assert "latency, up to 30 % until 2030-01-31: p95 +18 % [+15, +21], 20.6 ms → 24.4 ms (signed uploads" in text
    assert "until 2026-01-31: expired, it covers nothing any more" in text


def test_the_error_rate_is_always_told_and_the_measured_one_where_it_is_known() -> None:
    assert "at most 1 % of" in shown(comparison())
    assert "0 false alarms in 60 comparisons of identical sides" in shown(comparison())
    assert "Not measured on this machine yet: `tailgate calibrate` does." in shown(undecided())


def test_of_a_gate_that_was_decided_early_no_share_has_more_digits_than_it_is_worth() -> None:
    assert "each bound of an interval is at 99.86 %" in " ".join(shown(early()).split())
    assert "each bound of an interval is at 95 %" in " ".join(shown(comparison()).split())


def test_an_undecided_route_shows_what_would_have_been_seen() -> None:
    text = shown(undecided(), width=120)
    assert "? GET /api/conversations p50, p95, failures undecided; p50 +23 % would have shown" in text


def test_markup_in_a_name_is_shown_and_not_obeyed() -> None:
    document = failing()
    named = document.model_copy(
        update={"cells": tuple(c.model_copy(update={"route": "GET /[bold red]x[/]"}) for c in document.cells)}
    )
    assert "GET /[bold red]x[/]" in shown(named)
    assert "<script>alert(1)</script>" in HOSTILE
    assert "<script>alert(1)</script>" in shown(hostile())


def test_more_than_fits_is_counted() -> None:
    assert "more, in report.html" in shown(many(100))


def test_a_route_that_cannot_stop_the_change_is_counted_and_not_judged() -> None:
    rare = tuple(cell("GET /api/rare", measure, 0.5, blocking=False) for measure in ("p50", "p95"))
    text = shown(comparison(cells=(*comparison().cells, *rare)))
    assert "GET /api/rare" not in text
    assert "and 1 more that are only shown, in report.html" in text


def test_a_route_shows_what_its_load_came_to_beside_what_was_counted_of_it() -> None:
    document = comparison(verdict="fail", exit_code=1, exact=(exact(), exact(phase="warm", base=2, candidate=6)))
    head, *rows = shown(document, width=120).splitlines()
    assert head.split()[-3:] == ["counted", "by", "load"]
    assert rows[0].startswith("GET /api/conversations ")
    assert rows[0].split()[-6:] == ["queries", "2", "→", "5", "✓", "pass"]
    assert rows[1].split()[-3:] == ["–", "✓", "pass"]
    assert "6" not in rows[0].split()
    assert "counted" not in shown(comparison(exact=(exact(accepted="known"), exact(blocking=False))))


def test_a_route_of_which_only_something_counted_is_known_has_a_row() -> None:
    found = exact(route="GET /gone", measure="status", base=200, candidate=500)
    text = shown(comparison(verdict="fail", exit_code=1, exact=(found,)), width=120)
    assert text.splitlines()[1].startswith("GET /gone ")
    assert "✕ status 200 → 500" in text.splitlines()[1]
    assert text.splitlines()[1].endswith("– not judged")


def test_a_side_that_gave_out_is_told_first_whatever_else_is_worse() -> None:
    died = "candidate: its service died 17 s into the load: SIGKILL; its log is .tailgate/sides/candidate.log"
    text = shown(failing(aborted=died, gave_out=(Side.CANDIDATE,), reasons=(died,)), width=120)
    assert "✕ FAIL  The candidate gave out under the load, 1 of 5 routes got worse" in text
    assert f"- {died}" in text
    died = died.replace("candidate", "base")
    text = shown(failing(aborted=died, gave_out=(Side.BASE,), reasons=(died,)), width=120)
    assert "✕ FAIL  1 of 5 routes got worse" in text
    assert f"- {died}" in text


def test_how_long_the_load_might_have_been_is_told_where_what_it_had_shown_ended_it() -> None:
    early = (Look(at=120, spent=0.002, decided="pass"),)
    told = "candidate working tree (0123456789ab) against base origin/main (9f1c2b3a4d5e), 2 min 1 s of at most 4 min"
    assert told in shown(comparison(seconds=121, looks=early), width=120)
    assert "at most 4" not in shown(comparison(), width=120)
    assert "at most 4" not in shown(interrupted(), width=120)


def test_shares_differ_by_no_more_than_the_whole() -> None:
    broken = cell("GET /api/contacts", "failures", change=0.75, half=0.33)
    text = shown(comparison(verdict="fail", exit_code=1, cells=(broken,)), width=120)
    assert "failures +75 points [+42, +100]" in text
    mended = cell("GET /api/contacts", "failures", change=-0.75, half=0.33)
    assert interval(mended) == "[−100, −42]"


def test_objectives_that_the_load_misses_do_not_look_as_if_they_stopped_anything() -> None:
    text = shown(comparison(objectives=(objective(verdict="fail"), objective())), width=120)
    assert "✕" not in text
    assert "! 1 of 2 objectives missed under this load, which stops nothing here: see report.html" in text
    assert "objectives missed" not in shown(comparison())


def test_reasons_are_told_only_where_nothing_else_says_them() -> None:
    assert "p50 and p95 got worse by more than is tolerated" not in shown(failing(), width=200)
    alone = comparison(verdict="fail", exit_code=1, reasons=("the brake ended the load",))
    assert "- the brake ended the load" in shown(alone)
    assert "- 9 of 15 cells are undecided after the whole budget" in shown(undecided())


@pytest.mark.parametrize(
    ("advice", "told"),
    [
        ("adopt", "adopt the candidate"),
        ("keep", "keep the base, and tune it"),
        ("neither", "by the rule neither to adopt nor to keep"),
        ("undecided", "not sure enough to adopt or to keep"),
    ],
)
def test_what_the_rule_advises_is_told_with_its_numbers(advice: str, told: str) -> None:
    rule = adoption(advice=advice)
    assert f"{told}: {rule.why}" in shown(comparison(adoption=rule), width=200)
    assert "adopt" not in shown(comparison(), width=200)
