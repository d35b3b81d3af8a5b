"""Whose objectives have a say in what: the base's in what is tolerated, the candidate's in what is asked and taken on.

And what else is told of two sides that were loaded together, by what they keep on disk: why, and the advice of a rule.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tailgate_loadtest.judge.regression.document import Cell, ComparisonDocument
from tailgate_loadtest.judge.regression.terms.asked import Asked, Terms
from tailgate_loadtest.judge.regression.together import judge_pair
from tailgate_loadtest.measure.histogram import Histogram
from tailgate_loadtest.measure.hlog import Interval
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.comparison import Comparison
from tailgate_loadtest.run.traces import FAIR
from tailgate_loadtest.shapes.sides import SIDES, Design, Side
from tailgate_slo import Objectives

from tests.loadtest.conftest import objectives
from tests.loadtest.gates import ROUTE, intervals, probed
from tests.loadtest.test_why_spent import SERVER, query, span, text_of

DESIGN = Design(seconds=205, warmup=5, seed=3, block=5)
LAST_DAY = "2023-11-14"
"""On which the bundles of tests were made."""
Judged = Callable[..., ComparisonDocument]


def file(gate: str = "minimumSamples: 100", threshold: str = "100ms") -> Objectives:
    """An objective on p95 of the route, of which the base's is some 56 ms; and what a gate says."""
    return objectives(("shop", f"measure: latency, route: {ROUTE}, threshold: {threshold}", "0.95"), gate=gate)


def taking_on(bound: str, until: str = LAST_DAY, route: str = ROUTE) -> Objectives:
    """A file with an entry for times so much longer."""
    entry = f"{{route: {route}, measure: latency, bound: {bound}, until: {until}, why: signed uploads}}"
    return file(f"accept: [{entry}]")


TOLERANT = "tolerance: {relative: 0.5}"
USUAL, WIDE = file(), file(TOLERANT)


@pytest.fixture
def judged(bundle: Callable[..., Bundle], tmp_path: Path) -> Judged:
    """Judges two sides, each by the file that it has, of which the candidate takes so many times as long."""

    def judged(
        *,
        slower: float = 1.0,
        base: Objectives | None = USUAL,
        candidate: Objectives | None = USUAL,
        found: Mapping[Side, Sequence[Interval]] | None = None,
        traces: Mapping[Side, str] | None = None,
    ) -> ComparisonDocument:
        (tmp_path / "both").mkdir()
        found = found or intervals(DESIGN, slower)
        for side, asked in zip(SIDES, (base, candidate), strict=True):
            plan = {"slo_digest": asked.digest if asked else None}
            made = bundle(found[side], path=f"both/{side}", seconds=float(DESIGN.seconds), plan=plan)
            if asked:
                made.write_text(made.objectives.name, asked.text)
            if traces:
                made.traces.write_text(traces[side])
        sides = {side: Asked(what="working tree", revision=None, facts={}) for side in SIDES}
        terms = Terms(sides=sides, design=DESIGN, error_rate=0.01, fresh=True)
        return judge_pair(probed(Comparison(Bundle(tmp_path / "both"))), terms)

    return judged


def cell(document: ComparisonDocument, measure: str) -> Cell:
    (found,) = (each for each in document.cells if (each.route, each.measure) == (ROUTE, measure))
    return found


@pytest.mark.parametrize("base", [None, USUAL], ids=["by default", "by its file"])
def test_what_the_base_tolerates_no_file_of_the_candidate_can_widen(judged: Judged, base: Objectives | None) -> None:
    found = judged(slower=1.3, base=base, candidate=WIDE)
    assert (found.verdict, found.exit_code) == ("fail", 1)
    assert (cell(found, "p50").verdict, cell(found, "p50").tolerance) == ("fail", pytest.approx(1.05, abs=0.01))


def test_what_the_base_tolerates_passes_though_the_candidates_file_tolerates_less(judged: Judged) -> None:
    found = judged(slower=1.3, base=WIDE, candidate=USUAL)
    assert (found.verdict, found.exit_code) == ("pass", 0), found.reasons
    assert cell(found, "p50").tolerance == pytest.approx(1.5)


def test_objectives_are_the_candidates_of_both_sides_and_stop_nothing(judged: Judged) -> None:
    found = judged(base=file(TOLERANT, "500ms"), candidate=file(TOLERANT, "30ms"))
    (objective,) = found.objectives
    assert (objective.threshold, objective.verdict) == (0.03, "fail")
    assert (found.verdict, found.exit_code, found.warnings) == ("pass", 0, ()), found.reasons


def test_an_objective_that_the_base_keeps_and_the_candidate_does_not_is_a_warning(judged: Judged) -> None:
    found = judged(slower=1.5, base=file(threshold="500ms"), candidate=file(threshold="70ms"))
    assert found.warnings == ("under this load the candidate misses objectives that the base keeps: shop",)


def test_what_the_candidates_file_takes_on_passes_up_to_its_bound_and_until_its_day(judged: Judged) -> None:
    found = judged(slower=1.5, candidate=taking_on("1"))
    assert (found.verdict, found.exit_code) == ("pass", 0), found.reasons
    assert cell(found, "p50").accepted == "signed uploads"
    (entry,) = found.accepts
    assert (entry.holds, set(entry.covers) >= {"p50", "p95"}) == (True, True)
    # The last look decided by it as well.
    assert [look.decided for look in found.looks] == [None, None, "pass"]


@pytest.mark.parametrize(
    ("base", "candidate", "holds"),
    [
        (USUAL, taking_on("1", until="2023-11-13"), [False]),
        (USUAL, taking_on("0.2"), [True]),
        (USUAL, taking_on("1", route="GET /cart"), [True]),
        (taking_on("1"), USUAL, []),
    ],
    ids=["until the day before", "less", "of another route", "by the base's file"],
)
def test_what_the_candidates_file_does_not_take_on_fails(
    judged: Judged, base: Objectives, candidate: Objectives, holds: list[bool]
) -> None:
    found = judged(slower=1.5, base=base, candidate=candidate)
    assert (found.verdict, found.exit_code) == ("fail", 1)
    assert [(entry.holds, entry.covers) for entry in found.accepts] == [(each, ()) for each in holds]
    assert found.looks[-1].decided == "fail"


def test_what_is_taken_on_may_take_longer_and_not_stand_still_now_and_then(judged: Judged) -> None:
    found = intervals(DESIGN, slower=1.2)
    turn = next(segment for segment in DESIGN.segments if segment.to is Side.CANDIDATE)
    found[Side.CANDIDATE] = [
        replace(each, histogram=Histogram.of([2.0] * 40)) if turn.start <= each.second < turn.start + 3 else each
        for each in found[Side.CANDIDATE]
    ]
    told = judged(found=found, candidate=taking_on("1"))
    assert (told.verdict, told.exit_code) == ("inconclusive", 3)
    assert "but among the slowest 5 %" in cell(told, "p95").why


def traced(*queries: str) -> str:
    """Twenty requests by chance, each 20 ms the application's, and for each query 20 ms."""
    end = 20 + 20 * len(queries)
    request = span(1, 0, end, kind=SERVER, name=ROUTE, http_method="GET", http_route="/shop")
    del request["parentSpanId"]
    sent = [query(2 + n, 20 * (n + 1), 20 * (n + 2), text) for n, text in enumerate(queries)]
    return f"{text_of(request, *sent, **{FAIR: True})}\n" * 20


def test_what_got_worse_is_told_with_why_by_what_each_side_has_kept(judged: Judged) -> None:
    traces = {Side.BASE: traced("select a"), Side.CANDIDATE: traced("select a", "select b")}
    found = judged(slower=1.5, traces=traces)
    assert cell(found, "p50").causes == (
        "1 more query a request (1 → 2), `select b`",
        "of +20 ms at p50 (by 20 and 20 traces, ± 0.00 ms): database +20 ms, of which `select b` +20 ms",
    )
    assert cell(found, "failures").causes == ()


def test_what_got_worse_is_no_less_so_where_nobody_can_tell_why(judged: Judged) -> None:
    found = judged(slower=1.5, traces={Side.BASE: traced("select a"), Side.CANDIDATE: "{"})
    assert (found.verdict, found.exit_code) == ("fail", 1)
    assert cell(found, "p50").causes == ()
    (warning,) = found.warnings
    assert warning.startswith("why it is worse cannot be told: ")
    assert "candidate/traces.jsonl:1: is no kept trace" in warning


RULE = "decision: {{adopt: {{below: {below}, faster: 0.5}}, keep: {{within: 0.2}}}}"


@pytest.mark.row("A16")
def test_whether_to_adopt_the_candidate_is_advised_by_the_rule_of_the_bases_file(judged: Judged) -> None:
    found = judged(slower=0.4, base=file(RULE.format(below="500ms")), candidate=file(RULE.format(below="1ms")))
    assert found.adoption is not None
    assert found.adoption.advice == "adopt"
    assert found.adoption.ratio == pytest.approx(0.4, rel=0.05)
    assert found.adoption.why.endswith("adopt below 500 ms and 50 % faster, keep within 20 %")


def test_without_a_rule_in_the_bases_file_there_is_no_advice(judged: Judged) -> None:
    assert judged(slower=0.4, candidate=file(RULE.format(below="500ms"))).adoption is None
