"""How often a gate errs here: what is replayed of logs, what gates come to together, and how that is shown."""

import datetime as dt
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from rich.console import Console
from scipy.special import bdtr, bdtrc
from tailgate_loadtest.errors import ComparisonError
from tailgate_loadtest.judge.regression.calibration.rates import alarms_of, bounds, least, progress, rates, showing
from tailgate_loadtest.judge.regression.calibration.records import (
    Calibration,
    CalibrationsDocument,
    File,
    GateRecord,
    Machine,
    Seen,
    Setting,
)
from tailgate_loadtest.judge.regression.calibration.replayed import decided, gate_record, replay
from tailgate_loadtest.judge.regression.decision import judge
from tailgate_loadtest.judge.regression.terms.asked import Asked, Terms
from tailgate_loadtest.judge.regression.terms.leeway import Leeway
from tailgate_loadtest.judge.regression.together import judge_pair, looks_of
from tailgate_loadtest.measure.hlog import LatencyLog
from tailgate_loadtest.report.calibration.page import MAX_ROUTES, page
from tailgate_loadtest.report.calibration.table import calibration_table
from tailgate_loadtest.report.regression.terminal import comparison_table
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.comparison import Comparison
from tailgate_loadtest.shapes.sides import SIDES, Design, Side
from tailgate_slo.model import Tolerance

from tests.loadtest.comparisons import HOSTILE, ROUTES, undecided
from tests.loadtest.gates import ROUTE, intervals, probed
from tests.loadtest.test_accept import entry

DESIGN = Design(seconds=5 * 40 + 5, warmup=5, seed=3, block=5)
LOOKS = looks_of(DESIGN, 0.01)
TIMES = tuple(look.at for look in LOOKS.moments)
LOOSE = Leeway(tolerance=Tolerance(), on=dt.date(2023, 11, 14))
WIDE = replace(LOOSE, tolerance=Tolerance(relative=Decimal("0.5")))
TIGHT = replace(LOOSE, tolerance=Tolerance(relative=Decimal("0.0001"), absolute=Decimal("0.0000001")))

SETTING = Setting(
    machine=Machine(processor="EPYC", cores=2, memory_bytes=16 * 2**30 - 300_000_000),
    profile=File(name="gate", digest="1"),
    locustfile=File(name="locustfile.py", digest="2"),
    classes=(),
    budget=300,
    turn=5,
    relative=0.05,
    absolute=0.002,
    error_rate=0.01,
    db_rtt=0,
    tool="0.1.0",
)


def logs(slower: float = 1.0) -> dict[Side, LatencyLog]:
    return {side: LatencyLog(found) for side, found in intervals(DESIGN, slower).items()}


def gate(number: int = 0, verdict: Any = "pass", **changes: Any) -> GateRecord:
    """A gate that saw less and less in two looks, and was decided at the second."""
    return GateRecord(
        **{
            "id": f"gate-{number:03}",
            "started": f"2026-05-20T08:{number % 60:02}:00+00:00",
            "seed": number,
            "revision": None,
            "verdict": verdict,
            "at": None if verdict == "inconclusive" else 200.0,
            "reasons": () if verdict == "pass" else (f"{ROUTE} p95: it is so",),
            "looks": (100.0, 200.0),
            "seen": tuple(
                Seen(route=route, measure=measure, visible=(None, 0.2))
                for route in (ROUTE, "POST /cart")
                for measure in ("p50", "p95", "failures")
            ),
            **changes,
        }
    )


def calibration(*gates: GateRecord, **setting: Any) -> Calibration:
    """Those gates, of one setting."""
    return Calibration(setting=SETTING.model_copy(update=setting), side="working tree", gates=gates)


def shown(found: Calibration, width: int = 80) -> str:
    known = rates(found)
    assert known is not None
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(calibration_table(found, known))
    return console.export_text()


def pictured(found: Calibration) -> str:
    known = rates(found)
    assert known is not None
    return page(found, known)


def test_each_look_is_judged_as_if_the_load_had_been_looked_at_then() -> None:
    base, candidate = logs().values()
    found = replay(base, candidate, DESIGN, LOOKS, LOOSE, until=DESIGN.seconds)
    assert [each.look.at for each in found if each.look] == list(TIMES)
    for each, at in zip(found, TIMES, strict=True):
        assert each == judge(base, candidate, DESIGN, LOOKS, LOOSE.tolerance, until=at)


def test_a_comparison_is_judged_as_if_it_had_ended_at_an_earlier_look(
    bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    (tmp_path / "both").mkdir()
    for side, found in intervals(DESIGN, slower=1.5).items():
        bundle(found, path=f"both/{side}", seconds=DESIGN.seconds + 3.0)
    asked = {side: Asked(what="working tree", revision=None, facts={}) for side in SIDES}
    terms = Terms(sides=asked, design=DESIGN, error_rate=0.01, fresh=True)
    comparison = probed(Comparison(Bundle(tmp_path / "both")))
    base, candidate = logs(slower=1.5).values()
    for until, looks in ((TIMES[0], TIMES[:1]), (TIMES[-1] + 9, TIMES)):
        document = judge_pair(comparison, replace(terms, until=until))
        assert judge_pair(comparison, Terms.of(document)) == document
        assert tuple(look.at for look in document.looks) == looks
        expected = judge(base, candidate, DESIGN, LOOKS, LOOSE.tolerance, until=looks[-1])
        assert [(c.route, c.measure, c.ratio) for c in document.cells] == [
            (c.route, c.measure, c.ratio) for c in expected.cells
        ]
        assert (document.verdict, document.reasons) == ("fail", expected.reasons)


def test_looks_after_the_load_had_ended_tell_nothing() -> None:
    base, candidate = logs().values()
    found = replay(base, candidate, DESIGN, LOOKS, LOOSE, until=TIMES[1] + 1)
    assert [each.look.at for each in found if each.look] == list(TIMES[:2])
    assert replay(base, candidate, DESIGN, LOOKS, LOOSE, until=TIMES[0] - 1) == []


def test_the_first_look_that_decides_ends_the_gate() -> None:
    base, candidate = logs().values()
    found = replay(base, candidate, DESIGN, LOOKS, WIDE, until=DESIGN.seconds)
    assert {each.verdict for each in found} == {"pass"}
    assert decided(found) == TIMES[0]
    assert decided(replay(base, candidate, DESIGN, LOOKS, TIGHT, until=DESIGN.seconds)) is None


def test_a_side_that_is_slower_would_have_been_an_alarm() -> None:
    base, candidate = logs(slower=1.5).values()
    found = replay(base, candidate, DESIGN, LOOKS, LOOSE, until=DESIGN.seconds)
    assert decided(found) == TIMES[0]
    assert found[0].verdict == "fail"


def test_what_is_taken_on_alarms_at_no_look_and_is_decided_when_its_interval_is_within_the_bound() -> None:
    base, candidate = logs(slower=1.2).values()
    assert decided(replay(base, candidate, DESIGN, LOOKS, LOOSE, until=DESIGN.seconds)) == TIMES[0]
    knowing = replace(LOOSE, accepts=[entry(route=ROUTE, bound=Decimal("0.37"))])
    found = replay(base, candidate, DESIGN, LOOKS, knowing, until=DESIGN.seconds)
    assert [each.verdict for each in found] == ["inconclusive", "pass", "pass"]


def test_a_gate_keeps_what_each_look_would_have_shown() -> None:
    base, candidate = logs().values()
    judgements = replay(base, candidate, DESIGN, LOOKS, LOOSE, until=DESIGN.seconds)
    document = undecided().model_copy(update={"verdict": "pass"})
    record = gate_record(document, judgements, seed=7)
    assert (record.looks, record.seed, record.at) == (TIMES, 7, decided(judgements))
    assert record.reasons == ()
    kept = {(each.route, each.measure): each.visible for each in record.seen}
    last = {(cell.route, cell.measure): cell for cell in judgements[-1].cells if cell.blocking}
    assert kept.keys() == last.keys()
    p50 = kept[ROUTE, "p50"]
    assert p50[-1] == pytest.approx(last[ROUTE, "p50"].visible - 1)  # type: ignore[operator]
    assert kept[ROUTE, "failures"][-1] == last[ROUTE, "failures"].visible
    assert p50[0] is not None
    assert p50[-1] is not None
    assert p50[-1] < p50[0]


def test_what_was_decided_though_the_whole_was_not_has_no_time() -> None:
    base, candidate = logs().values()
    judgements = replay(base, candidate, DESIGN, LOOKS, WIDE, until=DESIGN.seconds)
    unsound = undecided().model_copy(update={"reasons": ("the generator was late",)})
    record = gate_record(unsound, judgements, seed=1)
    assert (record.verdict, record.at, record.reasons) == ("inconclusive", None, ("the generator was late",))


def test_what_the_probe_found_is_an_alarm_at_the_end() -> None:
    base, candidate = logs().values()
    judgements = replay(base, candidate, DESIGN, LOOKS, TIGHT, until=DESIGN.seconds)
    found = undecided().model_copy(update={"verdict": "fail", "reasons": (f"{ROUTE}: one more query",)})
    assert gate_record(found, judgements, seed=1).at == TIMES[-1]


def test_an_interrupted_gate_is_none() -> None:
    with pytest.raises(ComparisonError, match="was interrupted"):
        gate_record(undecided().model_copy(update={"verdict": "interrupted"}), [], seed=1)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_bounds_of_a_rate_are_the_exact_ones(counts: tuple[int, int]) -> None:
    """A bound is the rate of which what was met, or more of it on its side, comes up once in twenty times."""
    times, of = counts
    low, high = bounds(times, of)
    assert bdtrc(times - 1, of, low) == pytest.approx(0.05) if times else low == 0
    assert bdtr(times, of, high) == pytest.approx(0.05) if times < of else high == 1


def test_twenty_gates_without_an_alarm_show_little() -> None:
    assert bounds(0, 20)[1] == pytest.approx(0.139, abs=5e-4)
    assert showing(0.01) == 299


@given(st.integers(0, 8), st.floats(1e-3, 0.2))
def test_so_many_gates_show_a_rate_and_one_fewer_does_not(alarms: int, rate: float) -> None:
    enough = showing(rate, alarms)
    assert bdtr(alarms, enough, rate) <= 0.05 + 1e-9
    assert bdtr(alarms, enough - 1, rate) >= 0.05 - 1e-9


def test_rates_are_those_of_all_gates() -> None:
    gates = [gate(0, "fail"), gate(1, "inconclusive"), gate(2, "inconclusive"), *(gate(n) for n in range(3, 20))]
    known = rates(calibration(*gates))
    assert known is not None
    assert (known.gates, known.false_alarms, known.inconclusive) == (20, 1, 2)
    assert (known.false_alarms_low, known.false_alarms_high) == bounds(1, 20)
    assert (known.seconds, known.measured) == (300, gates[-1].started)
    assert known.machine == "EPYC, 2 cores, 16 GiB"
    assert rates(calibration()) is None


DIED = "base: its service died 12 s into the load: exit code 3; its log is .tailgate/sides/base.log"


def gave_out(number: int = 0, verdict: Any = "fail") -> GateRecord:
    """A gate that ended with one of its sides."""
    return gate(number, verdict, at=None, aborted=DIED, looks=(100.0,), seen=gate(looks=(100.0,), seen=()).seen)


def test_a_gate_in_which_a_side_gave_out_is_neither_right_nor_wrong() -> None:
    lasting = [gate(0), gate(1, "inconclusive"), gate(2, "fail")]
    found, without = calibration(*lasting, gave_out(3), gave_out(4, "inconclusive")), calibration(*lasting)
    assert rates(found) == rates(without)
    assert (alarms_of(found), least(found), progress(found)) == (
        alarms_of(without),
        least(without),
        progress(without),
    )
    assert [each.id for each in found.aborted] == ["gate-003", "gate-004"]
    assert rates(calibration(gave_out())) is None


def test_a_gate_keeps_which_side_gave_out() -> None:
    record = gate_record(undecided().model_copy(update={"verdict": "fail", "aborted": DIED}), [], seed=1)
    assert (record.aborted, record.at) == (DIED, None)


def test_what_gave_out_is_told_with_why_and_how_often() -> None:
    found = calibration(gate(0), *(gave_out(n) for n in (1, 2)), gate(3, "inconclusive"))
    text = " ".join(shown(found).split())
    assert "0 false alarms in 2 gates" in text
    assert f"1 gate: {ROUTE} p95: it is so" in text
    assert "In 2 gates a side gave out under the load: they count neither as right nor as wrong." in text
    assert f"2 gates: {DIED}" in text
    whole = " ".join(pictured(found).split())
    assert "In 2 gates a side gave out" in whole
    assert f"<code>gate-001</code> {DIED}" in whole
    assert whole.count('<span class="tone">gave out</span>') == 2
    assert "gave out" not in shown(calibration(gate())) + pictured(calibration(gate()))


def test_where_a_side_gave_out_in_every_gate_that_alone_is_told() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(calibration_table(calibration(gave_out()), None))
    text = " ".join(console.export_text().split())
    assert "In 1 gate a side gave out under the load: it counts neither as right nor as wrong." in text
    assert "false alarms" not in text


def seeing(*values: float | None) -> list[GateRecord]:
    return [
        gate(n, looks=(100.0,), seen=(Seen(route=ROUTE, measure="p95", visible=(value,)),))
        for n, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("values", "middle"),
    [((0.1, 0.3, 0.2), 0.2), ((0.1, None, 0.2), 0.2), ((0.1, None, None), None), ((0.1, None), None)],
)
def test_a_gate_that_saw_nothing_saw_the_least(values: Sequence[float | None], middle: float | None) -> None:
    (found,) = least(calibration(*seeing(*values)))
    assert found.points == ((100.0, middle),)


def test_the_share_of_decided_gates_grows() -> None:
    gates = [gate(0, at=100.0), gate(1), gate(2, "inconclusive"), gate(3, "fail", at=100.0)]
    assert progress(calibration(*gates)) == [(100.0, 0.5), (200.0, 0.75)]


def test_memory_that_a_kernel_keeps_makes_no_other_machine() -> None:
    other = SETTING.model_copy(update={"machine": Machine(processor="EPYC", cores=2, memory_bytes=16 * 2**30 - 1)})
    assert SETTING.differences(other) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"machine": SETTING.machine.model_copy(update={"processor": "Xeon"})}, "processor EPYC instead of Xeon"),
        ({"machine": SETTING.machine.model_copy(update={"cores": 4})}, "cores 2 instead of 4"),
        ({"machine": SETTING.machine.model_copy(update={"memory_bytes": 2**33})}, "memory 16 GiB instead of 8 GiB"),
        ({"profile": File(name="load", digest="9")}, "profile gate instead of load"),
        ({"profile": File(name="gate", digest="9")}, "profile gate as it was then"),
        ({"locustfile": File(name="locustfile.py", digest="9")}, "locustfile locustfile.py as it was then"),
        ({"classes": ("Caller",)}, "user classes all instead of Caller"),
        ({"budget": 600.0}, "budget 300 s instead of 600 s"),
        ({"turn": 4}, "turns of 5 s instead of 4 s"),
        ({"relative": 0.1}, "tolerance 0.05 or 2 ms instead of 0.1 or 2 ms"),
        ({"error_rate": 0.05}, "error rate 0.01 instead of 0.05"),
        ({"db_rtt": 0.01}, "round trip to the database 0 ms instead of 10 ms"),
        ({"tool": "0.2.0"}, "version 0.1.0 instead of 0.2.0"),
    ],
)
def test_another_setting_is_named(changes: dict[str, Any], told: str) -> None:
    assert SETTING.differences(SETTING.model_copy(update=changes)) == [told]


def test_what_is_kept_is_read_again() -> None:
    document = CalibrationsDocument(calibrations=(calibration(gate(), gate(1, "fail")),))
    assert CalibrationsDocument.model_validate_json(document.model_dump_json(by_alias=True)) == document


@pytest.mark.parametrize("changes", [{"looks": (100.0,)}, {"at": float("nan")}, {"looks": (100.0, float("inf"))}])
def test_a_gate_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        gate(**changes)


def test_a_comparison_says_why_it_has_no_rates() -> None:
    console = Console(width=400, record=True, file=io.StringIO())
    console.print(comparison_table(undecided().model_copy(update={"unrated": "the budget was another"})))
    text = console.export_text()
    assert "How often such verdicts are wrong here is not measured: the budget was another." in text
    assert "Not measured on this machine yet" not in text


def test_the_table_says_what_so_few_gates_are_worth() -> None:
    text = " ".join(shown(calibration(*map(gate, range(20)))).split())
    assert "0 false alarms in 20 gates 1 % by design" in text
    assert "fewer than 13.9 % of such gates are false alarms: that is all so few gates can show" in text
    assert "It takes 299 with no false alarm to show that fewer than 1 % are: 279 more, 23 h 15 min of load." in text
    assert "inconclusive: 0 of 20, 0 % [0 %, 13.9 %]" in text
    assert "decided: 20, half of them within 3 min 20 s, all within 3 min 20 s" in text


def test_enough_gates_show_what_was_promised() -> None:
    text = " ".join(shown(calibration(*map(gate, range(299)))).split())
    assert "fewer than 1.00 % of such gates are false alarms, as promised" in text


def test_too_many_alarms_are_named() -> None:
    gates = [gate(n, "fail" if n < 3 else "pass") for n in range(20)]
    text = " ".join(shown(calibration(*gates)).split())
    assert "more than 4.2 % of such gates are false alarms, and 1 % are promised" in text
    assert f"! gate-000: {ROUTE} p95: it is so" in text
    assert 'class="banner fail"' in pictured(calibration(*gates))


def test_every_measure_has_its_row_and_every_look_its_column() -> None:
    lines = shown(calibration(gate())).splitlines()
    assert any(re.search(r"1:40\s+3:20", line) for line in lines)
    assert sum(bool(re.search(r"–\s+\+20%$", line.rstrip())) for line in lines) == 4
    assert sum(bool(re.search(r"–\s+\+20pt$", line.rstrip())) for line in lines) == 2
    assert all(len(line) <= 80 for line in lines)


def test_of_many_looks_some_are_shown_the_first_and_the_last_among_them() -> None:
    times = tuple(float(time) for time in range(100, 2000, 40))
    many = gate(looks=times, seen=(Seen(route=ROUTE, measure="p95", visible=(0.1,) * len(times)),))
    head = shown(calibration(many)).splitlines()[4]
    assert re.search(r"after\s+1:40\s.*\s33:00$", head.rstrip())
    assert len(head.split()) == 7


def test_gates_that_could_stop_nothing_say_so() -> None:
    bare = calibration(gate(looks=(), seen=(), verdict="inconclusive"))
    assert "nothing had enough requests" in shown(bare)
    assert "Nothing had enough requests" in pictured(bare)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)


def tags(text: str) -> list[str]:
    parser = _Tags()
    parser.feed(text)
    return parser.seen


def test_each_route_has_a_picture_and_the_progress_one_for_each_width() -> None:
    text = pictured(calibration(gate(), gate(1, "inconclusive")))
    assert tags(text).count("svg") == 2 + 2
    assert text.count('class="line p50"') == text.count('class="label p50"') == 2
    assert text.count('id="progress-wide-title"') == text.count('id="progress-narrow-title"') == 1
    assert "http:" not in text
    assert "script" not in tags(text)


def test_no_name_in_a_calibration_is_obeyed() -> None:
    seen = tuple(Seen(route=HOSTILE, measure=m, visible=(0.5, 0.01)) for m in ("p50", "p99"))
    hostile = calibration(gate(verdict="fail", seen=seen, reasons=(HOSTILE,), id=HOSTILE), gate(1))
    gone = gate(2).model_copy(update={"aborted": HOSTILE})
    hostile = hostile.model_copy(update={"side": HOSTILE, "gates": (*hostile.gates, gone)})
    tame = calibration(gate(verdict="fail", seen=tuple(s.model_copy(update={"route": ROUTE}) for s in seen)), gate(1))
    assert set(tags(pictured(hostile))) <= set(tags(pictured(tame))) | {"wbr"}
    assert not {"\x1b", "\x00", "\u202e"} & set(pictured(hostile) + shown(hostile))


def test_of_very_many_routes_some_are_pictured_and_all_are_told() -> None:
    routes = [f"GET /{n}" for n in range(100)]
    seen = tuple(Seen(route=route, measure="p95", visible=(0.1, 0.1)) for route in routes)
    text = pictured(calibration(gate(seen=seen)))
    assert tags(text).count("svg") == MAX_ROUTES + 2
    assert all(f"GET\u00a0/<wbr>{n}<" in text for n in range(100))
    assert "and 40 more routes" in shown(calibration(gate(seen=seen)))


def test_a_route_with_failures_alone_is_told_and_not_pictured() -> None:
    seen = (Seen(route="GET /rare", measure="failures", visible=(None, 0.1)), *gate().seen)
    text = pictured(calibration(gate(seen=seen)))
    assert tags(text).count("svg") == 2 + 2
    assert "GET\u00a0/<wbr>rare" in text
    only = pictured(calibration(gate(seen=seen[:1])))
    assert tags(only).count("svg") == 2
    assert "GET\u00a0/<wbr>rare" in only


def test_what_differs_widely_is_on_a_logarithmic_axis() -> None:
    seen = tuple(Seen(route=r, measure="p99", visible=(9.0, 0.1)) for r in ROUTES)
    assert "%, log" in pictured(calibration(gate(seen=seen)))
