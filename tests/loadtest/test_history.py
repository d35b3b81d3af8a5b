"""Many bundles over time: what is read of them, what is joined by a line, and what is left out by name."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tailgate_loadtest.errors import BundleError
from tailgate_loadtest.judge.history import History, read
from tailgate_loadtest.judge.verdict import judge_bundle
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.report.history.chapters import chapters
from tailgate_loadtest.report.history.page import page
from tailgate_loadtest.report.history.table import history_table
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import Percentiles, RouteRecord

from .conftest import intervals, objectives

SHOP, CART = "GET /shop", "POST /cart"
XEON = {"processor": "Xeon", "cores": 2, "revision": "abc123"}
EPYC = {**XEON, "processor": "EPYC"}


def routed(seconds: float, route: str = SHOP, failed: int = 0) -> RouteRecord:
    names = ("p50", "p90", "p95", "p99", "p999", "mean", "max")
    times = Percentiles(**{name: seconds * (1 + n / 10) for n, name in enumerate(names)})
    return RouteRecord(
        route=route,
        requests=300,
        failed=failed,
        censored=0,
        setup=0,
        rate=10,
        response=times,
        service=times,
        queries=3.0,
    )


@pytest.fixture
def day(bundle: Callable[..., Bundle]) -> Callable[..., Bundle]:
    """Writes a run of a day, judged: 2023-11-14 is day 0."""

    def day(number: int, seconds: float = 0.05, environment: dict[str, Any] = XEON, **changes: Any) -> Bundle:
        routes = changes.pop("routes", (routed(seconds),))
        made = bundle(
            intervals(SHOP, Kind.RESPONSE, seconds, [10] * 30),
            path=f"day{number:03}",
            began=1_700_000_000.0 + 86_400 * number,
            started=f"2023-11-{14 + number:02}T22:13:20.000+00:00",
            environment=environment,
            **changes,
        )
        judge_bundle(made, objectives(("fast", f"measure: latency, route: {SHOP}, threshold: 100ms", "0.9")))
        # What is shown is what run.json tells, and no log.
        made.write_run(made.read_run().model_copy(update={"routes": routes}))
        return made

    return day


def shown(history: History, route: str | None = None, last: int = 20, width: int = 80) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(history_table(history, route, last))
    return console.export_text()


def test_runs_stand_in_the_order_in_which_they_began(day: Callable[..., Bundle], tmp_path: Path) -> None:
    for number in (2, 0, 1):
        day(number, seconds=0.05 if number < 2 else 0.5)
    history = read(tmp_path)
    assert [run.path for run in history.runs] == ["day000", "day001", "day002"]
    assert [run.verdict for run in history.runs] == ["pass", "pass", "fail"]
    assert [run.revision for run in history.runs] == ["abc123"] * 3
    assert history.runs[2].why is not None
    assert history.runs[2].why.startswith("fast: ")
    assert history.runs[0].routes[0].queries == 3.0
    assert [run.routes[0].p95 for run in history.runs] == pytest.approx([0.06, 0.06, 0.6])


def test_runs_of_another_profile_host_variant_or_machine_are_another_series(
    day: Callable[..., Bundle], tmp_path: Path
) -> None:
    day(0)
    day(1, environment=EPYC)
    day(2, plan={"profile": "load"})
    day(3, plan={"host": "http://shop.test"})
    day(4)
    day(5, environment={**XEON, "variant": "parallel"})
    history = read(tmp_path)
    assert [run.series for run in history.runs] == [1, 2, 3, 4, 1, 5]
    assert [(each.profile, each.host, each.machine) for each in history.series] == [
        ("steady", "loopback", "Xeon, 2 cores"),
        ("steady", "loopback", "EPYC, 2 cores"),
        ("load", "loopback", "Xeon, 2 cores"),
        ("steady", "http://shop.test", "Xeon, 2 cores"),
        ("steady", "loopback", "Xeon, 2 cores"),
    ]
    assert [len(chapter.runs) for chapter in chapters(history)] == [1, 3, 1, 1]
    assert chapters(history)[0].title == "steady, loopback, parallel"


def test_a_line_breaks_where_the_machine_changes(day: Callable[..., Bundle], tmp_path: Path) -> None:
    for number, machine in enumerate((XEON, XEON, EPYC, EPYC, EPYC, XEON)):
        day(number, environment=machine)
    text = page(read(tmp_path), "")
    (line,) = re.findall(r'<path d="([^"]+)" class="line p95"/>', text)
    assert [run.count("L") for run in re.findall(r"M[^M]+", line)] == [1, 1, 0]
    assert text.count('class="change"') == 2
    assert "Machine B" in text


def test_a_line_breaks_where_a_run_has_no_number(day: Callable[..., Bundle], tmp_path: Path) -> None:
    day(0)
    day(1, routes=(routed(0.05, CART),))
    day(2)
    (line, _) = re.findall(r'<path d="([^"]+)" class="line p95"/>', page(read(tmp_path), ""))
    assert line.count("M") == 2


def test_a_verdict_that_is_no_pass_stands_at_the_foot(day: Callable[..., Bundle], tmp_path: Path) -> None:
    day(0)
    day(1, seconds=0.5)
    day(2, interrupted="SIGINT")
    text = page(read(tmp_path), "")
    assert re.findall(r'class="verdict (\w+)"', text) == ["fail", "interrupted"]


def test_a_run_is_reached_from_wherever_the_page_lies(day: Callable[..., Bundle], tmp_path: Path) -> None:
    day(0).write_text("report.html", "")
    day(1)
    history = read(tmp_path)
    assert [run.report for run in history.runs] == ["day000/report.html", None]
    assert 'href="day000/report.html"' in page(history, "")
    assert 'href="../runs/day000/report.html"' in page(history, "../runs/")


def test_both_sides_of_a_live_comparison_are_runs(day: Callable[..., Bundle], tmp_path: Path) -> None:
    (tmp_path / "one-ab").mkdir()
    (tmp_path / "one-ab" / "report.html").touch()
    for number, name in enumerate(("base", "candidate")):
        day(number).path.rename(tmp_path / "one-ab" / name)
    history = read(tmp_path)
    assert [run.path for run in history.runs] == ["one-ab/base", "one-ab/candidate"]
    assert [run.report for run in history.runs] == ["one-ab/report.html"] * 2
    # Neither joined with the other, nor with what was loaded alone.
    day(2)
    titles = [chapter.title for chapter in chapters(read(tmp_path))]
    assert titles == ["steady, loopback", "steady, loopback, candidate of two", "steady, loopback, base of two"]


def test_what_cannot_be_read_is_left_out_by_name(day: Callable[..., Bundle], tmp_path: Path) -> None:
    day(0)
    for number, (name, text) in enumerate(
        [
            ("run.json", ""),
            ("run.json", '{"schema": "tailgate/run/v9"}'),
            ("run.json", "[" * 100_000),
            ("verdict.json", "{"),
        ],
        1,
    ):
        (day(number).path / name).write_text(text)
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed" / "latency.hlog").touch()
    (tmp_path / "notes").mkdir()
    (tmp_path / "latest").symlink_to("day000")
    history = read(tmp_path)
    assert [run.path for run in history.runs] == ["day000"]
    assert [each.path for each in history.skipped] == ["day001", "day002", "day003", "day004", "killed"]
    assert all(each.path in each.why for each in history.skipped)
    assert shown(history).count("! left out") == 5
    assert "5 left out" in page(history, "")


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("began", math.nan, "began: Input should be a finite number"),
        ("seconds", -1.0, "seconds: Input should be greater than or equal to 0"),
    ],
)
def test_a_run_of_no_moment_is_left_out(
    day: Callable[..., Bundle], tmp_path: Path, field: str, value: float, why: str
) -> None:
    day(0)
    path = day(1).path / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    (skipped,) = read(tmp_path).skipped
    assert skipped.path == "day001"
    assert f"run.json: {why}" in skipped.why


def test_a_percentile_that_nobody_has_measured_is_a_gap(day: Callable[..., Bundle], tmp_path: Path) -> None:
    day(0)
    path = day(1).path / "run.json"
    document = json.loads(path.read_text())
    document["routes"][0]["response"].update(p50=-1.0, p95=-1e300, p99=-1e-9)
    path.write_text(json.dumps(document))
    history = read(tmp_path)
    route = history.runs[1].routes[0]
    assert (route.p50, route.p95, route.p99) == (None, None, None)


def test_a_run_that_was_never_judged_is_shown(day: Callable[..., Bundle], tmp_path: Path) -> None:
    (day(0).path / "verdict.json").unlink()
    history = read(tmp_path)
    assert history.runs[0].verdict is None
    assert "not judged" in shown(history)


def test_a_run_without_routes_is_shown(day: Callable[..., Bundle], tmp_path: Path) -> None:
    day(0, routes=())
    history = read(tmp_path)
    assert re.search(r": 1 run$", shown(history), re.MULTILINE)
    assert "<h1>1 run</h1>" in page(history, "")


@pytest.mark.parametrize(("make", "why"), [(True, "holds no run bundle"), (False, "there is no such directory")])
def test_no_history_is_refused(tmp_path: Path, make: bool, why: str) -> None:
    if make:
        (tmp_path / "runs").mkdir()
    with pytest.raises(BundleError, match=why):
        read(tmp_path / "runs")


def test_nothing_but_damaged_bundles_is_refused(day: Callable[..., Bundle], tmp_path: Path) -> None:
    (day(0).path / "run.json").write_text("")
    with pytest.raises(BundleError, match=r"none of 1 bundles can be read: .*day000"):
        read(tmp_path)


def test_the_table_shows_the_last_runs_by_the_route_asked_for(day: Callable[..., Bundle], tmp_path: Path) -> None:
    for number in range(4):
        day(number, routes=(routed(0.05), routed(0.2, CART, failed=3)))
    text = shown(read(tmp_path), CART, 2)
    assert "the last 2 of 4 runs" in text
    assert "2023-11-17" in text
    assert "2023-11-15" not in text
    assert re.search(r"abc123 +✓ pass +200 +240 +260 +1\.0% +3\.00", text)


def test_the_table_fits_a_narrow_terminal(day: Callable[..., Bundle], tmp_path: Path) -> None:
    day(0, environment={**XEON, "revision": "0123456789abcdef0123"})
    day(1, seconds=12.345, environment=EPYC)
    text = shown(read(tmp_path))
    assert "…" not in text.replace("0123456789a…", "")
    assert max(map(len, text.splitlines())) <= 80


def test_hostile_names_are_only_text(day: Callable[..., Bundle], tmp_path: Path) -> None:
    hostile = "GET /<script>alert(1)</script>\x1b[31m\n\u202e"
    environment = {**XEON, "revision": "<img src=x onerror=alert(1)>", "processor": "</style><script>"}
    day(0, environment=environment, routes=(routed(0.05, hostile),), plan={"profile": "\x1b]0;x\x07"})
    day(1, environment={**environment, "cores": 4}, routes=(routed(0.05, hostile),), plan={"profile": "\x1b]0;x\x07"})
    text = page(read(tmp_path), "")
    assert "<script" not in text
    assert "<img" not in text
    assert "\x1b" not in text
    table = shown(read(tmp_path))
    assert "\x1b" not in table
    assert "\u202e" not in table


def test_the_page_needs_nothing_else(day: Callable[..., Bundle], tmp_path: Path) -> None:
    day(0)
    day(1)
    text = page(read(tmp_path), "")
    assert "default-src 'none'" in text
    assert not re.search(r'(src|href)="(https?:)?//', text)
    assert "<script" not in text


def test_many_runs_are_one_page_of_some_size(day: Callable[..., Bundle], tmp_path: Path) -> None:
    """A page of a thousand runs does not hold what no pointer could point at."""
    day(0)
    history = read(tmp_path)
    run = history.runs[0]
    many = history.model_copy(update={"runs": tuple(run.model_copy(update={"began": float(n)}) for n in range(1000))})
    text = page(many, "")
    assert 'class="hit"' not in text
    assert 'class="dot' not in text
    assert len(text) < 2_000_000
